// Name lookup for coroutines: from a host name to addresses, with a deadline and a cancellation
// that take effect at once. Not here: the race between the addresses (connect.hpp), MX records.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "proto/action.hpp"

namespace postroad::net {

/// Looks a name up and blocks meanwhile. Called on any thread, several at a time.
/// Error: Fault::resolve with the reason; Fault::connect when no name server answered. An exception
/// becomes Fault::resolve.
using NameLookup =
    std::function<Result<std::vector<boost::asio::ip::address>>(const std::string& name)>;

/// Puts `lookup` in place of getaddrinfo for the whole process; an empty one restores getaddrinfo.
/// For tests.
void set_name_lookup(NameLookup lookup);

/// The addresses of `host` with `port`, in the order that the system prefers. Error:
/// Fault::resolve, Fault::timeout, Fault::cancelled, Fault::io (no thread can be started).
boost::asio::awaitable<Result<std::vector<boost::asio::ip::tcp::endpoint>>> resolve(
    std::string host, std::uint16_t port, proto::Time deadline);

}  // namespace postroad::net
