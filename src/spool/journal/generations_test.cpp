// Several spools as one, on a real disk: after a hand-over the old process keeps its spool, and the
// new one adopts what it leaves.
#include "spool/journal/generations.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "spool/testing/workload.hpp"

namespace postroad::spool {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t now = 1'700'000'000'000;

class GenerationsTest : public testing::Test {
 protected:
  GenerationsTest() {
    std::string name = (fs::temp_directory_path() / "postroad-generations-XXXXXX").string();
    data_ = ::mkdtemp(name.data());
  }
  ~GenerationsTest() override { fs::remove_all(data_); }

  Result<std::unique_ptr<Generations>> open(bool takes_over = false, std::uint64_t ids_after = 0) {
    Generations::Settings settings{data_, {}, takes_over, ids_after};
    settings.journal.segment_size = 64 << 10;
    settings.journal.chunk_size = 4096;
    return Generations::open(settings, now);
  }
  static QueueId put(Spool& spool, std::uint64_t seed) {
    const auto put = workload::put(spool, workload::bytes(seed, 500), workload::envelope(seed));
    EXPECT_TRUE(put.result);
    return put.id;
  }
  [[nodiscard]] std::size_t folders() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(data_), fs::directory_iterator()));
  }
  fs::path data_;
};

TEST_F(GenerationsTest, AHandOverLosesNothing) {
  auto old = open().value();
  const auto first = put(*old, 1);
  EXPECT_EQ(open().error().fault, Fault::busy);

  auto fresh = open(true, old->statistics().last_id).value();
  const auto third = put(*fresh, 3);
  const auto second = put(*old, 2);  // a session of the old process is still open
  EXPECT_LT(second, third);
  EXPECT_TRUE(fresh->tidy(now).messages.empty()) << "the old process still holds it";
  EXPECT_EQ(fresh->list().size(), 1U);

  old.reset();
  const auto adopted = fresh->tidy(now).messages;
  ASSERT_EQ(adopted.size(), 2U);
  EXPECT_EQ(adopted[0].id, first);
  EXPECT_EQ(adopted[1].id, second);
  EXPECT_EQ(fresh->list().size(), 3U);
  for (const auto& [id, seed] : {std::pair{first, 1}, {second, 2}, {third, 3}}) {
    EXPECT_EQ(workload::read(*fresh, id).value(), workload::bytes(seed, 500));
    EXPECT_EQ(fresh->envelope(id).value(), workload::envelope(seed));
  }

  // An adopted spool can be changed, survives a restart, and leaves no folder when it is empty.
  EXPECT_TRUE(workload::record(*fresh, second, {workload::delivered(0)}));
  EXPECT_TRUE(workload::remove(*fresh, first));
  fresh.reset();
  fresh = open().value();
  EXPECT_EQ(fresh->list().size(), 2U);
  EXPECT_EQ(fresh->envelope(second).value().recipients[0].state, State::delivered);
  EXPECT_EQ(folders(), 2U);
  EXPECT_TRUE(workload::remove(*fresh, second));
  EXPECT_TRUE(fresh->tidy(now).messages.empty());
  EXPECT_EQ(folders(), 1U);
  EXPECT_EQ(workload::read(*fresh, third).value(), workload::bytes(3, 500));
  EXPECT_EQ(fresh->envelope(second).error().fault, Fault::not_found);
}

TEST_F(GenerationsTest, ManyHandOversInARow) {
  auto spool = open().value();
  std::vector<QueueId> ids{put(*spool, 0)};
  for (std::uint64_t i = 1; i <= 20; ++i) {
    auto fresh = open(true, spool->statistics().last_id).value();
    ids.push_back(put(*fresh, i));
    spool = std::move(fresh);
    spool->tidy(now);
  }
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(spool->list().size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i)
    EXPECT_EQ(workload::read(*spool, ids[i]).value(), workload::bytes(i, 500)) << i;
  for (const auto id : ids) EXPECT_TRUE(workload::remove(*spool, id));
  spool->tidy(now);
  EXPECT_EQ(folders(), 1U);
  EXPECT_EQ(spool->statistics().messages, 0U);
}

// The new process died before it was ready: at the next start the old process's spool is an older
// one.
TEST_F(GenerationsTest, AFailedHandOverKeepsTheOrderOfIds) {
  auto old = open().value();
  open(true, old->statistics().last_id).value().reset();
  const auto id = put(*old, 1);
  old.reset();
  auto spool = open().value();
  EXPECT_EQ(workload::read(*spool, id).value(), workload::bytes(1, 500));
  EXPECT_GT(put(*spool, 2), id);
}

}  // namespace
}  // namespace postroad::spool
