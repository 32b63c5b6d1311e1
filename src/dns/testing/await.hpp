// Runs coroutines of a test to their end on the test's own io_context.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <utility>

namespace postroad::dns {

template <class T>
boost::asio::awaitable<void> keep(boost::asio::io_context& context, boost::asio::awaitable<T> call,
                                  std::optional<T>& result) {
  result.emplace(co_await std::move(call));
  context.stop();
}

template <class T>
T await_result(boost::asio::io_context& context, boost::asio::awaitable<T> call) {
  std::optional<T> result;
  boost::asio::co_spawn(context, keep(context, std::move(call), result), boost::asio::detached);
  context.restart();
  context.run();
  return std::move(result.value());
}

}  // namespace postroad::dns
