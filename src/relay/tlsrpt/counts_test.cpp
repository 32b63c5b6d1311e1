// Sessions by policy and kind of failure, and the lines that keep them.
#include "relay/tlsrpt/counts.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "relay/tlsrpt/test_session.hpp"

namespace postroad::relay::tlsrpt {
namespace {

using tls::TlsFailure;

Counts counts_of(const std::string& lines) {
  Counts counts;
  counts.take(lines);
  return counts;
}

TEST(Counts, AddUpSessionsOfOnePolicy) {
  Counts counts;
  TestSession one;
  EXPECT_TRUE(counts.add(one.session()));
  EXPECT_TRUE(counts.add(one.session()));
  one.failure = TlsFailure::certificate_expired;
  one.reason = "it has expired";
  EXPECT_TRUE(counts.add(one.session()));
  const auto& policies = counts.domains().at("a.example");
  ASSERT_EQ(policies.size(), 1U);
  const auto& [policy, sessions] = *policies.begin();
  EXPECT_EQ(policy, (Policy{"no-policy-found", "a.example"}));
  EXPECT_EQ(sessions.successful, 2U);
  EXPECT_EQ(sessions.failed, 1U);
  const Failure failure{"certificate-expired", "192.0.2.1", "mx.a.example", "192.0.2.2",
                        "it has expired"};
  EXPECT_EQ(sessions.failures.at(failure), 1U);
}

TEST(Counts, OfEachPolicyAreKeptApart) {
  Counts counts;
  TestSession one;
  (void)counts.add(one.session());
  one.use_sts("version: STSv1\r\nmode: enforce\r\nmx: *.a.example\r\nmax_age: 100\r\n");
  (void)counts.add(one.session());
  one.policy.tlsa_base = "mx.a.example";
  one.policy.tlsa = {"3 1 1 abcd"};
  (void)counts.add(one.session());
  std::vector<Policy> found;
  for (const auto& [policy, sessions] : counts.domains().at("a.example")) found.push_back(policy);
  const std::vector<Policy> expected{
      {"no-policy-found", "a.example"},
      {"sts",
       "a.example",
       {"version: STSv1", "mode: enforce", "mx: *.a.example", "max_age: 100"},
       {"*.a.example"}},
      {"tlsa", "mx.a.example", {"3 1 1 abcd"}, {"mx.a.example"}}};
  EXPECT_EQ(found, expected);
}

TEST(Counts, NameAPolicyThatWasNotFetched) {
  TestSession one;
  one.sts.failure = "no connection";
  EXPECT_EQ(policy_of(one.session()), (Policy{"sts", "a.example"}));
}

TEST(Counts, AreTheSameFromTheirLines) {
  Counts counts;
  TestSession one;
  (void)counts.add(one.session());
  one.use_sts("version: STSv1\nmode: testing\nmx: - \nmax_age: 100\n");
  one.failure = TlsFailure::validation_failure;
  one.reason = "a b\n%\xc3\xa9";
  (void)counts.add(one.session());
  one.reason.clear();
  one.from.reset();
  (void)counts.add(one.session());
  const auto lines = counts.lines();
  EXPECT_EQ(counts_of(lines).lines(), lines);
  EXPECT_EQ(counts_of(lines + lines).domains().at("a.example").begin()->second.successful, 2U);
}

TEST(Counts, PassOverDamagedLines) {
  const std::string policy = "policy a.example sts a.example - -\n";
  for (const auto& lines :
       {std::string(), std::string("a.example"), policy, policy + "ok x\n", policy + "ok 1 2\n",
        policy + "failed 1 x\n", policy + "failed 1 x %ZZ - - -\n", std::string("ok 1\n"),
        "policy %ZZ sts a.example - -\nok 1\n" + std::string(),
        policy + "policy - sts a.example - -\nok 1\n"})
    EXPECT_TRUE(counts_of(lines).is_empty()) << lines;
}

// One domain must not fill the memory or the disk.
TEST(Counts, HaveALimitPerDomain) {
  Counts counts;
  TestSession one;
  std::size_t taken = 0;
  for (; taken < 10'000; ++taken) {
    one.use_sts("version: STSv1\nmode: enforce\nmx: *.a.example\nmax_age: " +
                std::to_string(100'000 + taken) + "\nx: " + std::string(60'000, '%') + '\n');
    if (!counts.add(one.session())) break;
  }
  EXPECT_GT(taken, 10U);
  EXPECT_LT(taken, 10'000U);
  EXPECT_LT(counts.lines().size(), 4 * Counts::most_of_domain);
  one.domain = "b.example";
  EXPECT_TRUE(counts.add(one.session()));
}

TEST(Counts, HaveALimitOfKinds) {
  Counts counts;
  TestSession one;
  one.failure = TlsFailure::validation_failure;
  for (std::size_t i = 0; i < 3 * Counts::most_failures; ++i) {
    one.reason = std::to_string(i);
    EXPECT_TRUE(counts.add(one.session()));
  }
  const auto& sessions = counts.domains().at("a.example").begin()->second;
  EXPECT_EQ(sessions.failed, 3 * Counts::most_failures);
  EXPECT_EQ(sessions.failures.size(), Counts::most_failures);
  EXPECT_EQ(counts_of(counts.lines()).domains().at("a.example").begin()->second.failed,
            sessions.failed);
}

TEST(Counts, HaveALimitOfMemory) {
  Counts counts;
  TestSession one;
  std::string text = "version: STSv1\nmode: enforce\nmx: *.a.example\nmax_age: 100\n";
  for (int i = 0; i < 90; ++i)
    text += "x" + std::to_string(i) + ": " + std::string(600, 'x') + '\n';
  one.use_sts(text);
  std::size_t taken = 0;
  while (taken < 100'000) {
    one.domain = std::to_string(taken) + ".example";
    if (!counts.add(one.session())) break;
    ++taken;
  }
  EXPECT_LT(counts.size(), Counts::most_bytes + (1U << 20));
  EXPECT_GT(taken, 1000U);
  EXPECT_LT(taken, 100'000U);
  one.domain = "0.example";
  EXPECT_TRUE(counts.add(one.session()));
}

}  // namespace
}  // namespace postroad::relay::tlsrpt
