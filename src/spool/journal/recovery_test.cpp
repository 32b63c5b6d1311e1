// Recovery after damage to the files: cut anywhere, a byte flipped anywhere, a segment missing, a
// newer format. Damage never prevents the start, undamaged messages are there, and a finding names
// the rest.
#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

#include "spool/disk/posix_disk.hpp"
#include "spool/journal/crc32c.hpp"
#include "spool/journal/journal.hpp"
#include "spool/journal/record.hpp"
#include "spool/journal/segment.hpp"
#include "spool/journal/wire.hpp"
#include "spool/testing/test_disk.hpp"
#include "spool/testing/workload.hpp"

namespace postroad::spool {
namespace {

constexpr std::int64_t now = 1'700'000'000'000;

JournalOptions small(std::uint64_t segment = 8 << 10) {
  JournalOptions options;
  options.segment_size = segment;
  options.chunk_size = 512;
  return options;
}

struct Filled {
  TestDisk disk;
  std::vector<QueueId> ids;
};

/// A spool with `count` messages, seeded by their index; shut down in order, or killed.
Filled fill(int count, bool in_order, std::uint64_t segment = 64 << 10) {
  Filled filled;
  auto spool = open_journal(filled.disk.open(), small(segment), now).value();
  for (int i = 0; i < count; ++i) {
    const auto seed = static_cast<std::uint64_t>(i);
    filled.ids.push_back(
        workload::put_with_head(*spool, seed, 200 + 500 * seed, workload::envelope(seed)).id);
  }
  if (!in_order) filled.disk.crash(TestDisk::Loss::all);
  return filled;
}

/// Number of complete messages; each other one is absent or reported as damaged.
int whole(Spool& spool, const std::vector<QueueId>& ids) {
  int count = 0;
  for (std::size_t seed = 0; seed < ids.size(); ++seed) {
    const auto bytes = workload::read(spool, ids[seed]);
    const auto envelope = spool.envelope(ids[seed]);
    if (bytes && envelope) {
      EXPECT_EQ(*bytes, workload::bytes(seed, 200 + 500 * seed));
      EXPECT_EQ(*envelope, workload::envelope(seed));
      ++count;
      continue;
    }
    const auto fault = bytes ? envelope.error().fault : bytes.error().fault;
    EXPECT_TRUE(fault == Fault::not_found || fault == Fault::damaged) << to_string(fault);
  }
  return count;
}

TEST(Row39, AFlippedByteDamagesAtMostOneMessageAndIsReported) {
  for (const bool in_order : {true, false}) {
    auto filled = fill(4, in_order);
    const auto name = segment_name(1);
    const auto good = filled.disk.content(name);
    ASSERT_GT(good.size(), head_page_size + 2000);
    for (std::size_t at = 0; at < good.size(); at += at < head_page_size ? 37 : 5) {
      SCOPED_TRACE("byte " + std::to_string(at));
      TestDisk disk;
      auto damaged = good;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x41);
      disk.set_content(name, damaged);
      auto spool = open_journal(disk.open(), small(64 << 10), now);
      ASSERT_TRUE(spool) << spool.error();
      const int count = whole(**spool, filled.ids);
      EXPECT_GE(count, 3);
      EXPECT_TRUE(count >= 4 || !(*spool)->findings().empty());
      EXPECT_TRUE(workload::put(**spool, "next", workload::envelope(9)).result);
    }
  }
}

TEST(Row39, ATruncatedFileKeepsTheMessagesBeforeTheCut) {
  const auto filled = fill(4, false);
  const auto name = segment_name(1);
  const auto good = filled.disk.content(name);
  int before = 0;
  for (std::size_t length = 0; length <= good.size(); length += 3) {
    SCOPED_TRACE("cut at " + std::to_string(length));
    TestDisk disk;
    disk.set_content(name, good.substr(0, length));
    auto spool = open_journal(disk.open(), small(64 << 10), now);
    ASSERT_TRUE(spool) << spool.error();
    const int count = whole(**spool, filled.ids);
    EXPECT_GE(count, before);
    before = count;
  }
  EXPECT_GE(before, 3);
}

TEST(Row39, AMissingSegmentLosesOnlyItsMessages) {
  auto filled = fill(12, true, 8 << 10);
  ASSERT_GT(filled.disk.names().size(), 3U);
  const auto gone = filled.disk.names()[1];
  TestDisk disk;
  for (const auto& name : filled.disk.names()) {
    if (name != gone) disk.set_content(name, filled.disk.content(name));
  }
  auto spool = open_journal(disk.open(), small(), now);
  ASSERT_TRUE(spool);
  EXPECT_GE(whole(**spool, filled.ids), 6);
}

TEST(Row39, DamageIsCopiedToAFile) {
  auto filled = fill(4, true);
  const auto name = segment_name(1);
  auto bytes = filled.disk.content(name);
  bytes[head_page_size + record_header_size + 60] ^= 0x7f;
  filled.disk.set_content(name, bytes);
  {
    auto spool = open_journal(filled.disk.open(), small(64 << 10), now).value();
    (void)whole(*spool, filled.ids);
    EXPECT_GE(spool->statistics().damaged, 1U);
    EXPECT_FALSE(spool->findings().empty());
  }
  // The message stays in the list until an operator removes it.
  auto spool = open_journal(filled.disk.open(), small(64 << 10), now).value();
  EXPECT_EQ(spool->list().size(), 4U);
  EXPECT_TRUE(workload::remove(*spool, filled.ids[0]));
  EXPECT_EQ(spool->list().size(), 3U);
}

TEST(Recovery, ANewerFormatIsRefusedAndNotTreatedAsDamage) {
  auto filled = fill(1, true);
  const auto name = segment_name(1);
  auto bytes = filled.disk.content(name);
  constexpr std::size_t copy = head_page_size / 2;
  for (const std::size_t at : {std::size_t{0}, copy}) {
    put(bytes.data() + at + 8, format_version + 1);
    put(bytes.data() + at + copy - 4, crc32c(0, std::string_view(bytes).substr(at, copy - 4)));
  }
  filled.disk.set_content(name, bytes);
  EXPECT_EQ(open_journal(filled.disk.open(), small(), now).error().fault, Fault::unsupported);
}

TEST(Recovery, IdsIncreaseAcrossRestartsAlsoWhenTheClockGoesBack) {
  TestDisk disk;
  std::set<QueueId> seen;
  std::int64_t clock = now;
  for (int life = 0; life < 5; ++life, clock -= 86'400'000) {
    auto spool = open_journal(disk.open(), small(), clock).value();
    for (int i = 0; i < 3; ++i) {
      const auto id = workload::put(*spool, "text", workload::envelope(1)).id;
      EXPECT_TRUE(seen.empty() || id > *seen.rbegin());
      EXPECT_TRUE(seen.insert(id).second);
      EXPECT_TRUE(workload::remove(*spool, id));
    }
  }
}

TEST(Recovery, RecordsInsideAMessageAreNotTakenForRecords) {
  const auto other = fill(2, true).disk.content(segment_name(1));
  TestDisk disk;
  QueueId id;
  {
    auto spool = open_journal(disk.open(), small(64 << 10), now).value();
    id = workload::put(*spool, other, workload::envelope(7)).id;
    disk.crash(TestDisk::Loss::all);
  }
  // The message's own record is damaged, so that the scan goes through the message.
  auto bytes = disk.content(segment_name(1));
  bytes[head_page_size + 3] ^= 1;
  disk.set_content(segment_name(1), bytes);
  auto spool = open_journal(disk.open(), small(64 << 10), now).value();
  EXPECT_LE(spool->list().size(), 1U);
  for (const auto& summary : spool->list()) EXPECT_EQ(summary.id, id);
}

TEST(Compaction, DiskUsageFollowsTheQueue) {
  TestDisk disk;
  auto spool = open_journal(disk.open(), small(), now).value();
  std::vector<QueueId> kept;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const auto id = workload::put_with_head(*spool, i, 1500, workload::envelope(i)).id;
    if (i % 49 == 0) {
      kept.push_back(id);
    } else {
      ASSERT_TRUE(workload::remove(*spool, id));
    }
  }
  // 9 of 400 messages are left, one in fifty segments' worth: they were carried forward, their
  // segments deleted.
  for (int i = 0; i < 200 && spool->statistics().disk > (64 << 10); ++i)
    ASSERT_TRUE(workload::remove(*spool, workload::put(*spool, "", workload::envelope(1)).id));
  EXPECT_LE(spool->statistics().disk, 64U << 10);
  spool.reset();
  spool = open_journal(disk.open(), small(), now).value();
  ASSERT_EQ(spool->list().size(), kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    EXPECT_EQ(workload::read(*spool, kept[i]).value(), workload::bytes(49 * i, 1500));
  }
}

// A server that is started again and again must not use up its descriptors.
TEST(Compaction, StartsThatWriteNothingLeaveOneSegment) {
  TestDisk disk;
  std::uint64_t last_id = 0;
  for (int i = 0; i < 20; ++i) {
    auto spool = open_journal(disk.open(), small(), now).value();
    EXPECT_LE(spool->statistics().segments, 2U) << i;
    last_id = spool->statistics().last_id;
  }
  auto spool = open_journal(disk.open(), small(), now).value();
  EXPECT_GE(spool->statistics().last_id, last_id) << "the newest head keeps it";
}

TEST(Compaction, ManyOutcomesAreMergedIntoOne) {
  TestDisk disk;
  auto spool = open_journal(disk.open(), small(1 << 20), now).value();
  const auto id = workload::put(*spool, "text", workload::envelope(1, 3)).id;
  for (std::uint32_t i = 1; i <= 300; ++i) {
    ASSERT_TRUE(workload::record(*spool, id, {{i % 3, State::pending, i, 1000 + i, "451 later"}}));
  }
  spool.reset();
  spool = open_journal(disk.open(), small(1 << 20), now).value();
  const auto envelope = spool->envelope(id).value();
  EXPECT_EQ(envelope.recipients[0].attempts, 300U);
  EXPECT_EQ(envelope.recipients[1].attempts, 298U);
  EXPECT_EQ(envelope.recipients[2].attempts, 299U);
}

TEST(Threads, PutReadAndRemoveConcurrently) {
  TestDisk disk;
  auto options = small(32 << 10);
  options.pending_limit = 8 << 10;
  auto spool = open_journal(disk.open(), options, now).value();
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (std::uint64_t thread = 0; thread < 6; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint64_t i = 0; i < 40; ++i) {
        const auto seed = thread * 1000 + i;
        const auto text = workload::bytes(seed, seed % 5000);
        const auto put = workload::put(*spool, text, workload::envelope(seed));
        const auto back = workload::read(*spool, put.id);
        if (!put.result || !back || *back != text) ++wrong;
        spool->record(put.id, {workload::delivered(0)});
        (void)spool->statistics();
        if (i % 4 != 0 && !workload::remove(*spool, put.id)) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(spool->list().size(), 60U);
}

class OnARealDisk : public testing::Test {
 protected:
  OnARealDisk() {
    std::string pattern = testing::TempDir() + "postroad-spool-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~OnARealDisk() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(OnARealDisk, KeepsMessagesAcrossARestartAndHasOneOwner) {
  const auto path = (folder_ / "spool").string();
  QueueId id;
  {
    auto spool = open_journal(open_posix_disk(path).value(), small(), now).value();
    id = workload::put(*spool, workload::bytes(1, 30000), workload::envelope(1)).id;
    const auto second = open_posix_disk(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().fault, Fault::busy);
    EXPECT_NE(second.error().text().find("pid " + std::to_string(::getpid())), std::string::npos);
  }
  auto spool = open_journal(open_posix_disk(path).value(), small(), now).value();
  EXPECT_EQ(workload::read(*spool, id).value(), workload::bytes(1, 30000));
  const auto rights = std::filesystem::perms::owner_all;
  EXPECT_EQ(std::filesystem::status(path).permissions(), rights);
}

TEST_F(OnARealDisk, FollowsNoLinkAndStaysInItsFolder) {
  std::filesystem::create_directory_symlink("/tmp", folder_ / "link");
  EXPECT_EQ(open_posix_disk((folder_ / "link").string()).error().fault, Fault::input);
  auto disk = open_posix_disk((folder_ / "spool").string()).value();
  for (const auto* name : {"../x", "a/b", "", ".", ".."})
    EXPECT_EQ(disk->create(name).error().fault, Fault::input) << name;
  std::filesystem::create_symlink("/etc/passwd", folder_ / "spool" / segment_name(1));
  EXPECT_FALSE(disk->open(segment_name(1)));
}

}  // namespace
}  // namespace postroad::spool
