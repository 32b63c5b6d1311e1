// From a callback that may come from any thread to a coroutine that waits on its own.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

namespace postroad::net {

/// Connects a coroutine that waits with the callback that resumes it. It owns itself until the
/// callback is called: the callback is then one pointer, which std::function stores without an
/// allocation, and the memory is recycled per thread.
template <class T, class Handler>
class Resumption final {
 public:
  explicit Resumption(Handler handler)
      : handler_(std::move(handler)),
        work_(boost::asio::make_work_guard(boost::asio::get_associated_executor(handler_))) {}

  class Callback {
   public:
    explicit Callback(Resumption* resumption) : resumption_(resumption) {}
    void operator()(T value) const { resumption_->resume(std::move(value)); }

   private:
    Resumption* resumption_;
  };

  static Callback make(Handler handler) {
    auto made = std::allocate_shared<Resumption>(boost::asio::recycling_allocator<Resumption>(),
                                                 std::move(handler));
    auto* resumption = made.get();
    resumption->self_ = std::move(made);
    return Callback(resumption);
  }

 private:
  void resume(T value) {
    const auto executor = work_.get_executor();
    boost::asio::post(executor, [self = std::move(self_), value = std::move(value)]() mutable {
      auto handler = std::move(self->handler_);
      self.reset();  // before the coroutine continues, which may wait again
      std::move(handler)(std::move(value));
    });
  }

  Handler handler_;
  boost::asio::executor_work_guard<boost::asio::associated_executor_t<Handler>> work_;
  std::shared_ptr<Resumption> self_;
};

/// Runs `start(resume)` and waits until `resume(value)` is called, exactly once, from any thread.
/// The coroutine continues on its own executor. The wait cannot be cancelled: the owner of the
/// callback must call it.
template <class T, class Start>
boost::asio::awaitable<T> wait_for(Start start) {
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(T)>(
      [start = std::move(start)](auto handler) mutable {
        start(Resumption<T, decltype(handler)>::make(std::move(handler)));
      },
      boost::asio::use_awaitable);
}

}  // namespace postroad::net
