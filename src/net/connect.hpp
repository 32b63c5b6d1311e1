// From a host name to a connection: addresses of both families, raced as RFC 8305 says (a head
// start of 250 ms each).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "proto/action.hpp"

namespace postroad::net {

/// Families in turn, beginning with that of the first address (RFC 8305 §4).
std::vector<boost::asio::ip::tcp::endpoint> interleave(
    std::vector<boost::asio::ip::tcp::endpoint> endpoints);

/// The first of these addresses that takes a connection; each gets its head start. Errors as of
/// `connect`.
boost::asio::awaitable<Result<boost::asio::ip::tcp::socket>> race(
    std::vector<boost::asio::ip::tcp::endpoint> endpoints, proto::Time deadline);

/// Error: Fault::resolve, Fault::connect (with each address's reason), Fault::timeout,
/// Fault::cancelled. `host` may be an address, with or without brackets.
boost::asio::awaitable<Result<boost::asio::ip::tcp::socket>> connect(std::string host,
                                                                     std::uint16_t port,
                                                                     proto::Time deadline);

}  // namespace postroad::net
