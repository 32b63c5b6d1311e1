// Reports of other programs are parsed; composed reports parse back to the same values.
#include <gtest/gtest.h>

#include <postroad/delivery_report.hpp>
#include <postroad/message.hpp>

#include "base/text.hpp"
#include "mail/read/test_messages.hpp"

namespace postroad {
namespace {

using mail::composed;

// A report in the form of Postfix, with its folding and comments.
constexpr std::string_view postfix =
    "From: MAILER-DAEMON@mx.example (Mail Delivery System)\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
    "\tboundary=\"X\"\r\n"
    "\r\n"
    "This is a MIME-encapsulated message.\r\n"
    "\r\n"
    "--X\r\n"
    "Content-Type: text/plain; charset=us-ascii\r\n"
    "\r\n"
    "I'm sorry.\r\n"
    "--X\r\n"
    "Content-Type: message/delivery-status\r\n"
    "\r\n"
    "Reporting-MTA: dns; mx.example\r\n"
    "X-Postfix-Queue-ID: 1234\r\n"
    "Original-Envelope-Id: QQ314159\r\n"
    "Arrival-Date: Sat, 28 Nov 2026 10:00:00 +0000 (UTC)\r\n"
    "\r\n"
    "Final-Recipient: rfc822; nobody@far.example\r\n"
    "Original-Recipient: rfc822;nobody@far.example\r\n"
    "Action: failed\r\n"
    "Status: 5.1.1 (no such user)\r\n"
    "Remote-MTA: dns; mx.far.example\r\n"
    "Diagnostic-Code: smtp; 550 5.1.1 <nobody@far.example>: Recipient address\r\n"
    "    rejected: User unknown\r\n"
    "\r\n"
    "Final-Recipient: rfc822; slow@far.example\r\n"
    "Action: delayed\r\n"
    "Status: 4.4.1\r\n"
    "Will-Retry-Until: Thu, 3 Dec 2026 10:00:00 +0000\r\n"
    "--X\r\n"
    "Content-Type: text/rfc822-headers\r\n"
    "\r\n"
    "Subject: hi\r\n"
    "--X--\r\n";

TEST(DeliveryReport, ParsesAReportOfPostfix) {
  const auto report = DeliveryReport::parse(postfix);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->reporting_mta, "mx.example");
  EXPECT_EQ(report->envelope_id, "QQ314159");
  EXPECT_EQ(report->text, "I'm sorry.");
  EXPECT_EQ(report->original, "Subject: hi");
  ASSERT_EQ(report->recipients.size(), 2U);
  const auto& first = report->recipients[0];
  EXPECT_EQ(first.action, ReportedRecipient::Action::failed);
  EXPECT_EQ(first.status, "5.1.1");
  EXPECT_EQ(first.final_recipient, "nobody@far.example");
  EXPECT_EQ(first.original_recipient, "nobody@far.example");
  EXPECT_EQ(first.remote_mta, "mx.far.example");
  EXPECT_EQ(first.diagnostic,
            "550 5.1.1 <nobody@far.example>: Recipient address    rejected: User unknown");
  EXPECT_EQ(report->recipients[1].action, ReportedRecipient::Action::delayed);
  EXPECT_EQ(report->recipients[1].will_retry_until, "Thu, 3 Dec 2026 10:00:00 +0000");
}

TEST(DeliveryReport, OtherMessagesAreNotReports) {
  EXPECT_FALSE(DeliveryReport::parse(""));
  EXPECT_FALSE(DeliveryReport::parse("Subject: hi\r\n\r\nFinal-Recipient: rfc822; a@b\r\n"));
  EXPECT_FALSE(AbuseReport::parse(postfix));
  EXPECT_FALSE(ReadReceipt::parse(postfix));
}

TEST(DeliveryReport, ParsesMalformedReportsAsFarAsPossible) {
  const auto report = DeliveryReport::parse(
      "Content-Type: message/delivery-status\n\nReporting-MTA: mx\nFinal-Recipient: a@b\nnonsense\n"
      "\n\n\nAction: FAILED (really)\n");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->reporting_mta, "mx");
  ASSERT_EQ(report->recipients.size(), 2U);
  EXPECT_EQ(report->recipients[0].final_recipient, "a@b");
  EXPECT_EQ(report->recipients[1].action, ReportedRecipient::Action::failed);
}

TEST(DeliveryReport, ComposedReportRoundTrips) {
  DeliveryReport report;
  report.reporting_mta = "mx.example.org";
  report.envelope_id = "abc";
  report.arrival_date = "Sat, 28 Nov 2026 10:00:00 +0000";
  report.text = "Your mail could not be delivered.\r\n";
  report.original = "From: a@example.org\r\nSubject: hi\r\n\r\nbody\r\n";
  ReportedRecipient one;
  one.status = "5.7.1";
  one.final_recipient = "b@example.net";
  one.original_recipient = "b@example.net";
  one.remote_mta = "mx.example.net";
  one.diagnostic = "554 5.7.1 a sentence of the other server that is long enough to be folded once";
  one.last_attempt = "Sat, 28 Nov 2026 10:00:01 +0000";
  report.recipients = {one, one};
  report.recipients[1].action = ReportedRecipient::Action::delayed;
  const auto bytes =
      composed(Message{}.from("MAILER-DAEMON@mx.example.org").content(report.part(true)));
  EXPECT_NE(bytes.find("report-type=delivery-status"), std::string::npos) << bytes;
  auto again = DeliveryReport::parse(bytes);
  ASSERT_TRUE(again) << bytes;
  EXPECT_EQ(*again, report) << bytes;
  const auto headers = composed(Message{}.from("m@x.example").content(report.part()));
  EXPECT_EQ(headers.find("body"), std::string::npos);
  EXPECT_EQ(DeliveryReport::parse(headers)->original, "From: a@example.org\r\nSubject: hi\r\n");
}

// Row 4: text of a peer cannot add fields to a report.
TEST(Row4, NoPeerWritesFieldsOfAReport) {
  DeliveryReport report;
  report.reporting_mta = "mx\r\nX: y";
  ReportedRecipient one;
  one.final_recipient = "a@b\r\n\r\nAction: delivered";
  one.diagnostic = "550 no\nStatus: 2.0.0";
  report.recipients = {one};
  const auto bytes = composed(Message{}.from("m@x.example").content(report.part()));
  const auto again = DeliveryReport::parse(bytes);
  ASSERT_TRUE(again);
  ASSERT_EQ(again->recipients.size(), 1U) << bytes;
  EXPECT_EQ(again->recipients[0].action, ReportedRecipient::Action::failed);
  EXPECT_EQ(bytes.find("\nX: y"), std::string::npos);
}

TEST(AbuseReport, ComposedReportRoundTrips) {
  AbuseReport report;
  report.type = "abuse";
  report.user_agent = "loop/1";
  report.source_ip = "192.0.2.1";
  report.arrival_date = "Sat, 28 Nov 2026 10:00:00 +0000";
  report.mail_from = "<a@example.org>";
  report.recipients = {"<b@example.net>", "<c@example.net>"};
  report.domains = {"example.org"};
  report.text = "A complaint.\r\n";
  report.original = "Subject: hi\r\n\r\nbuy\r\n";
  const auto bytes = composed(Message{}.from("fbl@example.net").content(report.part()));
  const auto again = AbuseReport::parse(bytes);
  ASSERT_TRUE(again) << bytes;
  EXPECT_EQ(*again, report) << bytes;
}

// A report can be sent whatever the original message contains.
TEST(DeliveryReport, CanBeComposedForEveryOriginal) {
  const std::string latin = "From: a@x\r\nSubject: gr\xfcn\r\n\r\nbody\r\n";
  const std::string originals[] = {
      latin,
      "DKIM-Signature: v=1\r\nFrom: a@x\r\n\r\ngr\xc3\xbcn\r\n",
      "From: a@x\r\nX-A: " + std::string(3000, 'x') + "\r\n\r\nbody\r\n",
      "no header, gr\xfcn",
      std::string("\0\r\n\n\r", 5),
  };
  for (const auto& original : originals) {
    for (const bool whole : {false, true}) {
      DeliveryReport report;
      report.text = "gr\xfcn";
      report.original = original;
      const auto bytes = composed(Message{}.from("d@x").content(report.part(whole)));
      ASSERT_FALSE(bytes.starts_with("error")) << bytes;
      EXPECT_TRUE(DeliveryReport::parse(bytes)) << bytes;
    }
    AbuseReport abuse;
    abuse.original = original;
    EXPECT_TRUE(AbuseReport::parse(composed(Message{}.from("d@x").content(abuse.part()))));
  }
  DeliveryReport report;
  report.original = latin;
  const auto again = DeliveryReport::parse(composed(Message{}.from("d@x").content(report.part())));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->original, "From: a@x\r\nSubject: gr\xfcn\r\n");
}

TEST(ReadReceipt, ComposedReportRoundTrips) {
  ReadReceipt receipt;
  receipt.reporting_ua = "desk; reader 1";
  receipt.final_recipient = "b@example.net";
  receipt.original_message_id = "<1@example.org>";
  receipt.disposition = "manual-action/MDN-sent-manually; displayed";
  receipt.text = "It was shown.\r\n";
  const auto bytes = composed(Message{}.from("b@example.net").content(receipt.part()));
  const auto again = ReadReceipt::parse(bytes);
  ASSERT_TRUE(again) << bytes;
  EXPECT_EQ(*again, receipt) << bytes;
  EXPECT_TRUE(again->is_displayed());
}

// Every server accepts a report with addresses outside ASCII (RFC 6533).
TEST(DeliveryReport, AddressesInUtf8CanBeSentToEveryServer) {
  ReportedRecipient one;
  one.status = "5.1.1";
  one.final_recipient = "grün@b.example";
  DeliveryReport report;
  report.recipients = {one};
  AbuseReport abuse;
  abuse.recipients = {"<grün@b.example>"};
  ReadReceipt receipt;
  receipt.final_recipient = "grün@b.example";
  const auto sent = [](const MimePart& part) {
    const auto source = *Message{}.from("d@x.example").content(part).source();
    EXPECT_FALSE(source->is_8bit());
    return mail::drained(*source);
  };
  const auto bounce = sent(report.part());
  EXPECT_NE(bounce.find("Content-Type: message/global-delivery-status"), std::string::npos);
  EXPECT_EQ(DeliveryReport::parse(bounce)->recipients, report.recipients) << bounce;
  EXPECT_EQ(AbuseReport::parse(sent(abuse.part()))->recipients, abuse.recipients);
  const auto read = sent(receipt.part());
  EXPECT_NE(read.find("Content-Type: message/global-disposition-notification"), std::string::npos);
  EXPECT_EQ(ReadReceipt::parse(read)->final_recipient, receipt.final_recipient);
}

}  // namespace
}  // namespace postroad
