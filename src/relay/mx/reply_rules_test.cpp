// The subject of a temporary refusal: real replies of providers and servers, and rows of operators.
#include "relay/mx/reply_rules.hpp"

#include <gtest/gtest.h>

#include "relay/mx/result_meaning.hpp"

namespace postroad::relay::mx {
namespace {

using namespace std::chrono_literals;
using Action = ReplyRule::Action;

std::string row_of(std::string_view host, std::string_view reply) {
  const ReplyRules rules;
  const auto* const row = rules.find(host, reply);
  return row == nullptr ? "" : row->name;
}

TEST(ShippedReplyRules, KnowRealReplies) {
  const struct {
    std::string host, reply, row;
  } replies[] = {
      {"gmail-smtp-in.l.google.com",
       "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP "
       "address. To protect our users from spam, mail sent from your IP address has been "
       "temporarily rate limited.",
       "google-rate"},
      {"aspmx.l.google.com",
       "450 4.2.1 The user you are trying to contact is receiving mail too quickly. Please resend",
       "recipient-rate"},
      {"aspmx.l.google.com",
       "421 4.7.26 This mail has been rate limited because it is unauthenticated.",
       "google-sender"},
      {"aspmx.l.google.com", "452 4.2.2 The recipient's inbox is out of storage space",
       "recipient-full"},
      {"mx.example.org", "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail", ""},
      {"mta5.am0.yahoodns.net",
       "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or "
       "user complaints - 4.16.55.1",
       "yahoo-04"},
      {"mta5.am0.yahoodns.net", "421 Max message per connection reached, closing connection",
       "yahoo-connection-end"},
      {"hotmail-com.olc.protection.outlook.com",
       "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP "
       "reputation. (S775)",
       "outlook-reputation"},
      {"example-org.mail.protection.outlook.com",
       "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77714)",
       "microsoft-busy"},
      {"mx01.example.org", "450 4.2.0 <ann@example.org>: Recipient address rejected: Greylisted",
       "greylisting"},
      {"mx01.example.org", "421 4.7.0 mx01.example.org Error: too many connections from 192.0.2.1",
       "too-many-connections"},
      {"mx01.example.org",
       "421 Too many concurrent SMTP connections from this IP address; please try again later",
       "too-many-connections"},
      {"mx01.example.org", "452 4.3.1 Insufficient system resources", "no-resources"},
      {"mx01.example.org", "452 4.5.3 Error: too many recipients", "too-many-recipients"},
      {"mx01.example.org", "451 4.3.0 Temporary lookup failure", ""},
      {"mx01.example.org", "550 5.7.1 too many connections", ""},
  };
  for (const auto& [host, reply, row] : replies) EXPECT_EQ(row_of(host, reply), row) << reply;
}

TEST(ShippedReplyRules, AreSound) {
  const auto& rows = shipped_reply_rules();
  const auto made = ReplyRules::make(rows);
  EXPECT_TRUE(made) << made.error().text();
  for (const auto& row : rows) {
    EXPECT_FALSE(row.codes.empty()) << row.name << ": an operator's text would do, ours is safer";
    for (const auto& code : row.codes) EXPECT_EQ(code[0], '4') << row.name;
  }
}

TEST(ReplyRules, TheFirstRowOfTheOperatorCounts) {
  const auto made = ReplyRules::make({
      {"ours", {".google.com"}, {"4xx 4.7.x"}, {}, Action::none},
      {"late", {}, {}, {"Unusual Rate"}, Action::slow},
  });
  ASSERT_TRUE(made);
  EXPECT_EQ(made->find("mx.google.com", "421 4.7.28 unusual rate")->name, "ours");
  EXPECT_EQ(made->find("mx.example.org", "421 4.7.28 An UNUSUAL rate")->name, "late");
  EXPECT_EQ(made->find("mx.google.com", "421 unusual rate")->name, "late") << "no enhanced code";
  EXPECT_EQ(made->find("mx.example.org", "no reply at all: unusual rate"), nullptr);
}

TEST(ReplyRules, TellsWhatIsWrongWithARow) {
  const struct {
    ReplyRule row;
    std::string where;
  } wrong[] = {
      {{"", {}, {"421"}}, "name"},
      {{"a", {"*.example.org"}, {"421"}}, "hosts"},
      {{"a", {}, {"42"}}, "codes"},
      {{"a", {}, {"250"}}, "codes"},
      {{"a", {}, {"421 4.7"}}, "codes"},
      {{"a", {}, {"421  4.7.0"}}, "codes"},
      {{"a", {}, {}, {""}}, "text"},
      {{"a", {}, {}, {}}, "codes"},
      {{"a", {}, {"421"}, {}, Action::pause}, "pause"},
      {{"a", {}, {"421"}, {}, Action::slow, 5s}, "pause"},
  };
  for (const auto& [row, where] : wrong) {
    const auto made = ReplyRules::make({row});
    ASSERT_FALSE(made) << where;
    EXPECT_EQ(made.error().where, where) << made.error().text();
  }
}

SendReport deferred(Stage stage, std::string text, EnhancedStatus status, int count = 1) {
  SendReport report;
  for (int i = 0; i < count; ++i) {
    auto& one = report.recipients.emplace_back();
    one.outcome = Outcome::deferred;
    one.stage = stage;
    one.reply = {421, status, text};
  }
  return report;
}

TEST(ThrottleOf, ARowAppliesAtEveryStageAndJoinsTheLines) {
  const auto report =
      deferred(Stage::data, "Gmail has detected an unusual rate\nof unsolicited mail", {4, 7, 28});
  const auto asked = throttle_of(report, "mx.google.com", {});
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->pause, 10min);
  EXPECT_NE(asked->why.find("(row google-rate)"), std::string::npos) << asked->why;
  EXPECT_FALSE(throttle_of(report, "mx.example.org", {})) << "at the end of the data of another";
}

TEST(ThrottleOf, WithoutARowTheStageDecides) {
  EXPECT_TRUE(throttle_of(deferred(Stage::mail, "slow down", {4, 7, 0}), "mx.example.org", {}));
  EXPECT_FALSE(throttle_of(deferred(Stage::rcpt, "slow down", {4, 7, 0}), "mx.example.org", {}));
  EXPECT_FALSE(
      throttle_of(deferred(Stage::mail, "you are greylisted", {4, 7, 1}), "mx.example.org", {}))
      << "a row says that this is about the recipient";
}

TEST(ThrottleOf, AConnectionThatEndsIsNoDemandForLess) {
  const auto report = deferred(Stage::mail, "Max message per connection reached", {});
  EXPECT_TRUE(ends_connection(report));
  EXPECT_FALSE(throttle_of(report, "mta5.am0.yahoodns.net", {}));
}

}  // namespace
}  // namespace postroad::relay::mx
