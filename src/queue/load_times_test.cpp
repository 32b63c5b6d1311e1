// The age of messages while the wall clock jumps.
#include "queue/load_times.hpp"

#include <gtest/gtest.h>

namespace postroad::queue {
namespace {

using namespace std::chrono_literals;

constexpr WallTime noon = 1'800'000'000'000;
constexpr WallTime day = 86'400'000;

struct LoadTimesTest : ::testing::Test {
  LoadTimes times;
  const Time start{std::chrono::hours(1000)};
  static Now at(Time steady, WallTime wall) { return {steady, wall}; }
};

TEST_F(LoadTimesTest, TheWallClockCountsBeforeTheMessageWasHere) {
  times.add({5}, at(start, noon));
  EXPECT_EQ(times.age({5}, noon - 3 * day, at(start, noon)), 72h);
  EXPECT_EQ(times.age({5}, noon - 3 * day, at(start + 1h, noon + 3'600'000)), 73h);
}

TEST_F(LoadTimesTest, AClockSetForwardMakesNoMessageOlder) {
  times.add({5}, at(start, noon));
  EXPECT_EQ(times.age({5}, noon, at(start + 1min, noon + 6 * day)), 1min);
  EXPECT_EQ(times.age({5}, noon - day, at(start + 1min, noon + 6 * day)), 24h + 1min);
}

TEST_F(LoadTimesTest, AClockSetBackMakesItNoOlderEither) {
  times.add({5}, at(start, noon));
  EXPECT_LT(times.age({5}, noon, at(start + 1min, noon - day)), 0ms);
}

TEST_F(LoadTimesTest, LaterMessagesHaveTheirOwnTime) {
  for (std::uint64_t i = 0; i < 5000; ++i)
    times.add({i + 1}, at(start + i * 1h, noon + static_cast<WallTime>(i) * 3'600'000));
  const auto now = at(start + 5000h, noon + 40'000 * day);
  const auto arrived = [](std::int64_t i) { return noon + i * 3'600'000; };
  EXPECT_LE(times.age({4990}, arrived(4989), now), 11h + 8h) << "marks are merged, a few hours";
  EXPECT_GE(times.age({4990}, arrived(4989), now), 11h);
  EXPECT_GE(times.age({100}, arrived(99), now), 4901h);
}

// Another process accepted the message: when it was loaded there is unknown.
TEST_F(LoadTimesTest, AnOlderMessageThatIsTakenUpLaterAgesByTheWallClock) {
  times.add({5}, at(start, noon));
  times.add({3}, at(start + 1h, noon));
  EXPECT_EQ(times.age({3}, noon, at(start + 1h, noon + 6 * day)), 6 * 24h);
}

}  // namespace
}  // namespace postroad::queue
