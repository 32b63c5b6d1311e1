// Addresses that may and may not be connected to, family by family.
#include "relay/mx/address_rules.hpp"

#include <gtest/gtest.h>

namespace postroad::relay::mx {
namespace {

Address address(const char* text) { return boost::asio::ip::make_address(text); }

struct Row {
  const char* address;
  const char* refusal;
};

TEST(AddressRules, AnAddressThatIsNotPublicIsRefused) {
  const Row rows[] = {
      {"192.0.2.1", ""},
      {"198.51.100.255", ""},
      {"2001:db8::1", ""},
      {"0.0.0.0", "unspecified address"},
      {"0.1.2.3", "unspecified address"},
      {"::", "unspecified address"},
      {"127.0.0.1", "loopback address"},
      {"127.255.255.254", "loopback address"},
      {"::1", "loopback address"},
      {"169.254.169.254", "link-local address"},
      {"fe80::1", "link-local address"},
      {"febf::1", "link-local address"},
      {"10.0.0.1", "private address"},
      {"172.15.255.255", ""},
      {"172.16.0.1", "private address"},
      {"172.31.255.255", "private address"},
      {"172.32.0.1", ""},
      {"192.168.1.1", "private address"},
      {"100.64.0.1", "private address"},
      {"100.128.0.1", ""},
      {"fd00::1", "private address"},
      {"fec0::1", "private address"},
      {"224.0.0.1", "multicast address"},
      {"ff02::1", "multicast address"},
      {"255.255.255.255", "reserved address"},
      {"::192.0.2.1", "reserved address"},
      {"64:ff9b:1::a00:1", "private address"},
      {"198.18.0.1", "private address"},
      {"192.0.0.8", "reserved address"},
      {"2001:0:53aa::1", "reserved address"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(AddressRules{}.refusal(address(row.address)), row.refusal) << row.address;
}

TEST(AddressRules, AnAddressInsideAnotherCountsAsItself) {
  const Row rows[] = {
      {"::ffff:127.0.0.1", "loopback address"},
      {"::ffff:10.0.0.1", "private address"},
      {"::ffff:192.0.2.1", ""},
      {"64:ff9b::127.0.0.1", "loopback address"},
      {"64:ff9b::169.254.169.254", "link-local address"},
      {"64:ff9b::192.0.2.1", ""},
      {"2002:7f00:1::1", "loopback address"},
      {"2002:c000:201::1", ""},
  };
  for (const auto& row : rows)
    EXPECT_EQ(AddressRules{}.refusal(address(row.address)), row.refusal) << row.address;
}

TEST(AddressRules, AnAllowedNetworkMayBeUsed) {
  AddressRules rules;
  rules.allowed = {net::Network::parse("127.0.0.0/24").value(),
                   net::Network::parse("fd00:1::/32").value()};
  EXPECT_EQ(rules.refusal(address("127.0.0.2")), "");
  EXPECT_EQ(rules.refusal(address("::ffff:127.0.0.2")), "");
  EXPECT_EQ(rules.refusal(address("64:ff9b::127.0.0.2")), "");
  EXPECT_EQ(rules.refusal(address("127.0.1.2")), "loopback address");
  EXPECT_EQ(rules.refusal(address("fd00:1::7")), "");
  EXPECT_EQ(rules.refusal(address("fd00:2::7")), "private address");
}

TEST(AddressRules, AListenerOfThisServerIsNeverUsed) {
  AddressRules rules;
  rules.allowed = {net::Network::parse("0.0.0.0/0").value()};
  rules.own = {net::Network::parse("192.0.2.1").value()};
  EXPECT_EQ(rules.refusal(address("192.0.2.1")), "address of this server");
  EXPECT_EQ(rules.refusal(address("64:ff9b::192.0.2.1")), "address of this server");
  EXPECT_EQ(rules.refusal(address("192.0.2.2")), "");
}

TEST(AddressRules, AFamilyThatIsSwitchedOffIsNotUsed) {
  AddressRules rules;
  rules.ipv6 = false;
  EXPECT_EQ(rules.refusal(address("2001:db8::1")), "IPv6 is switched off (mx.families)");
  EXPECT_EQ(rules.refusal(address("192.0.2.1")), "");
}

}  // namespace
}  // namespace postroad::relay::mx
