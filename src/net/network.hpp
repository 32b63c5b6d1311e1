// Ranges of IP addresses in CIDR notation (RFC 4632): "192.0.2.0/24", "2001:db8::/32"; also a
// single address.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::net {

class Network final {
 public:
  /// Error: Fault::input with the text and the accepted forms.
  static Result<Network> parse(std::string_view text);
  /// `peer` as "[192.0.2.1]:25" or "192.0.2.1"; an IPv4 address mapped into IPv6 counts as IPv4.
  [[nodiscard]] bool contains(std::string_view peer) const;
  friend bool operator==(const Network&, const Network&) = default;

 private:
  std::string bytes_;
  unsigned bits_ = 0;
};

/// The addresses of this machine's interfaces; none if the system does not tell.
[[nodiscard]] std::vector<std::string> interface_addresses();

/// Whether one of them contains `peer`, written as for Network::contains.
[[nodiscard]] bool is_in(const std::vector<Network>& networks, std::string_view peer);

}  // namespace postroad::net
