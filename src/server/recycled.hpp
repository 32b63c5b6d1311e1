// Memory for small objects that every message needs for a moment: a block that such an object gave
// back is taken again by the next one of that size, without malloc.
#pragma once

#include <cstddef>

namespace postroad::server {

/// Base of a class whose objects are made and destroyed for every message. Any thread; a block
/// stays with the thread that gave it back.
class Recycled {
 public:
  static void* operator new(std::size_t size);
  static void operator delete(void* memory, std::size_t size) noexcept;

 protected:
  ~Recycled() = default;
};

}  // namespace postroad::server
