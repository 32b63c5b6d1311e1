// From scripted DNS answers to hosts, exchangers and refusals. No queries:
// find_exchangers_test.cpp.
#include "relay/mx/exchangers.hpp"

#include <gtest/gtest.h>

#include <set>

namespace postroad::relay::mx {
namespace {

Address address(const std::string& text) { return boost::asio::ip::make_address(text); }

dns::Answer<dns::MxRecord> mx(std::vector<dns::MxRecord> records) {
  dns::Answer<dns::MxRecord> answer;
  answer.status = dns::Status::records;
  answer.records = std::move(records);
  return answer;
}

template <class Record>
dns::Answer<Record> without_records(dns::Status status, std::string reason = {}) {
  dns::Answer<Record> answer;
  answer.status = status;
  answer.reason = std::move(reason);
  return answer;
}

// The addresses of a host: IPv4 and IPv6 are told apart by their text. A word in place of
// addresses is the status of both answers.
HostAnswers host(const std::vector<std::string>& texts) {
  HostAnswers answers;
  answers.ipv4 = answers.ipv6 = without_records<Address>(dns::Status::no_data);
  for (const auto& text : texts) {
    if (text == "NXDOMAIN") {
      answers.ipv4.status = answers.ipv6.status = dns::Status::no_domain;
    } else if (text == "SERVFAIL") {
      answers.ipv4.status = answers.ipv6.status = dns::Status::temporary_failure;
    } else if (text == "bogus") {
      answers.ipv4.status = answers.ipv6.status = dns::Status::bogus;
    } else {
      auto& family = address(text).is_v4() ? answers.ipv4 : answers.ipv6;
      family.status = dns::Status::records;
      family.records.push_back(address(text));
    }
  }
  return answers;
}

struct ListedHost {
  std::uint16_t preference;
  std::string name;
  std::vector<std::string> addresses;
};

Exchangers find(const std::vector<ListedHost>& listed, const AddressRules& rules = {}) {
  std::vector<dns::MxRecord> records;
  for (const auto& one : listed) records.push_back({one.preference, one.name});
  const auto hosts = hosts_of("example.org", mx(records), 1);
  std::vector<HostAnswers> answers;
  for (const auto& one : hosts.hosts) {
    for (const auto& of : listed)
      if (of.name == one.name) answers.push_back(host(of.addresses));
  }
  return exchangers_of("example.org", hosts, answers, rules);
}

std::string names(const Exchangers& found) {
  std::string text;
  for (const auto& one : found.usable) text += (text.empty() ? "" : " ") + one.host.name;
  return text;
}

std::string reason(const Exchangers& found) {
  if (!found.none) return {};
  return std::string(to_string(found.none->outcome)) + " " + found.none->reason;
}

TEST(Facts, NameTheAnswersTheHostsAndWhatIsLeftOut) {
  const auto found = find({{10, "mx1.example", {"192.0.2.1", "2001:db8::1"}},
                           {20, "mx2.example", {"127.0.0.1"}},
                           {30, "mx3.example", {"SERVFAIL"}}});
  const auto facts = facts_of(found);
  const auto has = [&](const std::string& fact) {
    return std::find(facts.begin(), facts.end(), fact) != facts.end();
  };
  EXPECT_EQ(facts.front(),
            "dns: MX of example.org: 10 mx1.example 20 mx2.example 30 mx3.example (insecure)");
  EXPECT_TRUE(has("mx: 10 mx1.example 2001:db8::1 192.0.2.1"));
  EXPECT_TRUE(has("dns: A of mx2.example: 127.0.0.1 (insecure)"));
  EXPECT_TRUE(has("dns: AAAA of mx2.example: NODATA (insecure)"));
  EXPECT_TRUE(has("left out: mx2.example [127.0.0.1]: loopback address"));
}

// A host with several addresses may greylist by each: the resolver rotates them.
TEST(Addresses, ThePreferredOneIsFirst) {
  AddressRules rules;
  rules.preferred = address("192.0.2.4");
  const auto found = find({{10, "mx.example", {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}},
                           {20, "b.example", {"192.0.2.5"}}},
                          rules);
  ASSERT_EQ(found.usable.size(), 2U);
  EXPECT_EQ(found.usable[0].addresses.front(), address("192.0.2.4"));
  EXPECT_EQ(found.usable[0].addresses.size(), Exchangers::max_of_host);
}

TEST(Rank, OfAHostThatAskedToComeBackIsFirst) {
  const auto hosts = hosts_of(
      "example.org", mx({{10, "mx1.example"}, {20, "mx2.example"}, {30, "mx3.example"}}), 1);
  const std::vector<HostAnswers> answers{host({"192.0.2.1"}), host({"192.0.2.2"}),
                                         host({"192.0.2.3"})};
  const auto found = exchangers_of("example.org", hosts, answers, {}, [](const std::string& name) {
    return name == "mx2.example" ? Rank::first : name == "mx1.example" ? Rank::last : Rank::usual;
  });
  EXPECT_EQ(names(found), "mx2.example mx3.example mx1.example");
}

TEST(Hosts, AreInTheOrderOfTheirPreference) {
  const auto hosts =
      hosts_of("example.org", mx({{30, "c.example"}, {10, "A.Example."}, {20, "b.example"}}), 7)
          .hosts;
  ASSERT_EQ(hosts.size(), 3U);
  EXPECT_EQ(hosts[0].name, "a.example");
  EXPECT_EQ(hosts[1].name, "b.example");
  EXPECT_EQ(hosts[2].name, "c.example");
}

TEST(Hosts, OfOnePreferenceAreShuffledBySeed) {
  std::set<std::string> first;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto one =
        hosts_of("d", mx({{10, "a.x"}, {10, "b.x"}, {10, "c.x"}, {5, "z.x"}}), seed).hosts;
    const auto other =
        hosts_of("d", mx({{10, "c.x"}, {5, "z.x"}, {10, "a.x"}, {10, "b.x"}}), seed).hosts;
    ASSERT_EQ(one.size(), 4U);
    EXPECT_EQ(one[0].name, "z.x");
    EXPECT_EQ(one[1].name, other[1].name) << "the order of the answer has no part in it";
    first.insert(one[1].name);
  }
  EXPECT_EQ(first.size(), 3U);
}

TEST(Hosts, ListedTwiceCountWithTheLowerPreference) {
  const auto hosts = hosts_of("d", mx({{20, "a.x"}, {10, "b.x"}, {5, "A.X."}}), 1).hosts;
  ASSERT_EQ(hosts.size(), 2U);
  EXPECT_EQ(hosts[0].name, "a.x");
  EXPECT_EQ(hosts[0].preference, 5);
}

TEST(Hosts, ThatAreNoHostNamesAreLeftOut) {
  const auto hosts =
      hosts_of("d", mx({{1, "192.0.2.1"}, {2, "."}, {3, "a b.x"}, {4, "x\\.y.z"}, {5, "ok.x"}}), 1);
  ASSERT_EQ(hosts.hosts.size(), 1U);
  EXPECT_EQ(hosts.hosts[0].name, "ok.x");
  EXPECT_EQ(hosts_of("d", mx({{1, "192.0.2.1"}}), 1).none,
            (NoHost{Outcome::refused, "5.4.4 no MX record of d names a host"}));
}

TEST(Hosts, AreBounded) {
  std::vector<dns::MxRecord> records;
  for (std::uint16_t i = 0; i < 500; ++i) records.push_back({i, "h" + std::to_string(i) + ".x"});
  EXPECT_EQ(hosts_of("d", mx(records), 1).hosts.size(), Hosts::max_hosts);
}

TEST(Hosts, OfADomainWithoutMxRecordAreTheDomain) {
  const auto hosts =
      hosts_of("example.org", without_records<dns::MxRecord>(dns::Status::no_data), 1);
  EXPECT_TRUE(hosts.is_implicit);
  ASSERT_EQ(hosts.hosts.size(), 1U);
  EXPECT_EQ(hosts.hosts[0].name, "example.org");
}

TEST(Hosts, NoneWhereTheAnswerSaysSo) {
  EXPECT_EQ(
      hosts_of("example.org", mx({{0, "."}}), 1).none,
      (NoHost{Outcome::refused, "5.1.10 example.org accepts no mail: it has a null MX record"}));
  const struct {
    dns::Status status;
    NoHost none;
  } rows[] = {
      {dns::Status::no_domain,
       {Outcome::refused, "5.1.2 there is no domain example.org: NXDOMAIN for MX of example.org"}},
      {dns::Status::temporary_failure,
       {Outcome::deferred, "4.4.3 DNS failure: temporary failure for MX of example.org: SERVFAIL"}},
      {dns::Status::bogus,
       {Outcome::deferred, "4.7.5 DNSSEC failure: bogus for MX of example.org: SERVFAIL"}},
  };
  for (const auto& row : rows) {
    const auto answer = without_records<dns::MxRecord>(
        row.status, row.status == dns::Status::no_domain ? "" : "SERVFAIL");
    const auto hosts = hosts_of("example.org", answer, 1);
    EXPECT_EQ(hosts.none, row.none) << row.none.reason;
    EXPECT_EQ(exchangers_of("example.org", hosts, {}, {}).none, row.none);
  }
}

TEST(Exchangers, AddressesOfBothFamiliesAlternate) {
  const auto found =
      find({{10, "a.x", {"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8::3"}}});
  ASSERT_EQ(found.usable.size(), 1U);
  EXPECT_EQ(found.usable[0].addresses,
            (std::vector{address("2001:db8::1"), address("192.0.2.1"), address("2001:db8::2"),
                         address("192.0.2.2"), address("2001:db8::3")}));
  EXPECT_EQ(reason(found), "");
}

TEST(Exchangers, AreBoundedByTheirAddresses) {
  const auto found = find({{10, "a.x", {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}},
                           {20, "b.x", {"192.0.2.5", "192.0.2.6"}},
                           {30, "c.x", {"192.0.2.7"}}});
  EXPECT_EQ(names(found), "a.x b.x c.x") << "a host with many addresses does not hide the others";
  EXPECT_EQ(found.usable[0].addresses.size(), 2U);
  EXPECT_EQ(found.notes,
            (std::vector<std::string>{"a.x [192.0.2.3]: over the limit of addresses",
                                      "a.x [192.0.2.4]: over the limit of addresses"}));
  EXPECT_EQ(find({{10, "a.x", {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}}})
                .usable[0]
                .addresses.size(),
            4U);
}

TEST(Exchangers, AHostThatFailedLatelyComesLast) {
  const auto hosts = hosts_of("d", mx({{10, "a.x"}, {20, "b.x"}, {30, "c.x"}}), 1);
  const std::vector<HostAnswers> answers = {host({"192.0.2.1"}), host({"192.0.2.2"}),
                                            host({"192.0.2.3"})};
  const auto rank = [](const std::string& name) {
    return name == "a.x" ? Rank::last : Rank::usual;
  };
  EXPECT_EQ(names(exchangers_of("d", hosts, answers, {}, rank)), "b.x c.x a.x");
}

TEST(Exchangers, ThoseThatResolveAreUsed) {
  EXPECT_EQ(names(find({{10, "a.x", {"SERVFAIL"}}, {20, "b.x", {"192.0.2.1"}}})), "b.x");
  EXPECT_EQ(names(find({{10, "a.x", {"NXDOMAIN"}}, {20, "b.x", {"192.0.2.1"}}})), "b.x");
  EXPECT_EQ(names(find({{10, "a.x", {"bogus"}}, {20, "b.x", {"192.0.2.1"}}})), "b.x");
  EXPECT_EQ(names(find({{10, "a.x", {"127.0.0.1"}}, {20, "b.x", {"192.0.2.1"}}})), "b.x");
}

TEST(Exchangers, NoneResolves) {
  EXPECT_EQ(reason(find({{10, "a.x", {"NXDOMAIN"}}, {20, "b.x", {}}})),
            "refused 5.4.4 no host of example.org has an address: NXDOMAIN for A and AAAA of a.x");
  EXPECT_EQ(reason(find({{10, "a.x", {"NXDOMAIN"}}, {20, "b.x", {"SERVFAIL"}}})),
            "deferred 4.4.3 DNS failure: temporary failure for AAAA of b.x");
  EXPECT_EQ(reason(find({{10, "a.x", {"bogus"}}, {20, "b.x", {}}})),
            "deferred 4.7.5 DNSSEC failure: bogus for AAAA of a.x");
}

TEST(Exchangers, OneFamilyThatFailsDoesNotHideTheOther) {
  auto answers = host({"192.0.2.1"});
  answers.ipv6.status = dns::Status::temporary_failure;
  const auto hosts = hosts_of("example.org", mx({{10, "a.x"}}), 1);
  EXPECT_EQ(names(exchangers_of("example.org", hosts, {answers}, {})), "a.x");
  answers = host({});
  answers.ipv6.status = dns::Status::temporary_failure;
  EXPECT_EQ(reason(exchangers_of("example.org", hosts, {answers}, {})),
            "deferred 4.4.3 DNS failure: temporary failure for AAAA of a.x");
}

TEST(Exchangers, ADomainWithoutAnyRecordIsRefused) {
  const auto hosts =
      hosts_of("example.org", without_records<dns::MxRecord>(dns::Status::no_data), 1);
  EXPECT_EQ(reason(exchangers_of("example.org", hosts, {host({})}, {})),
            "refused 5.1.2 example.org has no MX, A or AAAA record: NODATA for A and AAAA of "
            "example.org");
  EXPECT_EQ(names(exchangers_of("example.org", hosts, {host({"192.0.2.1"})}, {})), "example.org");
}

TEST(Exchangers, AddressesThatMayNotBeUsedAreLeftOut) {
  const auto found = find({{10, "a.x", {"127.0.0.1", "10.0.0.1"}}, {20, "b.x", {"fe80::1"}}});
  EXPECT_EQ(reason(found),
            "refused 5.4.4 no host of example.org may be connected to: a.x [127.0.0.1]: loopback "
            "address");
  EXPECT_EQ(found.notes, (std::vector<std::string>{"a.x [127.0.0.1]: loopback address",
                                                   "a.x [10.0.0.1]: private address",
                                                   "b.x [fe80::1]: link-local address"}));
}

AddressRules rules_of_server() {
  AddressRules rules;
  rules.own_names = {"me.example"};
  rules.own = {net::Network::parse("192.0.2.99").value()};
  return rules;
}

TEST(Exchangers, ThisServerAndWhatIsNotPreferredToItAreLeftOut) {
  const std::vector<ListedHost> by_name = {{10, "a.x", {"192.0.2.1"}},
                                           {20, "me.example", {"192.0.2.9"}},
                                           {20, "b.x", {"192.0.2.2"}},
                                           {30, "c.x", {"192.0.2.3"}}};
  auto found = find(by_name, rules_of_server());
  EXPECT_EQ(names(found), "a.x");
  EXPECT_TRUE(found.has_own);
  auto by_address = by_name;
  by_address[1] = {20, "alias.x", {"192.0.2.50", "192.0.2.99"}};
  found = find(by_address, rules_of_server());
  EXPECT_EQ(names(found), "a.x");
  EXPECT_TRUE(found.has_own);
}

TEST(Exchangers, AMailLoopIsRefusedOrDeferred) {
  EXPECT_EQ(reason(find({{10, "me.example", {}}, {20, "b.x", {"192.0.2.2"}}}, rules_of_server())),
            "refused 5.4.6 mail loop: me.example, to which mail for example.org goes, is this "
            "server");
  EXPECT_EQ(reason(find({{5, "a.x", {"NXDOMAIN"}}, {10, "me.example", {}}}, rules_of_server())),
            "refused 5.4.6 mail loop: me.example, to which mail for example.org goes, is this "
            "server");
  EXPECT_EQ(reason(find({{5, "a.x", {"SERVFAIL"}}, {10, "me.example", {}}}, rules_of_server())),
            "deferred 4.4.4 the hosts of example.org that precede this server have no address now");
}

TEST(Exchangers, AnAddressLiteralObeysTheSameRules) {
  EXPECT_EQ(names(exchangers_of_literal("[192.0.2.1]", address("192.0.2.1"), {})), "192.0.2.1");
  EXPECT_EQ(reason(exchangers_of_literal("[127.0.0.1]", address("127.0.0.1"), {})),
            "refused 5.4.4 no host of [127.0.0.1] may be connected to: 127.0.0.1 [127.0.0.1]: "
            "loopback address");
  EXPECT_EQ(reason(exchangers_of_literal("[192.0.2.99]", address("192.0.2.99"), rules_of_server())),
            "refused 5.4.6 mail loop: 192.0.2.99, to which mail for [192.0.2.99] goes, is this "
            "server");
}

}  // namespace
}  // namespace postroad::relay::mx
