// Notifications, read back by the parser of the library.
#include "relay/reports/status_report.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <postroad/mail_part.hpp>

#include "base/text.hpp"
#include "queue/settlement.hpp"

namespace postroad::relay {
namespace {

using Action = ReportedRecipient::Action;
using spool::State;

constexpr std::int64_t noon = 1'800'000'000'000;  // Fri, 15 Jan 2027 08:00:00 +0000

queue::Part part_of(std::vector<spool::Recipient> recipients) {
  queue::Part part;
  part.envelope.reverse_path = "ann@here.example";
  part.envelope.arrived = noon;
  part.envelope.recipients = std::move(recipients);
  return part;
}

spool::Recipient recipient_of(std::string note, std::string host = {}) {
  spool::Recipient one;
  one.address = "ben@there.example";
  one.state = State::refused;
  one.attempts = 1;
  one.note = std::move(note);
  one.host = std::move(host);
  one.last_attempt = noon + 60'000;
  return one;
}

std::string bytes_of(const Message& message) {
  auto source = message.source({.host = "mail.here.example"});
  EXPECT_TRUE(source) << source.error();
  std::string bytes;
  for (;;) {
    const auto chunk = (*source)->next();
    EXPECT_TRUE(chunk);
    if (!chunk || chunk->empty()) return bytes;
    bytes += *chunk;
  }
}

ReportContext context() {
  ReportContext made;
  made.host = "mail.here.example";
  made.to = "ann@here.example";
  made.lifetime = std::chrono::days(5);
  made.original = "From: ann@here.example\r\nSubject: Lunch\r\nMessage-ID: <1@x>\r\n\r\nsecret\r\n";
  return made;
}

TEST(StatusReport, OfAFailureHasEveryField) {
  auto one = recipient_of("550 5.1.1 no such user", "mx.there.example:25");
  one.parameters = " ORCPT=rfc822;list@here.example";
  auto part = part_of({one});
  part.handling.asked.envelope_id = "QQ314";
  const auto bytes = bytes_of(status_report(part, {{0, Action::failed}}, context()));
  const auto report = DeliveryReport::parse(bytes);
  ASSERT_TRUE(report) << bytes;
  EXPECT_EQ(report->reporting_mta, "mail.here.example");
  EXPECT_EQ(report->envelope_id, "QQ314");
  EXPECT_EQ(report->arrival_date, "Fri, 15 Jan 2027 08:00:00 +0000");
  ASSERT_EQ(report->recipients.size(), 1U);
  const auto& told = report->recipients[0];
  EXPECT_EQ(told.action, Action::failed);
  EXPECT_EQ(told.status, "5.1.1");
  EXPECT_EQ(told.final_recipient, "ben@there.example");
  EXPECT_EQ(told.original_recipient, "list@here.example");
  EXPECT_EQ(told.remote_mta, "mx.there.example");
  EXPECT_EQ(told.diagnostic, "550 5.1.1 no such user");
  EXPECT_EQ(told.last_attempt, "Fri, 15 Jan 2027 08:01:00 +0000");
  EXPECT_EQ(told.will_retry_until, "");
  EXPECT_NE(report->text.find("The server mx.there.example replied: 550 5.1.1 no such user"),
            std::string::npos)
      << report->text;
  EXPECT_NE(report->text.find("\"Lunch\""), std::string::npos) << report->text;
  EXPECT_NE(report->original.find("Subject: Lunch"), std::string::npos);
  EXPECT_EQ(bytes.find("secret"), std::string::npos) << "only the header is returned";
  EXPECT_NE(bytes.find("Diagnostic-Code: smtp; 550"), std::string::npos) << bytes;
  const auto mail = MailPart::parse(bytes);
  EXPECT_EQ(mail.header("Auto-Submitted"), "auto-replied");
  EXPECT_EQ(mail.header("Subject"), "Undelivered mail: ben@there.example");
  EXPECT_EQ(mail.header("To"), "ann@here.example");
  EXPECT_EQ(mail.header("References"), "<1@x>");
}

TEST(StatusReport, ReturnsTheWholeMessageWhereItIsToldTo) {
  auto whole = context();
  whole.is_whole = true;
  const auto bytes =
      bytes_of(status_report(part_of({recipient_of("550 no")}), {{0, Action::failed}}, whole));
  EXPECT_NE(DeliveryReport::parse(bytes)->original.find("secret"), std::string::npos) << bytes;
}

TEST(StatusReport, SaysUntilWhenADelayedMessageIsTried) {
  auto one = recipient_of("connect: refused");
  one.state = State::pending;
  const auto report = DeliveryReport::parse(
      bytes_of(status_report(part_of({one}), {{0, Action::delayed}}, context())));
  ASSERT_TRUE(report);
  const auto& told = report->recipients.at(0);
  EXPECT_EQ(told.action, Action::delayed);
  EXPECT_EQ(told.status, "4.0.0");
  EXPECT_EQ(told.will_retry_until, "Wed, 20 Jan 2027 08:00:00 +0000");
  EXPECT_EQ(told.diagnostic, "connect: refused");
  EXPECT_NE(report->text.find("goes on trying until Wed, 20 Jan 2027"), std::string::npos)
      << report->text;
}

TEST(StatusReport, KeepsActionsOfSeveralRecipientsApart) {
  auto good = recipient_of("250 ok", "mx.example:25");
  good.state = State::delivered;
  const auto report = DeliveryReport::parse(bytes_of(status_report(
      part_of({recipient_of("550 no"), good, good, recipient_of("550 no")}),
      {{0, Action::failed}, {1, Action::relayed}, {2, Action::delivered}}, context())));
  ASSERT_TRUE(report);
  ASSERT_EQ(report->recipients.size(), 3U) << "the fourth is not owed";
  EXPECT_EQ(report->recipients[1].action, Action::relayed);
  EXPECT_EQ(report->recipients[1].status, "2.0.0");
  EXPECT_EQ(report->recipients[2].action, Action::delivered);
}

TEST(StatusReport, HidesWhereAnAliasLeadsToFromStrangers) {
  auto one = recipient_of("550 5.1.1 no such user", "192.0.2.1:25");
  one.original = "sales@here.example";
  auto part = part_of({one});
  auto bytes = bytes_of(status_report(part, {{0, Action::failed}}, context()));
  EXPECT_EQ(bytes.find("ben@there.example"), std::string::npos) << bytes;
  const auto told = DeliveryReport::parse(bytes)->recipients.at(0);
  EXPECT_EQ(told.final_recipient, "sales@here.example");
  EXPECT_EQ(told.remote_mta, "[192.0.2.1]");
  part.envelope.login = "ann";
  bytes = bytes_of(status_report(part, {{0, Action::failed}}, context()));
  EXPECT_EQ(DeliveryReport::parse(bytes)->recipients.at(0).final_recipient, "ben@there.example");
  EXPECT_NE(DeliveryReport::parse(bytes)->text.find("ben@there.example (for sales@here.example)"),
            std::string::npos);
}

TEST(StatusReport, KeepsThePathsOfTheServer) {
  const auto one = recipient_of("given up: /var/mail/ben: cannot create the folder");
  const auto bytes = bytes_of(status_report(part_of({one}), {{0, Action::failed}}, context()));
  EXPECT_EQ(bytes.find("/var/mail"), std::string::npos) << bytes;
  EXPECT_NE(bytes.find("Diagnostic-Code: x-postroad; a fault of this mail server"),
            std::string::npos)
      << bytes;
  EXPECT_NE(DeliveryReport::parse(bytes)->text.find("The server has given up."), std::string::npos);
}

TEST(StatusReport, KeepsTheTypeOfAnotherKindOfAddress) {
  auto one = recipient_of("192.0.2.1:25 RCPT TO: the server closed the connection", "");
  one.parameters = " ORCPT=x400;/c+3Dus/";
  const auto bytes = bytes_of(status_report(part_of({one}), {{0, Action::failed}}, context()));
  EXPECT_NE(bytes.find("Original-Recipient: x400; /c=us/"), std::string::npos) << bytes;
  EXPECT_NE(bytes.find("Diagnostic-Code: x-postroad; 192.0.2.1:25 RCPT"), std::string::npos)
      << bytes;
  EXPECT_EQ(DeliveryReport::parse(bytes)->recipients.at(0).original_type, "x400");
}

TEST(StatusReport, HasTheFieldsInAscii) {
  const auto one = recipient_of("550 5.1.1 Benutzer ung\xc3\xbcltig", "mx.example:25");
  const auto bytes = bytes_of(status_report(part_of({one}), {{0, Action::failed}}, context()));
  EXPECT_NE(bytes.find("Content-Type: message/delivery-status"), std::string::npos) << bytes;
  EXPECT_NE(DeliveryReport::parse(bytes)->text.find("ung\xc3\xbcltig"), std::string::npos);
}

TEST(StatusReport, NamesTheServerWithoutAddressAndTls) {
  const auto one =
      recipient_of("550 5.1.1 no", "mx.there.example [192.0.2.1]:25 TLSv1.3 X verified");
  const auto bytes = bytes_of(status_report(part_of({one}), {{0, Action::failed}}, context()));
  EXPECT_NE(bytes.find("Remote-MTA: dns; mx.there.example\r\n"), std::string::npos) << bytes;
  EXPECT_NE(DeliveryReport::parse(bytes)->text.find("The server mx.there.example replied: 550"),
            std::string::npos);
}

TEST(StatusReport, ReturnsAHeaderOutsideAsciiInItsOwnType) {
  auto utf8 = context();
  utf8.original = "From: gr\xc3\xbcn@here.example\r\nSubject: x\r\n\r\nsecret\r\n";
  const auto bytes = bytes_of(
      status_report(part_of({recipient_of("550 no", "mx:25")}), {{0, Action::failed}}, utf8));
  EXPECT_NE(bytes.find("Content-Type: message/global-headers"), std::string::npos) << bytes;
  EXPECT_EQ(std::count_if(bytes.begin(), bytes.end(), is_8bit), 0) << bytes;
  EXPECT_NE(DeliveryReport::parse(bytes)->original.find("gr\xc3\xbcn@here.example"),
            std::string::npos);
}

TEST(StatusReport, IsMadeWhateverTheMessageContains) {
  auto one = recipient_of("550 \xff\r\n<b>\x1b[31m", "mx:25");
  one.address = "b\xc3\xa9n@there.example";
  one.original = "\"odd \\\" name\"@here.example";
  auto odd = context();
  for (const auto& original :
       {std::string(), std::string("\r\n\r\n"), std::string("no header at all"),
        std::string("Subject: =?utf-8?q?=0D=0AX:_1?=\r\nMessage-ID: <a\r\n b>\r\n\r\n"),
        std::string(3000, '\xff')}) {
    for (const auto* to : {"ann@here.example", "j\xc3\xb6rg@here.example", "not an address",
                           "\"a b\"@here.example"}) {
      odd.original = original;
      odd.to = to;
      for (const bool whole : {false, true}) {
        odd.is_whole = whole;
        const auto bytes = bytes_of(status_report(part_of({one}), {{0, Action::failed}}, odd));
        const auto report = DeliveryReport::parse(bytes);
        ASSERT_TRUE(report) << bytes;
        EXPECT_EQ(report->recipients.size(), 1U);
        EXPECT_EQ(MailPart::parse(bytes).header("X"), "");
      }
    }
  }
}

struct StatusCase {
  const char* note;
  const char* host;
  Action action;
  const char* status;
  const char* reply;
};

TEST(StatusOf, IsTheCodeOfTheReplyInTheClassOfTheAction) {
  const std::string up = std::string(queue::given_up);
  const std::vector<StatusCase> cases{
      {"550 5.1.1 no such user", "mx:25", Action::failed, "5.1.1", "550 5.1.1 no such user"},
      {"550 no such user", "mx:25", Action::failed, "5.0.0", "550 no such user"},
      {"550 4.2.2 full", "mx:25", Action::failed, "5.2.2", "550 4.2.2 full"},
      {"mx:25 MAIL: 553 5.7.1 sender", "mx:25", Action::failed, "5.7.1", "553 5.7.1 sender"},
      {"5.1.10 there.example accepts no mail", "", Action::failed, "5.1.10", ""},
      {"451 4.7.1 later", "mx:25", Action::delayed, "4.7.1", "451 4.7.1 later"},
      {"the disk is full", "", Action::delayed, "4.0.0", ""},
      {"5.6.7 mx:25 MAIL: the server lacks SMTPUTF8", "", Action::failed, "5.6.7", ""},
      {"550", "mx:25", Action::failed, "5.0.0", "550"},
      {"550 5.1.1x", "mx:25", Action::failed, "5.0.0", "550 5.1.1x"},
      {"550 192.0.2.1 is listed", "mx:25", Action::failed, "5.0.0", "550 192.0.2.1 is listed"},
      {"", "", Action::failed, "5.0.0", ""},
      {"250 2.0.0 ok", "mx:25", Action::relayed, "2.0.0", "250 2.0.0 ok"},
  };
  for (const auto& one : cases) {
    const auto recipient = recipient_of(one.note, one.host);
    EXPECT_EQ(status_of(recipient, one.action), one.status) << one.note;
    EXPECT_EQ(reply_in(recipient), one.reply) << one.note;
  }
  const auto given_up = recipient_of(up + "451 4.7.1 later", "mx:25");
  EXPECT_EQ(status_of(given_up, Action::failed), "4.4.7");
  EXPECT_EQ(reply_in(given_up), "451 4.7.1 later");
}

}  // namespace
}  // namespace postroad::relay
