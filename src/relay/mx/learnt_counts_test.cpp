// Numbers that hosts enforce.
#include "relay/mx/learnt_counts.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace postroad::relay::mx {
namespace {

constexpr std::int64_t hour = 3600 * 1000;

TEST(LearntCounts, ANumberIsLearntTheSecondTime) {
  LearntCounts learnt;
  learnt.note("mx", 10, 0);
  EXPECT_EQ(learnt.limit("mx", 100, 1), 100U) << "once may be a restart";
  learnt.note("mx", 10, hour);
  EXPECT_EQ(learnt.limit("mx", 100, hour), 10U);
  EXPECT_EQ(learnt.limit("mx", 5, hour), 5U);
  EXPECT_EQ(learnt.limit("other", 100, hour), 100U);
  learnt.note("mx", 7, hour);
  EXPECT_EQ(learnt.limit("mx", 100, hour), 100U) << "another number";
}

TEST(LearntCounts, AreForgottenAfterADay) {
  LearntCounts learnt;
  learnt.note("mx", 10, 0);
  learnt.note("mx", 10, 0);
  EXPECT_EQ(learnt.limit("mx", 100, 23 * hour), 10U);
  EXPECT_EQ(learnt.limit("mx", 100, 25 * hour), 100U);
}

TEST(LearntCounts, SurviveARestart) {
  char folder[] = "/tmp/postroad-learnt-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const auto file = std::filesystem::path(folder) / "learnt_counts";
  {
    LearntCounts learnt(file);
    for (int i = 0; i < 2; ++i) learnt.note("recipients mx:(a|b).example from one", 50, hour);
    learnt.note("messages once.example", 3, hour);
  }
  const LearntCounts again(file);
  EXPECT_EQ(again.limit("recipients mx:(a|b).example from one", 100, hour), 50U);
  EXPECT_EQ(again.limit("messages once.example", 100, hour), 100U);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace postroad::relay::mx
