// Addresses that may not be connected to; see address_rules.hpp.
#include "relay/mx/address_rules.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address_v4.hpp>
#include <string_view>

namespace postroad::relay::mx {

namespace {

using boost::asio::ip::address_v4;

struct Special {
  std::string_view network;
  std::string_view what;
};

// The special-purpose registries of IANA (RFC 6890), as far as no public exchanger has such an
// address.
constexpr std::array special_networks{
    Special{"0.0.0.0/8", "unspecified address"},
    Special{"::/128", "unspecified address"},
    Special{"127.0.0.0/8", "loopback address"},
    Special{"::1/128", "loopback address"},
    Special{"169.254.0.0/16", "link-local address"},
    Special{"fe80::/10", "link-local address"},
    Special{"10.0.0.0/8", "private address"},
    Special{"172.16.0.0/12", "private address"},
    Special{"192.168.0.0/16", "private address"},
    Special{"100.64.0.0/10", "private address"},  // carrier-grade NAT (RFC 6598)
    Special{"fc00::/7", "private address"},
    Special{"fec0::/10", "private address"},       // site-local (RFC 3879)
    Special{"64:ff9b:1::/48", "private address"},  // NAT64 of a site (RFC 8215)
    Special{"198.18.0.0/15", "private address"},   // benchmarks (RFC 2544)
    Special{"224.0.0.0/4", "multicast address"},
    Special{"ff00::/8", "multicast address"},
    Special{"240.0.0.0/4", "reserved address"},
    Special{"::/96", "reserved address"},         // IPv4-compatible (RFC 4291 section 2.5.5.1)
    Special{"192.0.0.0/24", "reserved address"},  // RFC 6890
    Special{"100::/64", "reserved address"},      // discard-only (RFC 6666)
    Special{"2001::/32", "reserved address"},     // Teredo (RFC 4380)
};

struct Range {
  net::Network network;
  std::string_view what;
};

const std::vector<Range>& special_ranges() {
  static const auto ranges = [] {
    std::vector<Range> made;
    for (const auto& one : special_networks)
      made.push_back({net::Network::parse(one.network).value(), one.what});
    return made;
  }();
  return ranges;
}

// Addresses of IPv6 that have an IPv4 address inside: their first bytes, and where it begins.
struct Embedding {
  std::string_view prefix;
  std::size_t offset;
};
using namespace std::string_view_literals;
constexpr std::array embeddings{
    Embedding{"\0\0\0\0\0\0\0\0\0\0\xff\xff"sv, 12},    // mapped (RFC 4291)
    Embedding{"\0\x64\xff\x9b\0\0\0\0\0\0\0\0"sv, 12},  // NAT64 (RFC 6052)
    Embedding{"\x20\x02"sv, 2},                         // 6to4 (RFC 3056)
};

Address without_embedding(const Address& address) {
  if (!address.is_v6()) return address;
  const auto bytes = address.to_v6().to_bytes();
  for (const auto& [prefix, offset] : embeddings) {
    if (!std::equal(prefix.begin(), prefix.end(), bytes.begin(), [](char one, unsigned char other) {
          return static_cast<unsigned char>(one) == other;
        }))
      continue;
    address_v4::bytes_type inside{};
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), inside.size(), inside.begin());
    return address_v4(inside);
  }
  return address;
}

}  // namespace

bool AddressRules::is_own_address(const Address& address) const {
  return net::is_in(own, without_embedding(address).to_string());
}

bool AddressRules::is_own_name(const std::string& name) const {
  return std::find(own_names.begin(), own_names.end(), name) != own_names.end();
}

AddressRules AddressRules::with_interfaces() const {
  auto rules = *this;
  if (!owns_interfaces) return rules;
  for (const auto& text : net::interface_addresses())
    if (auto network = net::Network::parse(text)) rules.own.push_back(std::move(*network));
  return rules;
}

std::string AddressRules::refusal(const Address& address) const {
  if (address.is_v4() ? !ipv4 : !ipv6)
    return std::string(address.is_v4() ? "IPv4" : "IPv6") + " is switched off (mx.families)";
  if (is_own_address(address)) return "address of this server";
  const auto text = without_embedding(address).to_string();
  if (net::is_in(allowed, text) || net::is_in(allowed, address.to_string())) return {};
  for (const auto& range : special_ranges())
    if (range.network.contains(text)) return std::string(range.what);
  return {};
}

}  // namespace postroad::relay::mx
