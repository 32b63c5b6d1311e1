// The completion token of coroutines: a call ends with its error as a value, not as an exception.
//
//   const auto [error, bytes] = co_await socket.async_read_some(buffer, as_values);
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postroad::net {

inline constexpr auto as_values = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace postroad::net
