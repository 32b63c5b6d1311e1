// The schedule by a table of times: order, retries on the steady clock, holds on the wall clock,
// sites with limits and pauses. And the retry policy.
#include "queue/schedule.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <set>

#include "queue/retry_policy.hpp"

namespace postroad::queue {
namespace {

using namespace std::chrono_literals;

constexpr WallTime noon = 1'800'000'000'000;

struct ScheduleTest : ::testing::Test {
  Time start{std::chrono::hours(1000)};
  Schedule schedule{start};
  std::vector<std::uint64_t> take_all(std::chrono::milliseconds after, WallTime wall = noon) {
    std::vector<std::uint64_t> taken;
    while (const auto one = schedule.take({start + after, wall})) taken.push_back(one->id.value);
    return taken;
  }
};

using Ids = std::vector<std::uint64_t>;

std::size_t heap_in_use() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST_F(ScheduleTest, GivesWhatIsDueInOrder) {
  for (const std::uint64_t id : {3U, 1U, 2U}) schedule.add({id});
  EXPECT_EQ(take_all(0ms), (Ids{3, 1, 2}));
}

TEST_F(ScheduleTest, ARetryComesAtItsTimeAndNotBefore) {
  schedule.add_retry({1}, start + 2s);
  schedule.add_retry({2}, start + 1s);
  EXPECT_EQ(schedule.next_wake({start, noon}), start + 1s);
  EXPECT_EQ(take_all(999ms), Ids{});
  EXPECT_EQ(take_all(1000ms), Ids{2});
  EXPECT_EQ(take_all(2000ms), Ids{1});
  EXPECT_EQ(schedule.next_wake({start, noon}), std::nullopt);
}

TEST_F(ScheduleTest, AWallClockSetBackADayDelaysNoRetry) {
  schedule.add_retry({1}, start + 1s);
  EXPECT_EQ(take_all(1s, noon - 86'400'000), Ids{1});
}

TEST_F(ScheduleTest, AHoldFollowsTheWallClockThroughItsJumps) {
  schedule.add_hold({1}, noon + 3'600'000);
  EXPECT_EQ(take_all(2h, noon), Ids{}) << "the wall clock stood still";
  EXPECT_EQ(schedule.next_wake({start, noon}), start + 1min) << "the wall clock may jump";
  EXPECT_EQ(take_all(2h, noon + 3'599'999), Ids{});
  EXPECT_EQ(take_all(2h, noon + 3'600'000), Ids{1});
}

TEST_F(ScheduleTest, ReleasedHoldsAreDueAsIfTheyWereAdded) {
  schedule.add_retry({1}, start + 1h);
  schedule.add_hold({2}, noon + 1);
  schedule.add_hold({3}, noon + 3'600'000);
  schedule.release_holds();
  const auto taken = schedule.take({start, noon});
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->why, Schedule::Why::added);
  EXPECT_EQ(take_all(0ms), (Ids{3}));
  EXPECT_EQ(schedule.size(), 1U) << "the retry";
}

TEST_F(ScheduleTest, FlushMakesRetriesDueAndLeavesHolds) {
  schedule.add_retry({1}, start + 1h);
  schedule.add_hold({2}, noon + 1);
  schedule.flush();
  EXPECT_EQ(take_all(0ms), Ids{1});
  EXPECT_EQ(schedule.size(), 1U);
}

// A hundred thousand, as the memory comes in blocks of several messages.
TEST_F(ScheduleTest, AWaitingMessageTakesSixteenBytes) {
  if (heap_in_use() == 0) GTEST_SKIP() << "this allocator does not report what is in use";
  constexpr std::size_t count = 100'000;
  const auto before = heap_in_use();
  for (std::uint64_t id = 0; id < count; ++id) schedule.add_retry({id}, start + 1s);
  const auto each = static_cast<double>(heap_in_use() - before) / count;
  EXPECT_GE(each, 16.0) << "it is not measured";
  EXPECT_LT(each, 17.0);
  EXPECT_EQ(take_all(1s).size(), count);
}

struct SiteTest : ::testing::Test {
  Time now{std::chrono::hours(1)};
  Site site{SiteLimits{2, 2, 1}, {.first = 1s, .longest = 60s, .suspended_beyond = 5s}};
  void attempt_fails(const std::string& why) {
    const auto began = site.started(now);
    site.ended();
    site.failed(now, began, why);
  }
};

TEST_F(SiteTest, HoldsToItsLimit) {
  EXPECT_TRUE(site.may_start(now));
  (void)site.started(now);
  (void)site.started(now);
  EXPECT_FALSE(site.may_start(now));
  site.ended();
  EXPECT_TRUE(site.may_start(now));
}

TEST_F(SiteTest, AFailureIsFollowedByAPauseAndThenByOneMessage) {
  attempt_fails("421 4.3.2 closing");
  EXPECT_EQ(site.reason(), "421 4.3.2 closing");
  EXPECT_FALSE(site.may_start(now + 999ms));
  EXPECT_TRUE(site.may_start(now + 1s));
  const auto began = site.started(now);
  EXPECT_FALSE(site.may_start(now + 1s)) << "one message tries it";
  site.ended();
  site.worked(began);
  (void)site.started(now);
  EXPECT_TRUE(site.may_start(now + 1s)) << "it works: all its connections again";
}

TEST_F(SiteTest, FailuresInARowDoubleThePauseUpToTheLongest) {
  for (const auto pause : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    attempt_fails("no");
    EXPECT_FALSE(site.may_start(now + pause - 1ms)) << pause.count();
    EXPECT_EQ(site.is_suspended(now), pause > 5s) << pause.count();
    now += pause;
    EXPECT_TRUE(site.may_start(now)) << pause.count();
  }
}

TEST_F(SiteTest, MessagesThatFailTogetherAreOneFailure) {
  std::vector<Site::Epoch> began;
  for (int i = 0; i < 300; ++i) began.push_back(site.started(now));
  for (const auto epoch : began) {
    site.ended();
    site.failed(now, epoch, "no");
  }
  EXPECT_TRUE(site.may_start(now + 1s));
}

// They were under way at the same time and fail one after the other, each after the pause that the
// one before began.
TEST_F(SiteTest, StaggeredFailuresOfAttemptsThatBeganTogetherAreOneFailure) {
  std::vector<Site::Epoch> began;
  for (int i = 0; i < 10; ++i) began.push_back(site.started(now));
  for (const auto epoch : began) {
    site.ended();
    site.failed(now, epoch, "timed out");
    EXPECT_FALSE(site.is_suspended(now));
    now += 10s;
  }
  EXPECT_TRUE(site.may_start(now));
  attempt_fails("timed out");
  EXPECT_FALSE(site.may_start(now + 1999ms));
  EXPECT_TRUE(site.may_start(now + 2s)) << "the second failure in a row";
}

TEST_F(SiteTest, ASuccessThatBeganBeforeThePauseDoesNotEndIt) {
  const auto first = site.started(now);
  const auto second = site.started(now);
  site.ended();
  site.failed(now, first, "421 4.3.2 closing");
  site.ended();
  site.worked(second);
  EXPECT_FALSE(site.may_start(now + 999ms));
  EXPECT_TRUE(site.is_down());
  EXPECT_EQ(site.reason(), "421 4.3.2 closing");
}

TEST_F(SiteTest, AFailureThatBeganBeforeTheSiteRecoveredIsNoNewOne) {
  const auto first = site.started(now);
  const auto second = site.started(now);
  site.ended();
  site.failed(now, first, "no");
  now += 1s;
  const auto third = site.started(now);
  site.ended();
  site.worked(third);
  site.ended();
  site.failed(now, second, "no");
  EXPECT_TRUE(site.may_start(now));
  EXPECT_FALSE(site.is_down());
}

TEST_F(SiteTest, NewPausesCutTheOneThatHolds) {
  for (int i = 0; i < 6; ++i) attempt_fails("no");  // 32 seconds
  EXPECT_TRUE(site.is_suspended(now));
  site.set_pauses(now, {.first = 500ms, .longest = 2s, .suspended_beyond = 5s});
  EXPECT_FALSE(site.is_suspended(now));
  EXPECT_FALSE(site.may_start(now + 1999ms));
  EXPECT_TRUE(site.may_start(now + 2s));
}

TEST_F(SiteTest, WakesWhenItsPauseEndsAndSomebodyWaits) {
  attempt_fails("no");
  EXPECT_EQ(site.next_wake(now), std::nullopt);
  site.line().add({1}, {});
  EXPECT_EQ(site.next_wake(now), now + 1s);
  EXPECT_EQ(site.next_wake(now + 1s), std::nullopt);
}

TEST(RetryPolicy, DoublesUpToTheLongest) {
  const RetryPolicy policy;
  for (const auto& [attempts, minutes] : std::map<std::uint32_t, int>{
           {0, 1}, {1, 1}, {2, 2}, {3, 4}, {4, 8}, {7, 60}, {10, 60}, {UINT32_MAX, 60}})
    EXPECT_EQ(policy.delay_after(attempts, 1h), std::chrono::minutes(minutes)) << attempts;
  EXPECT_EQ(policy.delay_after(8, 24h - 1ms), 1h) << "the first day";
  EXPECT_EQ(policy.delay_after(8, 24h), 128min);
  EXPECT_EQ(policy.delay_after(UINT32_MAX, 24h), 4h);
  const RetryPolicy quick{1s, 30min};
  EXPECT_EQ(quick.delay_after(30, 1h), 30min);
}

TEST(RetryPolicy, JitterSpreadsAndHasABound) {
  const RetryPolicy policy;
  std::set<std::int64_t> delays;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const auto delay = policy.delay_after(3, 25h, seed);
    EXPECT_GE(delay, 4min - 36s);
    EXPECT_LE(delay, policy.longest_after(3));
    delays.insert(delay.count());
  }
  EXPECT_EQ(policy.longest_after(3), 4min + 36s);
  EXPECT_GT(delays.size(), 900U);
  EXPECT_LT(*delays.begin(), std::chrono::milliseconds(4min - 30s).count());
  EXPECT_GT(*delays.rbegin(), std::chrono::milliseconds(4min + 30s).count());
}

TEST(RetryPolicy, GivesUpAtTheEndOfTheLifetime) {
  RetryPolicy policy;
  EXPECT_TRUE(policy.next(1, 0, 4 * 24h));
  EXPECT_FALSE(policy.next(1, 0, 5 * 24h));
  EXPECT_EQ(policy.next(30, 7, 5 * 24h - 1h), 1h) << "a last attempt at the end";
  policy.lifetime = 0ms;
  EXPECT_TRUE(policy.next(30, 7, 1000 * 24h));
}

struct LearningSiteTest : ::testing::Test {
  Time now{std::chrono::hours(1)};
  Site site{SiteLimits{20, 2, 3}, {.first = 1s, .longest = 60s, .suspended_beyond = 5s}};
  void succeed() {
    const auto began = site.started(now);
    site.ended();
    site.worked(began);
  }
  void fail(const std::string& why = "no") {
    const auto began = site.started(now);
    site.ended();
    site.failed(now, began, why);
  }
  // One of `count` that are under way is throttled; the others end well.
  bool throttle(std::size_t count, bool is_failure = true) {
    std::vector<Site::Epoch> began;
    for (std::size_t i = 0; i < count; ++i) began.push_back(site.started(now));
    site.ended();
    const auto before = site.limit();
    site.throttled(now, began.back(), is_failure, {"421 4.7.0 too many connections"});
    const bool is_lower = site.limit() < before;
    began.pop_back();
    for (const auto epoch : began) {
      site.ended();
      site.worked(epoch);
    }
    return is_lower;
  }
};

TEST_F(LearningSiteTest, TheLimitGrowsByOneAfterTwiceAsManySuccesses) {
  EXPECT_EQ(site.limit(), 2U);
  for (int i = 0; i < 3; ++i) succeed();
  EXPECT_EQ(site.limit(), 2U);
  succeed();
  EXPECT_EQ(site.limit(), 3U);
  for (int i = 0; i < 6; ++i) succeed();
  EXPECT_EQ(site.limit(), 4U);
  for (int i = 0; i < 2000; ++i) succeed();
  EXPECT_EQ(site.limit(), 20U) << "never more than the configured limit";
  EXPECT_FALSE(site.is_as_new());
}

TEST_F(LearningSiteTest, AHostThatAsksForLessGetsOneLessThanItSaw) {
  for (int i = 0; i < 2000; ++i) succeed();
  EXPECT_TRUE(throttle(8));
  EXPECT_EQ(site.limit(), 7U);
  EXPECT_TRUE(site.may_start(now)) << "other messages go on";
  EXPECT_FALSE(site.is_down());
  for (int i = 0; i < 14; ++i) succeed();
  EXPECT_EQ(site.limit(), 8U);
}

TEST_F(LearningSiteTest, MessagesThatAreThrottledTogetherLowerTheLimitOnce) {
  for (int i = 0; i < 2000; ++i) succeed();
  std::vector<Site::Epoch> began;
  for (int i = 0; i < 10; ++i) began.push_back(site.started(now));
  for (const auto epoch : began) {
    site.ended();
    site.throttled(now, epoch, true, {"421"});
  }
  EXPECT_EQ(site.limit(), 9U);
}

TEST_F(LearningSiteTest, AHostThatRefusesTheOnlyMessageFails) {
  EXPECT_TRUE(throttle(1));
  EXPECT_EQ(site.limit(), 1U);
  throttle(1);
  EXPECT_FALSE(site.is_down());
  throttle(1);
  EXPECT_TRUE(site.is_down());
}

TEST_F(LearningSiteTest, AReplyThatConcernsOneMessageLowersTheLimitToOneAndIsNoFailure) {
  for (int i = 0; i < 10; ++i) throttle(1, false);
  EXPECT_EQ(site.limit(), 1U);
  EXPECT_FALSE(site.is_down());
  EXPECT_TRUE(site.may_start(now));
}

TEST_F(LearningSiteTest, AProbeThatIsThrottledLeavesTheSiteDown) {
  for (int i = 0; i < 3; ++i) fail();
  now += 1s;
  throttle(1, false);
  EXPECT_TRUE(site.is_down());
  EXPECT_FALSE(site.may_start(now + 1999ms)) << "with the next pause";
  EXPECT_TRUE(site.may_start(now + 2s));
}

TEST_F(LearningSiteTest, AnOutageEndsWithTheInitialLimit) {
  for (int i = 0; i < 2000; ++i) succeed();
  fail();
  fail();
  EXPECT_TRUE(site.may_start(now)) << "an outage begins with the third failure";
  EXPECT_EQ(site.limit(), 20U);
  fail();
  EXPECT_TRUE(site.is_down());
  EXPECT_EQ(site.limit(), 1U);
  now += 1s;
  const auto probe = site.started(now);
  EXPECT_FALSE(site.may_start(now)) << "one probe";
  site.ended();
  site.worked(probe);
  EXPECT_FALSE(site.is_down());
  EXPECT_EQ(site.limit(), 2U) << "no burst";
}

TEST_F(LearningSiteTest, APauseThatAHostAsksForEndsWithOneMessage) {
  for (int i = 0; i < 100; ++i) succeed();
  site.line().add({1}, {});
  const auto before = site.started(now);
  const auto began = site.started(now);
  site.ended();
  EXPECT_TRUE(site.throttled(now, began, false, {"421 4.7.28 unusual rate", 10min}));
  EXPECT_FALSE(site.may_start(now + 9min));
  EXPECT_FALSE(site.is_suspended(now)) << "messages wait in line, and none is deferred";
  EXPECT_EQ(site.next_wake(now), now + 10min);
  site.ended();
  site.worked(before);
  EXPECT_FALSE(site.may_start(now + 9min)) << "a success that began before it";
  now += 10min;
  EXPECT_TRUE(site.may_start(now));
  EXPECT_EQ(site.limit(), 1U);
}

TEST_F(LearningSiteTest, APauseBeginsWhenItIsAskedForOftenEnoughWithinAnHour) {
  const auto ask = [&] {
    const auto began = site.started(now);
    site.ended();
    return site.throttled(now, began, false, {"451 4.7.650", 30min, 3});
  };
  EXPECT_FALSE(ask());
  EXPECT_FALSE(ask());
  now += 61min;
  EXPECT_FALSE(ask()) << "the hour is over";
  EXPECT_FALSE(ask());
  EXPECT_TRUE(ask());
}

// 60 a minute: one a second, and none is saved up.
TEST_F(LearningSiteTest, ARateSpreadsTheAttempts) {
  site.set_limits({20, 20, 3, {60, 1min}});
  site.remember(20);
  site.line().add({1}, {});
  EXPECT_TRUE(site.may_start(now));
  (void)site.started(now);
  EXPECT_FALSE(site.may_start(now));
  EXPECT_EQ(site.next_wake(now), now + 1s);
  EXPECT_TRUE(site.may_start(now + 1s));
  now += 1h;
  (void)site.started(now);
  EXPECT_FALSE(site.may_start(now + 999ms)) << "an idle hour gives no burst";
}

TEST_F(LearningSiteTest, AnotherCarrierDoesNotBreakTheRate) {
  site.set_limits({20, 20, 3, {1, 1h}});
  (void)site.started(now);
  site.reset();
  EXPECT_FALSE(site.may_start(now + 59min));
  site.set_limits({20, 20, 3, {60, 1h}});
  EXPECT_TRUE(site.may_start(now)) << "a changed rate holds at once";
}

TEST_F(LearningSiteTest, TheAttemptsOfOneSecondMayComeTogether) {
  site.set_limits({100, 100, 3, {10, 1s}});
  site.remember(100);
  int begun = 0;
  for (; site.may_start(now); ++begun) (void)site.started(now);
  EXPECT_EQ(begun, 10);
  EXPECT_TRUE(site.may_start(now + 100ms));
}

TEST_F(LearningSiteTest, OtherLimitsOfAReloadHoldAtOnce) {
  for (int i = 0; i < 2000; ++i) succeed();
  site.set_limits({5, 2, 3});
  EXPECT_EQ(site.limit(), 5U);
  site.set_limits({30, 10, 3});
  EXPECT_EQ(site.limit(), 5U) << "what was learnt stays";
}

}  // namespace
}  // namespace postroad::queue
