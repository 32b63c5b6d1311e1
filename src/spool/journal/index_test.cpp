// The index: the same answers as a map, whatever the order of insertions and removals, and the
// memory that a queued message costs.
#include "spool/journal/index.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <map>
#include <random>

namespace postroad::spool {
namespace {

Entry entry(std::uint64_t id) {
  Entry out;
  out.id = id;
  out.size = id * 3;
  out.commit = {1, static_cast<std::uint32_t>(id % 1000), 7};
  out.recipients = 1;
  return out;
}

std::vector<std::uint64_t> ids_of(const EntryTable& table) {
  std::vector<std::uint64_t> ids;
  table.for_each([&](const Entry& each) { ids.push_back(each.id); });
  return ids;
}

TEST(EntryTable, AnswersAsAMapDoes) {
  std::mt19937_64 random(7);
  for (const std::uint64_t span : {100U, 3000U, 100'000U}) {
    EntryTable table;
    std::map<std::uint64_t, std::uint64_t> model;
    for (int step = 0; step < 20'000; ++step) {
      const auto id = random() % span + 1;
      if (random() % 3 == 0) {
        table.erase(id);
        model.erase(id);
      } else {
        auto added = entry(id);
        added.size = static_cast<std::uint64_t>(step);
        table.put(added);
        model[id] = added.size;
      }
      const auto asked = random() % (span + 2);
      const auto* found = table.find(asked);
      ASSERT_EQ(found != nullptr, model.contains(asked)) << asked;
      if (found != nullptr) {
        ASSERT_EQ(found->size, model[asked]);
      }
    }
    ASSERT_EQ(table.size(), model.size());
    std::vector<std::uint64_t> expected;
    for (const auto& [id, size] : model) expected.push_back(id);
    EXPECT_EQ(ids_of(table), expected);
    for (const auto id : expected) table.erase(id);
    EXPECT_EQ(table.size(), 0U);
    EXPECT_TRUE(ids_of(table).empty());
    EXPECT_EQ(table.find(1), nullptr);
  }
}

TEST(Index, KeepsChunksAndOutcomesOfEachMessage) {
  Index index;
  index.put(entry(1), {{1, 10, 5}, {1, 60, 5}});
  auto many = entry(2);
  many.recipients = 3;
  index.put(many);
  index.put(entry(3));
  EXPECT_EQ(index.chunks(*index.find(1)).size(), 2U);
  EXPECT_TRUE(index.chunks(*index.find(2)).empty());
  for (std::uint32_t i = 1; i <= 3; ++i) {
    index.add_outcome(2, {2, i, 1}, false);
    index.add_outcome(3, {2, 100 + i, 1}, false);
  }
  const std::vector<Location> all{{2, 1, 1}, {2, 2, 1}, {2, 3, 1}};
  EXPECT_EQ(index.outcomes(*index.find(2)), all);
  EXPECT_EQ(index.outcome_count(2), 3U);
  EXPECT_EQ(index.outcome_count(3), 1U) << "one recipient: the newest says everything";
  index.add_outcome(2, {2, 4, 1}, true);
  EXPECT_EQ(index.outcomes(*index.find(2)), (std::vector<Location>{{2, 4, 1}}));
  index.put(entry(1));  // a copy in one record
  EXPECT_TRUE(index.chunks(*index.find(1)).empty());
  index.erase(2);
  EXPECT_EQ(index.outcome_count(2), 0U);
  EXPECT_EQ(index.bytes(), 3U + 9U);
}

/// Bytes that the allocator has given out, its own overhead included; 0 under a sanitizer, which
/// has another allocator.
std::size_t memory_in_use() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

class MemoryPerMessage : public testing::Test {
 protected:
  static constexpr std::uint64_t messages = 100'000;
  static constexpr double limit = 80;

  void SetUp() override {
    if (memory_in_use() == 0) GTEST_SKIP() << "this allocator does not report what is in use";
    before_ = memory_in_use();
  }
  void expect_within_limit(const char* what) const {
    const auto each = static_cast<double>(memory_in_use() - before_) / messages;
    std::printf("%s: %.1f bytes per message\n", what, each);
    EXPECT_LE(each, limit) << what;
  }

  std::size_t before_ = 0;
  Index index_;
};

TEST_F(MemoryPerMessage, IsBoundedWhenIdsArriveInOrder) {
  for (std::uint64_t id = 1; id <= messages; ++id) index_.put(entry(id));
  expect_within_limit("queued");
  for (std::uint64_t id = 1; id <= messages; ++id) index_.add_outcome(id, {2, 1, 1}, false);
  expect_within_limit("deferred once");
}

TEST_F(MemoryPerMessage, IsBoundedWhenSessionsCommitOutOfOrder) {
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> open;
  for (std::uint64_t id = 1; id <= messages; ++id) {
    open.push_back(id);
    if (open.size() < 50 && id < messages) continue;
    do {
      std::swap(open[random() % open.size()], open.back());
      index_.put(entry(open.back()));
      open.pop_back();
    } while (id == messages && !open.empty());
  }
  ASSERT_EQ(index_.entries().size(), messages);
  expect_within_limit("50 sessions");
}

TEST_F(MemoryPerMessage, IsBoundedWhenOlderMessagesComeLast) {
  for (std::uint64_t id = messages / 2 + 1; id <= messages; ++id) index_.put(entry(id));
  for (std::uint64_t id = 1; id <= messages / 2; ++id) index_.put(entry(id));
  expect_within_limit("half of them carried forward");
}

TEST_F(MemoryPerMessage, IsGivenBackWhenMessagesLeave) {
  for (std::uint64_t id = 1; id <= 2 * messages; ++id) index_.put(entry(id));
  for (std::uint64_t id = 1; id <= 2 * messages; id += 2) index_.erase(id);
  ASSERT_EQ(index_.entries().size(), messages);
  expect_within_limit("every other one delivered");
}

}  // namespace
}  // namespace postroad::spool
