// Which addresses the server may connect to as a mail exchanger. The owner of a foreign domain can
// publish any address, also one of a host inside this site, so addresses that are not public are
// refused unless the configuration allows them. Pure.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>
#include <vector>

#include "net/network.hpp"

namespace postroad::relay::mx {

using Address = boost::asio::ip::address;

struct AddressRules {
  /// `mx.allow_networks`: may be used though they are not public. The server's own listeners may
  /// not.
  std::vector<net::Network> allowed{};
  /// Where this server listens on the port that deliveries use.
  std::vector<net::Network> own{};
  /// It also listens there on all addresses of the interfaces, which come and go.
  bool owns_interfaces = false;
  /// The names of this server, in lower case without a final dot.
  std::vector<std::string> own_names{};
  /// `mx.families`.
  bool ipv4 = true;
  bool ipv6 = true;
  /// Comes first among the addresses of its host.
  std::optional<Address> preferred{};
  /// `mx.addresses`: of one attempt, in all.
  std::size_t max_addresses = 5;

  friend bool operator==(const AddressRules&, const AddressRules&) = default;

  [[nodiscard]] bool is_own_address(const Address& address) const;
  [[nodiscard]] bool is_own_name(const std::string& name) const;
  /// With the present addresses of the interfaces in `own`, if `owns_interfaces`.
  [[nodiscard]] AddressRules with_interfaces() const;
  /// Why the address may not be used, such as "loopback address"; empty: it may. An IPv4
  /// address inside an IPv6 address (mapped, NAT64 of RFC 6052, 6to4) counts as that IPv4 address.
  [[nodiscard]] std::string refusal(const Address& address) const;
};

}  // namespace postroad::relay::mx
