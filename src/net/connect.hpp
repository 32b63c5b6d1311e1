// From a host name to a connection: addresses of both families are raced (RFC 8305), each with a
// head start of 250 ms.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "proto/action.hpp"

namespace postroad::net {

/// Alternates the address families, beginning with that of the first address (RFC 8305 section 4).
std::vector<boost::asio::ip::tcp::endpoint> interleave(
    std::vector<boost::asio::ip::tcp::endpoint> endpoints);

/// The addresses of this machine that connections come from, by family; none: the system's choice
/// for both.
struct LocalAddresses {
  std::optional<boost::asio::ip::address> ipv4{};
  std::optional<boost::asio::ip::address> ipv6{};
  friend bool operator==(const LocalAddresses&, const LocalAddresses&) = default;

  [[nodiscard]] bool is_set() const { return ipv4 || ipv6; }
  [[nodiscard]] const std::optional<boost::asio::ip::address>& of(
      const boost::asio::ip::address& peer) const {
    return peer.is_v6() ? ipv6 : ipv4;
  }
};

/// Connects to the first of these addresses that accepts, from a local address of its family.
/// Errors: as `connect`; with local addresses Fault::connect for those of a family without one.
boost::asio::awaitable<Result<boost::asio::ip::tcp::socket>> race(
    std::vector<boost::asio::ip::tcp::endpoint> endpoints, proto::Time deadline,
    LocalAddresses local = {});

/// The addresses of `host` (a name or an address, with or without brackets) in the order of
/// `interleave`; never empty. Error: Fault::resolve, Fault::timeout, Fault::cancelled.
boost::asio::awaitable<Result<std::vector<boost::asio::ip::tcp::endpoint>>> find_addresses(
    std::string host, std::uint16_t port, proto::Time deadline);

/// `find_addresses`, then `race`. Error: Fault::resolve, Fault::connect (with the reason of each
/// address), Fault::timeout, Fault::cancelled.
boost::asio::awaitable<Result<boost::asio::ip::tcp::socket>> connect(std::string host,
                                                                     std::uint16_t port,
                                                                     proto::Time deadline);

}  // namespace postroad::net
