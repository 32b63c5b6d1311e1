// The reporter over a spool in memory: what it commits, for whom, and how often.
#include "relay/reports/spool_reporter.hpp"

#include <gtest/gtest.h>

#include <future>
#include <sstream>

#include "queue/settlement.hpp"
#include "spool/memory.hpp"

namespace postroad::relay {
namespace {

using Action = ReportedRecipient::Action;
using spool::State;

struct SpoolReporterTest : ::testing::Test {
  std::unique_ptr<spool::Spool> spool = spool::make_memory_spool();
  observe::Log log;
  ReportSettings settings;
  std::shared_ptr<ReportLimit> limit = std::make_shared<ReportLimit>();
  ReportRecipients recipients_of = [](const std::string& address) {
    spool::Recipient one;
    one.address = address;
    return std::vector{one};
  };

  SpoolReporterTest() {
    settings.host = "mail.here.example";
    settings.lifetime = std::chrono::days(5);
  }

  queue::Part put(const std::string& body, const queue::Handling& handling = {},
                  const std::string& login = {}) {
    queue::Part part;
    auto incoming = spool->begin().value();
    EXPECT_TRUE(incoming->append("Subject: Lunch\r\n\r\n" + body));
    part.id = incoming->id();
    part.envelope.reverse_path = "ann@here.example";
    part.envelope.login = login;
    part.envelope.arrived = 1'800'000'000'000;
    auto& one = part.envelope.recipients.emplace_back();
    one.address = "ben@there.example";
    one.state = State::refused;
    one.note = "550 5.1.1 no such user";
    one.host = "mx.there.example:25";
    part.handling = handling;
    incoming->commit(part.envelope, {});
    part.size = spool->size(part.id).value();
    return part;
  }
  // The notifications that are in the spool after this one.
  std::vector<spool::QueueId> report(const queue::Part& part) {
    SpoolReporter reporter(*spool, log, settings, recipients_of, limit);
    std::promise<Result<void>> ended;
    reporter.report(part, {{0, Action::failed}},
                    [&](Result<void> kept) { ended.set_value(std::move(kept)); });
    EXPECT_TRUE(ended.get_future().get());
    std::vector<spool::QueueId> found;
    for (const auto& one : spool->list()) {
      if (spool->envelope(one.id)->reverse_path.empty()) found.push_back(one.id);
    }
    return found;
  }
  std::string text(spool::QueueId id) {
    std::string bytes;
    auto reader = spool->read(id).value();
    for (auto chunk = reader->next(); chunk && !chunk->empty(); chunk = reader->next())
      bytes += *chunk;
    return bytes;
  }
};

TEST_F(SpoolReporterTest, AMessageFromTheNullReversePathIsCommittedForTheSender) {
  const auto part = put("secret\r\n");
  const auto reports = report(part);
  ASSERT_EQ(reports.size(), 1U);
  const auto envelope = spool->envelope(reports[0]).value();
  ASSERT_EQ(envelope.recipients.size(), 1U);
  EXPECT_EQ(envelope.recipients[0].address, "ann@here.example");
  EXPECT_EQ(envelope.recipients[0].state, State::pending);
  EXPECT_GT(envelope.arrived, 0);
  EXPECT_TRUE(spool->envelope(part.id)->recipients[0].is_reported);
  const auto read = DeliveryReport::parse(text(reports[0]));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->recipients.at(0).status, "5.1.1");
  EXPECT_EQ(read->original, "Subject: Lunch\r\n");
  EXPECT_TRUE(
      text(reports[0]).starts_with("Received: by mail.here.example id " + reports[0].text() + ';'))
      << text(reports[0]);
}

TEST_F(SpoolReporterTest, TheWholeMessageIsReturnedWhereAskedAndNotTooLarge) {
  queue::Handling full;
  full.asked.return_content = MailOptions::Return::full;
  std::string large;
  while (large.size() < 60'000) large += "a line of the message\r\n";
  struct Case {
    std::string body;
    queue::Handling handling;
    std::string login;
    bool is_whole;
  };
  for (const auto& one : {Case{"secret\r\n", {}, "ann", false}, Case{"secret\r\n", full, "", true},
                          Case{large, full, "", false}, Case{large, full, "ann", true}}) {
    const auto reports = report(put(one.body, one.handling, one.login));
    const auto read = DeliveryReport::parse(text(reports.back()));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->original.ends_with(one.body), one.is_whole)
        << one.body.size() << ' ' << one.login;
  }
}

TEST_F(SpoolReporterTest, OneAddressGetsALimitedNumberInAnHour) {
  settings.per_hour = 3;
  std::vector<spool::QueueId> reports;
  queue::Part last;
  for (int i = 0; i < 6; ++i) {
    last = put("text\r\n");
    reports = report(last);
  }
  ASSERT_EQ(reports.size(), 3U);
  const auto words = [&](std::size_t at) { return DeliveryReport::parse(text(reports[at]))->text; };
  EXPECT_EQ(words(1).find("does not send you more"), std::string::npos);
  EXPECT_NE(words(2).find("does not send you more"), std::string::npos) << words(2);
  EXPECT_TRUE(spool->envelope(last.id)->recipients[0].is_reported)
      << "a message that is not reported leaves the spool too";
}

TEST_F(SpoolReporterTest, AnAddressOutsideAsciiIsSentWithSmtputf8) {
  auto part = put("text\r\n");
  part.envelope.reverse_path = "j\xc3\xb6rg@here.example";
  const auto reports = report(part);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_TRUE(queue::handling_of(spool->envelope(reports[0]).value()).smtputf8);
}

TEST_F(SpoolReporterTest, GoesToTheEndsOfAnAlias) {
  recipients_of = [](const std::string& address) {
    std::vector<spool::Recipient> ends(2);
    ends[0].address = "root@here.example";
    ends[1].address = "ops@there.example";
    for (auto& one : ends) one.original = address;
    return ends;
  };
  const auto reports = report(put("text\r\n"));
  ASSERT_EQ(reports.size(), 1U);
  const auto envelope = spool->envelope(reports[0]).value();
  ASSERT_EQ(envelope.recipients.size(), 2U);
  EXPECT_EQ(envelope.recipients[0].address, "root@here.example");
  EXPECT_EQ(envelope.recipients[1].original, "ann@here.example");
}

TEST_F(SpoolReporterTest, ASenderWithoutAMailboxGetsNone) {
  recipients_of = [](const std::string& address) {
    std::vector<spool::Recipient> ends;
    if (address == "postmaster@here.example") ends.emplace_back().address = "root@here.example";
    return ends;
  };
  const auto part = put("text\r\n");
  EXPECT_TRUE(report(part).empty());
  EXPECT_TRUE(spool->envelope(part.id)->recipients[0].is_reported);
  settings.policy.postmaster = "postmaster@here.example";
  const auto reports = report(put("text\r\n"));
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(spool->envelope(reports[0])->recipients[0].address, "root@here.example");
}

TEST(ReportLimitTest, DoesNotCountWhatWasNotStored) {
  ReportLimit limit;
  const ReportLimit::Time begin{std::chrono::hours(100)};
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(limit.count("ann@x.example", 1, begin), ReportLimit::Decision::send_last);
    limit.uncount("Ann@x.example");
  }
}

TEST(ReportLimitTest, BeginsAgainAfterAnHour) {
  ReportLimit limit;
  using Decision = ReportLimit::Decision;
  const ReportLimit::Time begin{std::chrono::hours(100)};
  EXPECT_EQ(limit.count("ann@x.example", 2, begin), Decision::send);
  EXPECT_EQ(limit.count("Ann@x.example", 2, begin), Decision::send_last);
  EXPECT_EQ(limit.count("ann@x.example", 2, begin + std::chrono::minutes(59)), Decision::suppress);
  EXPECT_EQ(limit.count("ben@x.example", 2, begin), Decision::send);
  EXPECT_EQ(limit.count("ann@x.example", 2, begin + std::chrono::hours(1)), Decision::send);
  EXPECT_EQ(limit.count("ann@x.example", 0, begin), Decision::send) << "0: no limit";
}

TEST(ReportLimitTest, RemembersALimitedNumberOfAddresses) {
  ReportLimit limit;
  const ReportLimit::Time begin{std::chrono::hours(100)};
  for (int i = 0; i < 25'000; ++i) (void)limit.count(std::to_string(i) + "@x.example", 1, begin);
  EXPECT_EQ(limit.count("24999@x.example", 1, begin), ReportLimit::Decision::suppress);
}

}  // namespace
}  // namespace postroad::relay
