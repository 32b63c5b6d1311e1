// The order of the policies: a table of what is known and what a session must have.
#include "relay/tls/tls_policy.hpp"

#include <gtest/gtest.h>

#include <set>

namespace postroad::relay::tls {
namespace {

using PolicyKind = HostPolicy::Kind;
using StsMode = StsPolicy::Mode;

const PolicyTarget policy_target{"example.org", "", "mx.example", true};
const std::string not_listed_text = "the policy of example.org does not list this host";

Dane known_dane(Dane::Kind kind) {
  Dane dane{kind, "mx.example", {}, {}, kind == Dane::Kind::none ? "" : "TLSA of mx.example: …"};
  if (kind == Dane::Kind::usable) dane.associations = {{3, 1, 1, std::string(32, 'd')}};
  return dane;
}

// Without hosts there is no policy.
StsState known_sts(StsMode mode, std::vector<std::string> hosts) {
  StsState state{"example.org", {}};
  if (!hosts.empty()) state.kept = KeptPolicy{"1", 1, "", {mode, std::move(hosts), {}}};
  return state;
}

struct PolicyRow {
  std::string name;
  MessageWish wish{};
  Dane::Kind dane = Dane::Kind::none;
  StsMode mode = StsMode::enforce;
  std::vector<std::string> hosts{};
  Level level = Level::opportunistic;
  PolicyKind kind = PolicyKind::opportunistic;
  std::string by = "tls_out";
  std::string refusal{};
};

const MessageWish strict_wish{.requires_tls = true};
const MessageWish relaxed_wish{.is_relaxed = true};
const MessageWish both_wishes{.requires_tls = true, .is_relaxed = true};
const std::vector<std::string> listed{"*.example", "other.example"};
const std::vector<std::string> unlisted{"other.example"};

void check_row(const PolicyRow& row) {
  const auto policy = policy_of(policy_target, row.wish, known_dane(row.dane),
                                known_sts(row.mode, row.hosts), row.level);
  EXPECT_EQ(policy.kind, row.kind) << row.name;
  EXPECT_EQ(policy.by, row.by) << row.name;
  EXPECT_EQ(policy.refusal, row.refusal) << row.name;
  EXPECT_EQ(policy.allows_plaintext(), row.kind == PolicyKind::opportunistic) << row.name;
  EXPECT_EQ(policy.peer.associations.empty(), row.kind != PolicyKind::dane) << row.name;
}

TEST(TlsPolicyOrder, TheLevelIsLast) {
  using enum PolicyKind;
  const PolicyRow rows[] = {
      {.name = "nothing known"},
      {.name = "required", .level = Level::required, .kind = required},
      {.name = "verify", .level = Level::verify, .kind = verify},
      {.name = "mode none", .mode = StsMode::none, .hosts = listed},
      {.name = "testing", .mode = StsMode::testing, .hosts = unlisted},
      {.name = "enforce", .hosts = listed, .kind = verify, .by = "MTA-STS"},
      {.name = "enforce, not listed",
       .hosts = unlisted,
       .level = Level::verify,
       .kind = verify,
       .by = "MTA-STS",
       .refusal = not_listed_text},
  };
  for (const auto& row : rows) check_row(row);
}

TEST(TlsPolicyOrder, DaneComesBeforeMtaSts) {
  using enum PolicyKind;
  using Answer = Dane::Kind;
  const PolicyRow rows[] = {
      {.name = "usable", .dane = Answer::usable, .kind = dane, .by = "DANE"},
      {.name = "usable, though the policy does not list the host",
       .dane = Answer::usable,
       .hosts = unlisted,
       .level = Level::verify,
       .kind = dane,
       .by = "DANE"},
      {.name = "failed",
       .dane = Answer::failed,
       .hosts = listed,
       .kind = verify,
       .by = "DANE",
       .refusal = "TLSA of mx.example: …"},
      {.name = "none usable", .dane = Answer::only_named, .kind = required, .by = "DANE"},
      {.name = "none usable, verify",
       .dane = Answer::only_named,
       .level = Level::verify,
       .kind = verify},
      {.name = "none usable, enforce",
       .dane = Answer::only_named,
       .hosts = listed,
       .kind = verify,
       .by = "MTA-STS"},
  };
  for (const auto& row : rows) check_row(row);
}

TEST(TlsPolicyOrder, TheWishOfTheMessageComesFirst) {
  using enum PolicyKind;
  using Answer = Dane::Kind;
  const PolicyRow rows[] = {
      {.name = "REQUIRETLS", .wish = strict_wish, .kind = verify, .by = "REQUIRETLS"},
      {.name = "REQUIRETLS by DANE",
       .wish = strict_wish,
       .dane = Answer::usable,
       .kind = dane,
       .by = "REQUIRETLS"},
      {.name = "REQUIRETLS without usable records",
       .wish = strict_wish,
       .dane = Answer::only_named,
       .kind = verify,
       .by = "REQUIRETLS"},
      {.name = "REQUIRETLS, not listed",
       .wish = strict_wish,
       .hosts = unlisted,
       .kind = verify,
       .by = "MTA-STS",
       .refusal = not_listed_text},
      {.name = "relaxed, whatever else is known",
       .wish = relaxed_wish,
       .dane = Answer::failed,
       .hosts = unlisted,
       .by = "TLS-Required: No"},
      {.name = "relaxed, by the recipients' wish alone",
       .wish = relaxed_wish,
       .dane = Answer::failed,
       .hosts = unlisted,
       .level = Level::verify,
       .kind = verify,
       .by = "tls_out"},
      {.name = "both", .wish = both_wishes, .kind = verify, .by = "REQUIRETLS"},
  };
  for (const auto& row : rows) check_row(row);
}

TEST(TlsPolicyTest, APolicyInTestingModeIsOnlyChecked) {
  const struct {
    std::string name;
    MessageWish wish;
    Dane::Kind dane;
    StsMode mode;
    Level level;
    bool is_tested;
  } rows[] = {
      {"opportunistic", {}, Dane::Kind::none, StsMode::testing, Level::opportunistic, true},
      {"required", {}, Dane::Kind::none, StsMode::testing, Level::required, true},
      {"verified anyway", {}, Dane::Kind::none, StsMode::testing, Level::verify, false},
      {"by DANE", {}, Dane::Kind::usable, StsMode::testing, Level::opportunistic, false},
      {"refused", {}, Dane::Kind::failed, StsMode::testing, Level::opportunistic, false},
      {"relaxed", relaxed_wish, Dane::Kind::none, StsMode::testing, Level::opportunistic, false},
      {"strict", strict_wish, Dane::Kind::none, StsMode::testing, Level::opportunistic, false},
      {"mode none", {}, Dane::Kind::none, StsMode::none, Level::opportunistic, false},
  };
  for (const auto& row : rows) {
    const auto policy = [&](const std::vector<std::string>& hosts) {
      return policy_of(policy_target, row.wish, known_dane(row.dane), known_sts(row.mode, hosts),
                       row.level);
    };
    EXPECT_EQ(policy(listed).is_tested, row.is_tested) << row.name;
    EXPECT_EQ(policy(listed).test_failure, "") << row.name;
    EXPECT_EQ(policy(unlisted).test_failure, row.is_tested ? not_listed_text : "") << row.name;
  }
}

TEST(TlsPolicyTest, ATrustAnchorsCertificateMayHaveTheNamesBeforeTheAliases) {
  const struct {
    PolicyTarget target;
    std::vector<std::string> names;
  } rows[] = {
      {{"example.org", "", "mx.example"}, {"example.org"}},
      {{"example.org", "", "alias.example"}, {"alias.example", "example.org"}},
      {{"example.org", "real.org", "mx.example"}, {"example.org", "real.org"}},
      {{"mx.example", "", "mx.example"}, {}},
      {{"alias.example", "mx.example", "alias.example"}, {"alias.example"}},
  };
  for (const auto& row : rows) {
    const auto peer =
        policy_of(row.target, {}, known_dane(Dane::Kind::usable), {}, Level::opportunistic).peer;
    EXPECT_EQ(peer.host, "mx.example");
    EXPECT_EQ(peer.names, row.names) << row.target.host;
  }
}

HostPolicy keyed(PolicyKind kind, net::TlsPeer peer = {}, bool is_tested = false) {
  HostPolicy policy;
  policy.kind = kind;
  policy.peer = std::move(peer);
  policy.is_tested = is_tested;
  return policy;
}

TEST(TlsPolicyKey, DiffersWhenAnythingDiffers) {
  using enum PolicyKind;
  const net::CertificateAssociation one{3, 1, 1, "d"};
  const HostPolicy all[] = {
      keyed(opportunistic),
      keyed(opportunistic, {}, true),
      keyed(required),
      keyed(required, {}, true),
      keyed(verify),
      keyed(dane, {"a", {}, {one}}),
      keyed(dane, {"b", {}, {one}}),
      keyed(dane, {"a", {"b"}, {one}}),
      keyed(dane, {"a", {"b", "c"}, {one}}),
      keyed(dane, {"a", {}, {{2, 1, 1, "d"}}}),
      keyed(dane, {"a", {}, {{3, 0, 1, "d"}}}),
      keyed(dane, {"a", {}, {{3, 1, 2, "d"}}}),
      keyed(dane, {"a", {}, {{3, 1, 1, "e"}}}),
      keyed(dane, {"a", {}, {one, one}}),
      keyed(dane, {"a", {}, {{3, 1, 1, "d\n3111 d"}}}),
  };
  std::set<std::string> keys;
  for (const auto& policy : all) EXPECT_TRUE(keys.insert(policy.key()).second) << policy.key();
  auto same = keyed(verify);
  same.by = "MTA-STS";
  same.evidence = "text";
  EXPECT_EQ(same.key(), keyed(verify).key()) << "the origin says nothing about the session";
}

TEST(TlsPolicyText, NamesTheOriginAndTheEvidence) {
  auto policy = policy_of(policy_target, {}, known_dane(Dane::Kind::usable), {}, Level::required);
  EXPECT_EQ(text_of(policy), "must be verified by TLSA records (DANE); TLSA of mx.example: …");
  policy = policy_of(policy_target, {}, {}, {}, Level::opportunistic);
  EXPECT_EQ(text_of(policy), "opportunistic (tls_out)");
  policy = policy_of(policy_target, {}, {}, {}, Level::required);
  EXPECT_EQ(text_of(policy), "required, with any certificate (tls_out)");
  policy = policy_of(policy_target, strict_wish, {}, {}, Level::required);
  EXPECT_EQ(text_of(policy), "must be verified by CA certificates (REQUIRETLS)");
  policy = policy_of(policy_target, {}, {}, known_sts(StsMode::enforce, unlisted), {});
  EXPECT_EQ(text_of(policy), "not used (MTA-STS): " + not_listed_text);
}

TEST(TlsPolicy, RequiretlsNeedsAProofOfTheHostsName) {
  const PolicyTarget unproven{"example.org", "", "mx.example", false};
  const auto refusal = [&](MessageWish wish, const StsState& sts) {
    return policy_of(unproven, wish, {}, sts, Level::opportunistic).refusal;
  };
  EXPECT_NE(refusal(strict_wish, {}), "");
  EXPECT_EQ(refusal(strict_wish, known_sts(StsMode::enforce, {"mx.example"})), "");
  EXPECT_EQ(refusal(strict_wish, known_sts(StsMode::testing, {"mx.example"})), "");
  EXPECT_NE(refusal(strict_wish, known_sts(StsMode::testing, {"other.example"})), "");
  EXPECT_EQ(refusal({.requires_tls = true, .is_report = true}, {}), "");
  EXPECT_EQ(refusal({}, {}), "");
  StsState open{"example.org", {}};
  EXPECT_FALSE(policy_of(unproven, strict_wish, {}, open, {}).is_refusal_temporary);
  open.is_open = true;
  EXPECT_TRUE(policy_of(unproven, strict_wish, {}, open, {}).is_refusal_temporary);
}

TEST(TlsPolicy, APolicyThatCannotBeReadKeepsTheHostFromBeingUsed) {
  StsState sts{"example.org", {}, "the file cannot be read"};
  sts.is_unreadable = true;
  const auto policy = policy_of(policy_target, {}, {}, sts, Level::opportunistic);
  EXPECT_EQ(policy.refusal, "the file cannot be read");
  EXPECT_TRUE(policy.is_refusal_temporary);
}

}  // namespace
}  // namespace postroad::relay::tls
