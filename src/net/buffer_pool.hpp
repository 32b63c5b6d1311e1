// Read buffers of one thread. A connection holds one only while it has bytes to process; a
// connection that waits returns it, so that ten thousand idle sessions hold none.
#pragma once

#include <array>
#include <memory>
#include <utility>
#include <vector>

namespace postroad::net {

/// Thread rule: one thread, that of the connections that use it.
class BufferPool final {
 public:
  static constexpr std::size_t size = 32768;  ///< bytes per buffer
  using Buffer = std::unique_ptr<std::array<char, size>>;

  Buffer take() {
    if (free_.empty()) return std::make_unique_for_overwrite<std::array<char, size>>();
    auto buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
  }
  void put(Buffer buffer) {
    if (buffer && free_.size() < most_free) free_.push_back(std::move(buffer));
  }

 private:
  static constexpr std::size_t most_free = 16;
  std::vector<Buffer> free_;
};

}  // namespace postroad::net
