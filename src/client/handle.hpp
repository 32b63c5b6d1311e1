// A way to reach an object that another thread may be destroying, without owning it: an owner on
// the object's own thread would run its destructor there, which joins that thread.
#pragma once

#include <memory>
#include <mutex>

namespace postroad::client {

/// Made by the object, whose destructor calls `close` first. Thread rule: any thread.
template <class Object>
class Handle final {
 public:
  explicit Handle(Object& object) : object_(&object) {}
  /// Runs `act` on the object, unless it has been closed. `act` must be short: `close` waits for
  /// it.
  template <class Act>
  void use(Act act) {
    const std::lock_guard lock(mutex_);
    if (object_ != nullptr) act(*object_);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    object_ = nullptr;
  }

 private:
  std::mutex mutex_;
  Object* object_;
};

}  // namespace postroad::client
