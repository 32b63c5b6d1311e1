// An answer at every moment: before the session waits, while it waits, after it gave up, after it
// ended; from any thread, once, or never.
#include "server/answer.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <thread>

namespace postroad::server {
namespace {

const Reply no{550, {5, 7, 1}, "no"};

/// Waits as a session does; returns whether the answer ended the wait.
bool wait(PendingAnswer& pending, boost::asio::io_context& loop, std::chrono::milliseconds longest,
          const std::function<void()>& meanwhile) {
  boost::asio::steady_timer timer(loop, longest);
  if (!pending.wake(timer)) return true;
  bool is_cancelled = false;
  timer.async_wait([&](boost::system::error_code error) { is_cancelled = !!error; });
  meanwhile();
  loop.run();
  return is_cancelled;
}

constexpr std::chrono::milliseconds long_enough{20'000};  // reached only by a failing test

TEST(Answer, GivenAtOnceIsTakenOnce) {
  const auto pending = PendingAnswer::make();
  Answer{*pending}(no, {"A: b\r\n", {}});
  const auto verdict = pending->take();
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->reply, no);
  EXPECT_EQ(verdict->additions.header, "A: b\r\n");
  EXPECT_FALSE(pending->take());
}

TEST(Answer, ASecondCallDoesNothing) {
  const auto pending = PendingAnswer::make();
  Answer answer(*pending);
  answer(no);
  answer();
  EXPECT_EQ(pending->take()->reply, no);
}

TEST(Answer, DestroyedUncalledRefusesForNow) {
  const auto pending = PendingAnswer::make();
  { const Answer dropped(*pending); }
  EXPECT_EQ(pending->take()->reply.code, 451);
}

TEST(Answer, MovedOverAnotherLeavesEachWithItsOwn) {
  const auto first = PendingAnswer::make();
  const auto second = PendingAnswer::make();
  {
    Answer one(*first);
    Answer other(*second);
    one = std::move(other);
    one(no);
  }
  EXPECT_EQ(second->take()->reply, no);
  EXPECT_EQ(first->take()->reply.code, 451);
}

TEST(Answer, GivenByAnotherThreadEndsTheWait) {
  const auto pending = PendingAnswer::make();
  boost::asio::io_context loop;
  std::thread policy;
  EXPECT_TRUE(wait(*pending, loop, long_enough, [&] {
    policy = std::thread([answer = Answer(*pending)]() mutable { answer(no); });
  }));
  policy.join();
  EXPECT_EQ(pending->end_wait()->reply, no);
}

TEST(Answer, GivenBeforeTheWaitBeginsNeedsNone) {
  const auto pending = PendingAnswer::make();
  boost::asio::io_context loop;
  Answer{*pending}(no);
  EXPECT_TRUE(wait(*pending, loop, long_enough, [] { FAIL() << "waits"; }));
  EXPECT_EQ(pending->end_wait()->reply, no);
}

TEST(Answer, GivenAfterTheWaitIsIgnored) {
  auto pending = PendingAnswer::make();
  Answer late(*pending);
  {
    boost::asio::io_context loop;
    EXPECT_FALSE(wait(*pending, loop, std::chrono::milliseconds(1), [] {}));
    EXPECT_FALSE(pending->end_wait());
  }
  pending.reset();
  late(no);  // the loop and the session are gone
}

TEST(Answer, ManyThreadsAtOnceAreEachHeard) {
  for (int i = 0; i < 200; ++i) {
    auto pending = PendingAnswer::make();
    boost::asio::io_context loop;
    std::thread policy([answer = Answer(*pending)]() mutable { answer(no); });
    EXPECT_TRUE(wait(*pending, loop, long_enough, [] {}));
    EXPECT_TRUE(pending->end_wait());
    pending.reset();
    policy.join();
  }
}

}  // namespace
}  // namespace postroad::server
