// Replies of hosts that demand TLS.
#include "relay/mx/result_meaning.hpp"

#include <gtest/gtest.h>

namespace postroad::relay::mx {
namespace {

Result<SendReport> replied(Outcome outcome, int code, const std::string& text) {
  SendReport report;
  auto& one = report.recipients.emplace_back();
  one.outcome = outcome;
  one.stage = Stage::mail;
  one.reply = {code, {}, text};
  return report;
}

TEST(WantsTls, KnowsReplies) {
  for (const auto* text : {"5.7.0 Must issue a STARTTLS command first", "Authentication required"})
    EXPECT_TRUE(wants_tls(replied(Outcome::refused, 530, text))) << text;
  EXPECT_TRUE(wants_tls(replied(Outcome::refused, 550, "5.7.10 Encryption needed")));
  EXPECT_TRUE(wants_tls(replied(Outcome::deferred, 451, "4.7.1 TLS required")));
  EXPECT_FALSE(wants_tls(replied(Outcome::refused, 550, "5.7.1 we do not like you")));
  EXPECT_FALSE(wants_tls(replied(Outcome::accepted, 250, "2.0.0 Ok, TLS")));
  EXPECT_FALSE(wants_tls(SendReport()));
}

TEST(WantsTls, NeedsAllRecipients) {
  auto report = replied(Outcome::refused, 530, "STARTTLS");
  report->recipients.push_back(replied(Outcome::accepted, 250, "Ok")->recipients.front());
  EXPECT_FALSE(wants_tls(report));
}

TEST(WantsTls, ReadsErrors) {
  auto error = fail(Fault::refused, "mx.example", "530 5.7.0 STARTTLS first");
  EXPECT_FALSE(wants_tls(error));
  error.reply_code = 530;
  EXPECT_TRUE(wants_tls(error));
}

}  // namespace
}  // namespace postroad::relay::mx
