// Address ranges; see network.hpp.
#include "net/network.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>

#include "base/text.hpp"

namespace postroad::net {

namespace {

// 4 or 16 bytes in network order; an IPv4-mapped IPv6 address becomes IPv4.
std::string bytes_of(std::string_view text) {
  if (text.starts_with('[')) text = text.substr(1, text.find(']') - 1);
  if (istarts_with(text, "IPv6:")) text.remove_prefix(5);
  const std::string address(text.substr(0, text.find('%')));  // without the scope of fe80::1%eth0
  char bytes[16];
  if (inet_pton(AF_INET, address.c_str(), bytes) == 1) return {bytes, 4};
  if (inet_pton(AF_INET6, address.c_str(), bytes) != 1) return {};
  const std::string_view mapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  if (std::string_view(bytes, 12) == mapped) return {bytes + 12, 4};
  return {bytes, 16};
}

}  // namespace

Result<Network> Network::parse(std::string_view text) {
  Network network;
  const auto slash = text.find('/');
  network.bytes_ = bytes_of(text.substr(0, slash));
  const auto most = static_cast<unsigned>(network.bytes_.size() * 8);
  const auto bits =
      slash == std::string_view::npos ? most : parse_number(text.substr(slash + 1)).value_or(999);
  if (most == 0 || bits > most) {
    return fail(Fault::input, '\'' + printable(text, 60) + '\'',
                "not a network; the forms are 192.0.2.0/24, 2001:db8::/32 and a single address");
  }
  network.bits_ = static_cast<unsigned>(bits);
  return network;
}

bool Network::contains(std::string_view peer) const {
  const auto other = bytes_of(peer);
  if (other.size() != bytes_.size()) return false;
  for (unsigned bit = 0; bit < bits_; bit += 8) {
    const unsigned left = std::min(8U, bits_ - bit);
    const auto mask = static_cast<unsigned char>(0xff00U >> left);
    if (((bytes_[bit / 8] ^ other[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

std::vector<std::string> interface_addresses() {
  std::vector<std::string> found;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return found;
  for (const auto* one = first; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const auto family = one->ifa_addr->sa_family;
    char text[INET6_ADDRSTRLEN];
    const void* bytes = nullptr;
    if (family == AF_INET) bytes = &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr;
    if (family == AF_INET6)
      bytes = &reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr;
    if (bytes != nullptr && ::inet_ntop(family, bytes, text, sizeof text) != nullptr)
      found.emplace_back(text);
  }
  ::freeifaddrs(first);
  return found;
}

bool is_in(const std::vector<Network>& networks, std::string_view peer) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const auto& network) { return network.contains(peer); });
}

}  // namespace postroad::net
