// Ranges of addresses, with peers in every accepted form.
#include "net/network.hpp"

#include <gtest/gtest.h>

namespace postroad::net {
namespace {

TEST(Network, ContainsTheAddressesOfItsPrefix) {
  const struct {
    const char* network;
    const char* peer;
    bool inside;
  } table[] = {
      {"192.0.2.0/24", "[192.0.2.200]:4711", true},
      {"192.0.2.0/24", "[192.0.3.1]:1", false},
      {"192.0.2.0/25", "[192.0.2.200]:4711", false},
      {"192.0.2.7", "[192.0.2.7]:1", true},
      {"192.0.2.7", "[192.0.2.8]:1", false},
      {"0.0.0.0/0", "[203.0.113.9]:1", true},
      {"0.0.0.0/0", "[IPv6:2001:db8::1]:1", false},
      {"2001:db8::/32", "[IPv6:2001:db8:1::1]:1", true},
      {"2001:db8::/33", "[IPv6:2001:db8:8000::1]:1", false},
      {"192.0.2.0/24", "[IPv6:::ffff:192.0.2.1]:1", true},
  };
  for (const auto& row : table)
    EXPECT_EQ(Network::parse(row.network).value().contains(row.peer), row.inside)
        << row.network << ' ' << row.peer;
  for (const auto* wrong :
       {"", "x", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/", "192.0.2/24", "::/129"})
    EXPECT_FALSE(Network::parse(wrong)) << wrong;
}

}  // namespace
}  // namespace postroad::net
