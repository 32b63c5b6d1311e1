// A message that is committed together with outcomes of another one: after any crash both are in
// the spool, or neither.
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>

#include "spool/journal/generations.hpp"
#include "spool/journal/journal.hpp"
#include "spool/journal/segment.hpp"
#include "spool/memory.hpp"
#include "spool/testing/test_disk.hpp"
#include "spool/testing/workload.hpp"

namespace postroad::spool {
namespace {

constexpr std::int64_t now = 1'700'000'000'000;

JournalOptions small() {
  JournalOptions options;
  options.segment_size = 16 << 10;
  options.chunk_size = 512;
  return options;
}

OutcomeRecord refused(std::uint32_t recipient) {
  OutcomeRecord record{recipient, State::refused, 2, now, "550 5.1.1 no such user"};
  record.host = "mx.example:25";
  record.last_attempt = now - 5;
  record.is_reported = true;
  return record;
}

struct Report {
  QueueId id;
  Result<void> result;
};

/// Commits `workload::bytes(seed, size)` as a message about `other`.
Report report(Spool& spool, QueueId other, std::uint64_t seed, std::size_t size,
              std::vector<OutcomeRecord> outcomes) {
  auto incoming = spool.begin().value();
  const auto id = incoming->id();
  (void)incoming->append(workload::bytes(seed, size));
  workload::Answer answer;
  spool.commit_with(std::move(incoming), workload::envelope(seed), other, std::move(outcomes),
                    answer.done());
  return {id, answer.wait()};
}

void expect_refused(Spool& spool, QueueId id, std::uint32_t recipient) {
  const auto envelope = spool.envelope(id);
  ASSERT_TRUE(envelope) << envelope.error();
  const auto& one = envelope->recipients[recipient];
  EXPECT_EQ(one.state, State::refused);
  EXPECT_EQ(one.attempts, 2U);
  EXPECT_EQ(one.note, "550 5.1.1 no such user");
  EXPECT_EQ(one.host, "mx.example:25");
  EXPECT_EQ(one.last_attempt, now - 5);
  EXPECT_TRUE(one.is_reported);
  EXPECT_FALSE(one.is_delay_reported);
}

TEST(Joined, BothAreThereInMemoryToo) {
  const auto spool = make_memory_spool();
  const auto id = workload::put(*spool, "text", workload::envelope(1, 3)).id;
  const auto made = report(*spool, id, 5, 100, {refused(1)});
  ASSERT_TRUE(made.result);
  EXPECT_EQ(workload::read(*spool, made.id).value(), workload::bytes(5, 100));
  expect_refused(*spool, id, 1);
}

TEST(Joined, BothAreThereAfterARestart) {
  for (const std::size_t size : {0U, 10U, 511U, 512U, 513U, 5000U}) {
    for (const bool in_order : {true, false}) {
      SCOPED_TRACE(size);
      TestDisk disk;
      auto spool = open_journal(disk.open(), small(), now).value();
      const auto id = workload::put(*spool, "text", workload::envelope(1, 3)).id;
      const auto made = report(*spool, id, 5, size, {refused(0), refused(2)});
      ASSERT_TRUE(made.result);
      for (int life = 0; life < 2; ++life) {
        EXPECT_EQ(workload::read(*spool, made.id).value(), workload::bytes(5, size));
        EXPECT_EQ(spool->envelope(made.id).value(), workload::envelope(5));
        expect_refused(*spool, id, 0);
        expect_refused(*spool, id, 2);
        EXPECT_EQ(spool->envelope(id).value().recipients[1].state, State::pending);
        if (!in_order) disk.crash(TestDisk::Loss::all);
        spool.reset();
        spool = open_journal(disk.open(), small(), now).value();
      }
    }
  }
}

TEST(Joined, ALaterOutcomeCountsMore) {
  TestDisk disk;
  auto spool = open_journal(disk.open(), small(), now).value();
  const auto id = workload::put(*spool, "text", workload::envelope(1)).id;
  ASSERT_TRUE(report(*spool, id, 5, 100, {refused(0)}).result);
  ASSERT_TRUE(workload::record(*spool, id, {workload::delivered(0)}));
  spool.reset();
  spool = open_journal(disk.open(), small(), now).value();
  EXPECT_EQ(spool->envelope(id).value().recipients[0].state, State::delivered);
}

TEST(Joined, AreCarriedForwardAndMerged) {
  TestDisk disk;
  auto spool = open_journal(disk.open(), small(), now).value();
  const auto id = workload::put(*spool, "text", workload::envelope(1, 100)).id;
  std::vector<QueueId> reports;
  for (std::uint32_t i = 0; i < 100; ++i) {
    const auto made = report(*spool, id, i, 100, {refused(i)});
    ASSERT_TRUE(made.result);
    if (i % 10 == 0) {
      reports.push_back(made.id);
    } else {
      ASSERT_TRUE(workload::remove(*spool, made.id));
    }
  }
  for (int i = 0; i < 300; ++i)
    ASSERT_TRUE(workload::remove(
        *spool, workload::put(*spool, workload::bytes(1, 1000), workload::envelope(1)).id));
  spool.reset();
  spool = open_journal(disk.open(), small(), now).value();
  for (std::uint32_t i = 0; i < 100; ++i) expect_refused(*spool, id, i);
  for (std::size_t i = 0; i < reports.size(); ++i)
    EXPECT_EQ(workload::read(*spool, reports[i]).value(), workload::bytes(10 * i, 100));
}

TEST(Joined, AMessageThatIsGoneRefusesBoth) {
  TestDisk disk;
  auto spool = open_journal(disk.open(), small(), now).value();
  const auto id = workload::put(*spool, "text", workload::envelope(1)).id;
  EXPECT_EQ(report(*spool, id, 5, 2000, {refused(1)}).result.error().fault, Fault::input);
  ASSERT_TRUE(workload::remove(*spool, id));
  for (const std::size_t size : {100U, 2000U})
    EXPECT_EQ(report(*spool, id, 5, size, {refused(0)}).result.error().fault, Fault::not_found);
  EXPECT_TRUE(spool->list().empty());
  // Nothing holds the segments of their chunks.
  for (int i = 0; i < 300; ++i)
    ASSERT_TRUE(workload::remove(
        *spool, workload::put(*spool, workload::bytes(1, 1000), workload::envelope(1)).id));
  EXPECT_LE(spool->statistics().segments, 3U);
}

struct How {
  std::string name;
  bool sticky;
  bool partial;
  TestDisk::Loss loss;
};

class JoinedFaults : public testing::TestWithParam<How> {};

TEST_P(JoinedFaults, ACrashAfterAnyFailedCallLeavesBothOrNeither) {
  const auto& how = GetParam();
  for (const std::size_t size : {100U, 3000U}) {
    for (std::uint64_t call = 1; call <= 12; ++call) {
      SCOPED_TRACE("size " + std::to_string(size) + ", call " + std::to_string(call));
      TestDisk disk(call);
      auto spool = open_journal(disk.open(), small(), now).value();
      const auto id = workload::put(*spool, "text", workload::envelope(1)).id;
      disk.fail({call, Fault::io, how.sticky, how.partial});
      const auto made = report(*spool, id, 5, size, {refused(0)});
      if (!made.result) {
        EXPECT_EQ(spool->envelope(id).value().recipients[0].state, State::pending);
      }
      disk.crash(how.loss);
      spool.reset();
      disk.fail({});
      spool = open_journal(disk.open(), small(), now).value();
      const auto bytes = workload::read(*spool, made.id);
      const bool is_reported = spool->envelope(id).value().recipients[0].is_reported;
      EXPECT_EQ(bytes.has_value(), is_reported);
      if (made.result) {
        EXPECT_TRUE(is_reported);
      }
      if (!how.sticky && !made.result) {
        EXPECT_FALSE(is_reported);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Each, JoinedFaults,
                         testing::Values(How{"AllLost", false, false, TestDisk::Loss::all},
                                         How{"Torn", false, true, TestDisk::Loss::random},
                                         How{"NothingLost", false, true, TestDisk::Loss::none},
                                         How{"ForEverTorn", true, true, TestDisk::Loss::random}),
                         [](const auto& parameter) { return parameter.param.name; });

TEST(Joined, DamageToTheReportLeavesTheRecipientToBeReportedAgain) {
  TestDisk disk;
  QueueId id;
  QueueId report_id;
  {
    auto spool = open_journal(disk.open(), small(), now).value();
    id = workload::put(*spool, "text", workload::envelope(1)).id;
    report_id = report(*spool, id, 5, 100, {refused(0)}).id;
    ASSERT_TRUE(workload::put(*spool, "other", workload::envelope(2)).result);
    disk.crash(TestDisk::Loss::all);
  }
  const auto name = segment_name(1);
  const auto good = disk.content(name);
  const auto at = good.find(workload::bytes(5, 100));
  ASSERT_NE(at, std::string::npos);
  auto bytes = good;
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  disk.set_content(name, bytes);
  auto spool = open_journal(disk.open(), small(), now).value();
  EXPECT_FALSE(workload::read(*spool, report_id));
  EXPECT_EQ(spool->envelope(id).value().recipients[0].state, State::pending);
  EXPECT_FALSE(spool->findings().empty());
}

TEST(Joined, DamageInASealedSegmentLeavesTheOtherMessageReadable) {
  TestDisk disk;
  QueueId id;
  {
    auto spool = open_journal(disk.open(), small(), now).value();
    id = workload::put(*spool, "text", workload::envelope(1, 2)).id;
    ASSERT_TRUE(report(*spool, id, 5, 100, {refused(0)}).result);
  }
  const auto name = segment_name(1);
  auto bytes = disk.content(name);
  const auto at = bytes.find(workload::bytes(5, 100));
  ASSERT_NE(at, std::string::npos);
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  disk.set_content(name, bytes);
  auto spool = open_journal(disk.open(), small(), now).value();
  const auto envelope = spool->envelope(id);
  ASSERT_TRUE(envelope) << envelope.error();
  EXPECT_EQ(envelope->recipients[0].state, State::pending);
  EXPECT_EQ(workload::read(*spool, id).value(), "text");
  EXPECT_EQ(spool->findings().size(), 1U);
}

TEST(Joined, AMessageOfAnOlderSpoolGetsItsOutcomes) {
  namespace fs = std::filesystem;
  std::string name = (fs::temp_directory_path() / "postroad-joined-XXXXXX").string();
  const fs::path data = ::mkdtemp(name.data());
  QueueId id;
  {
    auto before = Generations::open({data, small()}, now).value();
    id = workload::put(*before, "text", workload::envelope(1)).id;
    const auto last = before->statistics().last_id;
    Generations::Settings settings{data, small(), true, last};
    auto after = Generations::open(settings, now).value();
    before.reset();
    (void)after->tidy(now);
    const auto made = report(*after, id, 5, 100, {refused(0)});
    ASSERT_TRUE(made.result) << made.result.error();
    EXPECT_EQ(workload::read(*after, made.id).value(), workload::bytes(5, 100));
    expect_refused(*after, id, 0);
  }
  fs::remove_all(data);
}

}  // namespace
}  // namespace postroad::spool
