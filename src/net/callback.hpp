// From a callback that may come from any thread to a coroutine that waits on its own.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <utility>

namespace postroad::net {

/// Runs `start(resume)` and waits until `resume(value)` is called, exactly once, from any thread.
/// The coroutine goes on on its own executor. It cannot be cancelled: who took the callback will
/// call it.
template <class T, class Start>
boost::asio::awaitable<T> wait_for(Start start) {
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(T)>(
      [start = std::move(start)](auto handler) mutable {
        using Handler = decltype(handler);
        auto shared = std::make_shared<Handler>(std::move(handler));
        auto executor = boost::asio::get_associated_executor(*shared);
        auto work = boost::asio::make_work_guard(executor);
        start([shared, executor, work = std::move(work)](T value) mutable {
          boost::asio::post(executor, [shared, value = std::move(value)]() mutable {
            std::move (*shared)(std::move(value));
          });
          work.reset();
        });
      },
      boost::asio::use_awaitable);
}

}  // namespace postroad::net
