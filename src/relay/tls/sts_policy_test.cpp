// MTA-STS records and policies: what is read, and what is refused.
#include "relay/tls/sts_policy.hpp"

#include <gtest/gtest.h>

namespace postroad::relay::tls {
namespace {

using StsMode = StsPolicy::Mode;
using std::chrono::seconds;

TEST(StsRecords, GiveTheId) {
  const struct {
    std::vector<std::string> records;
    std::optional<std::string> id;
  } rows[] = {
      {{"v=STSv1; id=20260831T1;"}, "20260831T1"},
      {{"v=STSv1;id=1"}, "1"},
      {{"v=STSv1 ;\tid=1 ; extra=x"}, "1"},
      {{"v=STSv1; extra=x; id=1"}, "1"},
      {{"v=spf1 -all", "v=STSv1; id=1"}, "1"},
      {{"v=STSv1; id=" + std::string(32, 'a')}, std::string(32, 'a')},
      {{}, {}},
      {{""}, {}},
      {{"v=spf1 -all"}, {}},
      {{"v=STSv2; id=1"}, {}},
      {{"v=stsv1; id=1"}, {}},
      {{"id=1; v=STSv1"}, {}},
      {{"v=STSv1"}, {}},
      {{"v=STSv1; id="}, {}},
      {{"v=STSv1; id=a-b"}, {}},
      {{"v=STSv1; id=" + std::string(33, 'a')}, {}},
      {{"v=STSv1; id=1", "v=STSv1; id=2"}, {}},
      {{"v=STSv1; id=1", "v=STSv1; id=1"}, {}},
      {{"v=STSv1; id=1", "v=STSv1; id=a-b"}, {}},
  };
  for (const auto& row : rows)
    EXPECT_EQ(sts_id(row.records), row.id) << (row.records.empty() ? "" : row.records.front());
}

TEST(StsPolicyText, IsRead) {
  const std::string longest(20, '9');
  const struct {
    std::string text;
    StsPolicy policy;
  } rows[] = {
      {"version: STSv1\r\nmode: enforce\r\nmx: mx.example\r\nmx: *.Example.NET\r\nmax_age: 604800",
       {StsMode::enforce, {"mx.example", "*.example.net"}, seconds(604800)}},
      {"max_age:1\n\nmx:a\nmode:testing\nversion:STSv1\n", {StsMode::testing, {"a"}, seconds(1)}},
      {"version: STSv1\nmode: none\nmax_age: 0\n", {StsMode::none, {}, seconds(0)}},
      {"version: STSv1\nmode: none\nmax_age: 31557601\nunknown: x:y\n",
       {StsMode::none, {}, seconds(31557600)}},
      {"version: STSv1\nmode: testing\nmode: enforce\nmx: a\nmax_age: 5\nmax_age: 6\n",
       {StsMode::testing, {"a"}, seconds(5)}},
      {"version: STSv1\nversion: STSv2\nmode: testing\nmode: other\nmx: a\nmax_age: 5\nmax_age: "
       "x\n",
       {StsMode::testing, {"a"}, seconds(5)}},
  };
  for (const auto& row : rows) {
    const auto policy = parse_sts_policy(row.text);
    ASSERT_TRUE(policy) << row.text << policy.error();
    EXPECT_EQ(*policy, row.policy) << row.text;
  }
}

TEST(StsPolicyText, IsRefusedWithTheLineThatIsWrong) {
  const struct {
    std::string text;
    std::string error;
  } rows[] = {
      {"", "version: is missing"},
      {"version: STSv1\n", "mode: is missing"},
      {"version: STSv1\nmode: none\n", "max_age: is missing"},
      {"version: STSv1\nmode: enforce\nmax_age: 1\n", "mx: is missing"},
      {"version: STSv1\nmode: testing\nmax_age: 1\n", "mx: is missing"},
      {"version: STSv2\n", "'version: STSv2': the version is not STSv1"},
      {"mode: Enforce\n", "'mode: Enforce': the mode is not enforce, testing or none"},
      {"max_age: -1\n", "'max_age: -1': max_age is not a number of seconds"},
      {"max_age: 1d\n", "'max_age: 1d': max_age is not a number of seconds"},
      {"max_age: 99999999999999999999\n",
       "'max_age: 99999999999999999999': max_age is not a number of seconds"},
      {"<html>\n", "'<html>': has no name and colon"},
      {"mx: *\n", "'mx: *': is not a host name, or *. and a domain"},
      {"mx: *.\n", "'mx: *.': is not a host name, or *. and a domain"},
      {"mx: *.*.a\n", "'mx: *.*.a': is not a host name, or *. and a domain"},
      {"mx: .a\n", "'mx: .a': is not a host name, or *. and a domain"},
      {"mx: a b\n", "'mx: a b': is not a host name, or *. and a domain"},
      {"mx:\n", "'mx:': is not a host name, or *. and a domain"},
      {"\x1b[2J\n", "'\\x1b[2J': has no name and colon"},
  };
  for (const auto& row : rows) {
    const auto policy = parse_sts_policy(row.text);
    ASSERT_FALSE(policy) << row.text;
    EXPECT_EQ(policy.error().fault, Fault::data) << row.text;
    EXPECT_EQ(policy.error().where + ": " + policy.error().detail, row.error);
  }
}

TEST(StsPolicyText, HasABoundedNumberOfHosts) {
  std::string text = "version: STSv1\nmode: enforce\nmax_age: 1\n";
  for (int i = 0; i < 1500; ++i) text += "mx: h" + std::to_string(i) + ".example\n";
  EXPECT_EQ(parse_sts_policy(text).value().mx.size(), 1000U);
}

TEST(StsPolicyHosts, AWildcardIsOneLabel) {
  const StsPolicy policy{StsMode::enforce, {"mx.example", "*.example.net"}, seconds(1)};
  for (const auto* host : {"mx.example", "a.example.net", "xn--bcher-kva.example.net"})
    EXPECT_TRUE(policy.lists(host)) << host;
  for (const auto* host : {"", "example", "a.mx.example", "example.net", ".example.net",
                           "a.b.example.net", "aexample.net", "a.example.net.", "*", "net"})
    EXPECT_FALSE(policy.lists(host)) << host;
  EXPECT_FALSE(StsPolicy{}.lists("mx.example"));
}

TEST(StsPolicyMode, HasTheNameOfTheFile) {
  EXPECT_EQ(to_string(StsMode::none), "none");
  EXPECT_EQ(to_string(StsMode::testing), "testing");
  EXPECT_EQ(to_string(StsMode::enforce), "enforce");
}

}  // namespace
}  // namespace postroad::relay::tls
