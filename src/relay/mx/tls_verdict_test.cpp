// The result types of sessions (RFC 8460 section 4.3).
#include "relay/mx/tls_verdict.hpp"

#include <gtest/gtest.h>

namespace postroad::relay::mx {
namespace {

using tls::TlsFailure;
using CertificateFault = net::CertificateFault;

Error error_at(Stage stage, Fault fault, int code = 0) {
  auto error = fail(fault, "mx.a.example", "the reason");
  error.stage = stage;
  error.reply_code = code;
  return error;
}

Sessions::Sent sent_by_tls() {
  Sessions::Sent sent{SendReport(), true};
  sent.has_tls = true;
  return sent;
}

std::optional<TlsFailure> failure_of(const Sessions::Sent& sent, const tls::HostPolicy& policy = {},
                                     const tls::StsState& sts = {}) {
  const auto verdict = verdict_on(sent, policy, sts);
  return verdict ? std::optional(verdict->failure) : std::nullopt;
}

TEST(TlsVerdict, OfASessionWithTls) {
  EXPECT_EQ(failure_of(sent_by_tls()), TlsFailure::none);
  auto refused = sent_by_tls();
  refused.report = error_at(Stage::mail, Fault::refused, 550);
  EXPECT_EQ(failure_of(refused), TlsFailure::none);
}

TEST(TlsVerdict, OfASessionWithoutTls) {
  EXPECT_EQ(failure_of({SendReport(), true}), TlsFailure::starttls_not_supported);
  EXPECT_EQ(failure_of({error_at(Stage::rcpt, Fault::closed), true}),
            TlsFailure::starttls_not_supported);
}

TEST(TlsVerdict, OfASessionThatEndedBeforeStarttls) {
  for (const auto stage : {Stage::connect, Stage::tls, Stage::ehlo})
    EXPECT_EQ(failure_of({error_at(stage, Fault::closed), true}), std::nullopt);
}

TEST(TlsVerdict, OfAHandshake) {
  Sessions::Sent sent{error_at(Stage::starttls, Fault::tls), true};
  EXPECT_EQ(failure_of(sent), TlsFailure::validation_failure);
  sent.certificate = CertificateFault::name;
  EXPECT_EQ(failure_of(sent), TlsFailure::certificate_host_mismatch);
  sent.certificate = CertificateFault::expired;
  EXPECT_EQ(failure_of(sent), TlsFailure::certificate_expired);
  sent.certificate = CertificateFault::untrusted;
  EXPECT_EQ(failure_of(sent), TlsFailure::certificate_not_trusted);
  sent.report = error_at(Stage::starttls, Fault::tls_required);
  EXPECT_EQ(failure_of(sent), TlsFailure::starttls_not_supported);
  sent.report = error_at(Stage::starttls, Fault::refused, 454);
  EXPECT_EQ(failure_of(sent), TlsFailure::starttls_not_supported);
}

TEST(TlsVerdict, OfAHandshakeAfterWhichTheMessageWentWithoutTls) {
  Sessions::Sent sent{SendReport(), true};
  sent.failed_tls = error_at(Stage::starttls, Fault::closed);
  const auto verdict = verdict_on(sent, {}, {});
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->failure, TlsFailure::validation_failure);
  EXPECT_NE(verdict->reason.find("the reason"), std::string::npos);
}

TEST(TlsVerdict, OfAPolicyInTestingMode) {
  auto sent = sent_by_tls();
  sent.doubt = "it has expired";
  sent.certificate = CertificateFault::expired;
  tls::HostPolicy policy;
  EXPECT_EQ(failure_of(sent, policy), TlsFailure::none);
  policy.is_tested = true;
  EXPECT_EQ(failure_of(sent, policy), TlsFailure::certificate_expired);
  policy.test_failure = "it is not listed";
  EXPECT_EQ(failure_of(sent, policy), TlsFailure::validation_failure);
}

TEST(TlsVerdict, OfPoliciesThatCannotBeHad) {
  tls::HostPolicy policy;
  policy.tlsa_base = "mx.a.example";
  EXPECT_EQ(failure_of(sent_by_tls(), policy), TlsFailure::tlsa_invalid);
  policy.peer.associations.emplace_back();
  EXPECT_EQ(failure_of(sent_by_tls(), policy), TlsFailure::none);
  tls::StsState sts{"a.example", {}, "no connection", tls::StsFault::connection};
  EXPECT_EQ(failure_of(sent_by_tls(), {}, sts), TlsFailure::sts_policy_fetch_error);
  EXPECT_EQ(failure_of(sent_by_tls(), policy, sts), TlsFailure::none);
  sts.fault = tls::StsFault::certificate;
  EXPECT_EQ(failure_of(sent_by_tls(), {}, sts), TlsFailure::sts_webpki_invalid);
  sts.fault = tls::StsFault::policy;
  EXPECT_EQ(failure_of(sent_by_tls(), {}, sts), TlsFailure::sts_policy_invalid);
  sts.kept.emplace();
  EXPECT_EQ(failure_of(sent_by_tls(), {}, sts), TlsFailure::none);
}

// `tls_out.level = verify`, or REQUIRETLS: the domain published nothing.
TEST(TlsVerdict, OfACertificateThatOnlyWeDemand) {
  Sessions::Sent sent{error_at(Stage::starttls, Fault::tls), true};
  sent.certificate = CertificateFault::expired;
  tls::HostPolicy policy;
  policy.kind = tls::HostPolicy::Kind::verify;
  EXPECT_EQ(failure_of(sent, policy), std::nullopt);
  tls::StsState sts;
  sts.kept.emplace();
  EXPECT_EQ(failure_of(sent, policy, sts), TlsFailure::certificate_expired);
}

TEST(TlsVerdict, OfAHostThatIsNotUsed) {
  tls::HostPolicy policy;
  policy.refusal = "why";
  for (const auto& [by, failure] : {std::pair("DANE", TlsFailure::dnssec_invalid),
                                    {"MTA-STS", TlsFailure::validation_failure}}) {
    policy.by = by;
    EXPECT_EQ(verdict_on_refusal(policy)->failure, failure) << by;
  }
  policy.by = "REQUIRETLS";
  EXPECT_FALSE(verdict_on_refusal(policy));
}

}  // namespace
}  // namespace postroad::relay::mx
