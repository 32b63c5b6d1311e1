// The agenda: order, lanes, one hand at a time, and an end that wakes everybody.
#include "relay/agenda.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace postroad::relay {
namespace {

using Ids = std::vector<spool::QueueId>;

TEST(Agenda, GivesWhatIsDueInOrderLaneByLane) {
  Agenda agenda;
  for (const std::uint64_t id : {3U, 1U, 2U}) agenda.add(Lane::near, {id});
  agenda.add(Lane::far, {9});
  EXPECT_EQ(agenda.take(Lane::near, 2), (Ids{{3}, {1}}));
  EXPECT_EQ(agenda.take(Lane::far, 2), (Ids{{9}}));
  EXPECT_EQ(agenda.take(Lane::near, 2), (Ids{{2}}));
}

TEST(Agenda, AMessageIsInOneHandAtATime) {
  Agenda agenda;
  agenda.add(Lane::near, {1});
  EXPECT_EQ(agenda.take(Lane::near, 8), (Ids{{1}}));
  agenda.add(Lane::near, {1});
  agenda.add(Lane::near, {2});
  EXPECT_EQ(agenda.take(Lane::near, 8), (Ids{{2}}));
  agenda.release({{1}});
  agenda.add(Lane::near, {1});
  EXPECT_EQ(agenda.take(Lane::near, 8), (Ids{{1}}));
}

TEST(Agenda, WhatIsForLaterComesWhenItsTimeHasCome) {
  Agenda agenda;
  agenda.add_later(now_ms() + 3'600'000, {1});
  agenda.add_later(now_ms() - 1, {2});
  EXPECT_EQ(agenda.take(Lane::near, 8), (Ids{{2}}));
  agenda.add_later(now_ms() + 20, {3});
  EXPECT_EQ(agenda.take(Lane::near, 8), (Ids{{3}}));
}

TEST(Agenda, StopWakesEveryLane) {
  Agenda agenda;
  agenda.add_later(now_ms() + 3'600'000, {1});
  std::vector<std::thread> threads;
  for (const auto lane : {Lane::near, Lane::near, Lane::far})
    threads.emplace_back([&agenda, lane] { EXPECT_TRUE(agenda.take(lane, 8).empty()); });
  agenda.stop();
  for (auto& thread : threads) thread.join();
  agenda.add(Lane::near, {2});
  EXPECT_TRUE(agenda.take(Lane::near, 8).empty());
}

}  // namespace
}  // namespace postroad::relay
