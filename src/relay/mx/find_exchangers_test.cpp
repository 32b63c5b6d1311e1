// The queries for a domain, against a scripted resolver.
#include "relay/mx/find_exchangers.hpp"

#include <gtest/gtest.h>

#include "dns/testing/await.hpp"
#include "dns/testing/scripted_resolver.hpp"

namespace postroad::relay::mx {
namespace {

namespace asio = boost::asio;
using dns::RecordType;
using namespace std::chrono_literals;

class FindExchangers : public testing::Test {
 protected:
  Exchangers find(const std::string& domain) {
    return dns::await_result(context_, find_exchangers(resolver_, domain, rules_, 1, times_))
        .value();
  }
  std::string reason(const std::string& domain) {
    const auto found = find(domain);
    return found.none ? found.none->reason : "";
  }
  void host(const std::string& name, const std::string& address) {
    resolver_.script().records(
        name, address.find(':') == std::string::npos ? RecordType::a : RecordType::aaaa,
        {dns::address_data(address)});
  }

  asio::io_context context_{1};
  dns::ScriptedResolver resolver_;
  AddressRules rules_;
  FindTimes times_;
};

TEST_F(FindExchangers, AsksForTheAddressesOfEachHost) {
  resolver_.script().records("example.org", RecordType::mx,
                             {dns::mx_data(20, "b.example"), dns::mx_data(10, "a.example")});
  host("a.example", "192.0.2.1");
  host("a.example", "2001:db8::1");
  host("b.example", "192.0.2.2");
  const auto found = find("Example.ORG.");
  ASSERT_EQ(found.usable.size(), 2U);
  EXPECT_EQ(found.usable[0].host.name, "a.example");
  EXPECT_EQ(found.usable[0].addresses.size(), 2U);
  EXPECT_EQ(found.usable[1].host.name, "b.example");
  EXPECT_EQ(resolver_.queries().size(), 5U);
}

TEST_F(FindExchangers, AsksForTheDomainItselfWhereThereIsNoMxRecord) {
  host("example.org", "192.0.2.1");
  ASSERT_EQ(find("example.org").usable.size(), 1U);
  EXPECT_EQ(find("example.org").usable[0].host.name, "example.org");
}

TEST_F(FindExchangers, NeverAsksForTheDomainItselfWhereTheMxRecordsAreUnknown) {
  resolver_.script().fail("example.org", RecordType::mx);
  host("example.org", "192.0.2.1");
  EXPECT_EQ(reason("example.org"),
            "4.4.3 DNS failure: temporary failure for MX of example.org: SERVFAIL");
  EXPECT_EQ(resolver_.count("example.org", RecordType::a), 0U);
}

TEST_F(FindExchangers, NeverAsksForTheDomainItselfBesideANullMx) {
  resolver_.script().records("example.org", RecordType::mx, {dns::mx_data(0, ".")});
  host("example.org", "192.0.2.1");
  EXPECT_EQ(reason("example.org"), "5.1.10 example.org accepts no mail: it has a null MX record");
  EXPECT_EQ(resolver_.count("example.org", RecordType::a), 0U);
}

TEST_F(FindExchangers, ADomainInULabelsIsTheSameInALabels) {
  resolver_.script().records("xn--bcher-kva.example", RecordType::mx,
                             {dns::mx_data(1, "a.example")});
  host("a.example", "192.0.2.1");
  EXPECT_EQ(find("bücher.example").usable.size(), 1U);
  EXPECT_EQ(find("XN--BCHER-KVA.example").usable.size(), 1U);
}

TEST_F(FindExchangers, WhatIsNoDomainNameIsRefused) {
  const auto long_label = std::string(64, 'a') + ".example";
  EXPECT_EQ(reason(long_label), "5.1.2 " + long_label + " is not a domain name");
  EXPECT_EQ(reason("a..example"), "5.1.2 a..example is not a domain name");
  EXPECT_EQ(reason("[nowhere]"), "5.1.3 [nowhere] is not an address literal");
  EXPECT_TRUE(resolver_.queries().empty());
}

TEST_F(FindExchangers, AnAddressLiteralNeedsNoQuery) {
  for (const auto* text : {"[192.0.2.1]", "[IPv6:2001:db8::1]", "[ipv6:2001:db8::1]"}) {
    const auto found = find(text);
    ASSERT_EQ(found.usable.size(), 1U) << text;
    EXPECT_EQ(found.usable[0].addresses.size(), 1U);
  }
  EXPECT_NE(reason("[127.0.0.1]").find("loopback address"), std::string::npos);
  EXPECT_NE(reason("[IPv6:::ffff:127.0.0.1]").find("loopback address"), std::string::npos);
  EXPECT_TRUE(resolver_.queries().empty());
}

TEST_F(FindExchangers, AFamilyThatIsSwitchedOffIsNotUsed) {
  rules_.ipv6 = false;
  resolver_.script().records("example.org", RecordType::mx, {dns::mx_data(1, "a.example")});
  host("a.example", "2001:db8::1");
  EXPECT_EQ(reason("example.org"),
            "5.4.4 no host of example.org may be connected to: a.example [2001:db8::1]: IPv6 is "
            "switched off (mx.families)");
  host("a.example", "192.0.2.1");
  EXPECT_EQ(find("example.org").usable.at(0).addresses.size(), 1U);
}

TEST_F(FindExchangers, ASilentNameServerDefers) {
  times_ = {20ms, 40ms};
  resolver_.hold();
  EXPECT_EQ(reason("example.org"),
            "4.4.3 DNS failure: temporary failure for MX of example.org: no answer before the "
            "deadline");
}

}  // namespace
}  // namespace postroad::relay::mx
