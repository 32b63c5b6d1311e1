// The due_queue: order, lanes, one hand at a time, and an end that wakes everybody.
#include "queue/due_queue.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace postroad::queue {
namespace {

using Ids = std::vector<spool::QueueId>;

TEST(DueQueue, GivesWhatIsDueInOrderLaneByLane) {
  DueQueue due_queue;
  for (const std::uint64_t id : {3U, 1U, 2U}) due_queue.add(Lane::local, {id});
  due_queue.add(Lane::remote, {9});
  EXPECT_EQ(due_queue.take(Lane::local, 2), (Ids{{3}, {1}}));
  EXPECT_EQ(due_queue.take(Lane::remote, 2), (Ids{{9}}));
  EXPECT_EQ(due_queue.take(Lane::local, 2), (Ids{{2}}));
}

TEST(DueQueue, AMessageIsInOneHandAtATime) {
  DueQueue due_queue;
  due_queue.add(Lane::local, {1});
  EXPECT_EQ(due_queue.take(Lane::local, 8), (Ids{{1}}));
  due_queue.add(Lane::local, {1});
  due_queue.add(Lane::local, {2});
  EXPECT_EQ(due_queue.take(Lane::local, 8), (Ids{{2}}));
  due_queue.release({{1}});
  due_queue.add(Lane::local, {1});
  EXPECT_EQ(due_queue.take(Lane::local, 8), (Ids{{1}}));
}

TEST(DueQueue, WhatIsForLaterComesWhenItsTimeHasCome) {
  DueQueue due_queue;
  due_queue.add_later(now_ms() + 3'600'000, {1});
  due_queue.add_later(now_ms() - 1, {2});
  EXPECT_EQ(due_queue.take(Lane::local, 8), (Ids{{2}}));
  due_queue.add_later(now_ms() + 20, {3});
  EXPECT_EQ(due_queue.take(Lane::local, 8), (Ids{{3}}));
}

TEST(DueQueue, StopWakesEveryLane) {
  DueQueue due_queue;
  due_queue.add_later(now_ms() + 3'600'000, {1});
  std::vector<std::thread> threads;
  for (const auto lane : {Lane::local, Lane::local, Lane::remote})
    threads.emplace_back([&due_queue, lane] { EXPECT_TRUE(due_queue.take(lane, 8).empty()); });
  due_queue.stop();
  for (auto& thread : threads) thread.join();
  due_queue.add(Lane::local, {2});
  EXPECT_TRUE(due_queue.take(Lane::local, 8).empty());
}

}  // namespace
}  // namespace postroad::queue
