// The dispatcher with clocks that the test sets: routes, retries, holds, sites, records. The
// fixture is dispatcher_fixture.hpp.
#include "queue/dispatcher_fixture.hpp"

namespace postroad::queue {
namespace {

TEST_F(DispatcherTest, ADeliveredMessageLeavesTheSpool) {
  begin();
  const auto id = queue({"x@a.example"});
  pass();
  ASSERT_EQ(a->under_way.size(), 1U);
  EXPECT_TRUE(spool->envelope(id)) << "not before it is delivered";
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_FALSE(spool->envelope(id));
  EXPECT_EQ(told.gone, std::vector<std::uint64_t>{id.value});
}

TEST_F(DispatcherTest, EachSiteGetsItsRecipientsAndEachRecipientKeepsItsOutcome) {
  begin();
  const auto id = queue({"x@a.example", "y@b.example", "z@a.example"});
  pass();
  ASSERT_EQ(a->seen.size(), 1U);
  ASSERT_EQ(b->seen.size(), 1U);
  EXPECT_EQ(a->seen[0].recipients, (std::vector<std::uint32_t>{0, 2}));
  EXPECT_EQ(b->seen[0].recipients, (std::vector<std::uint32_t>{1}));
  a->end({{{Outcome::accepted, "250 ok"}, {Outcome::refused, "550 no"}}, {}});
  pass();
  EXPECT_EQ(state(id, 0), State::delivered);
  EXPECT_EQ(state(id, 1), State::pending);
  EXPECT_EQ(state(id, 2), State::refused);
  b->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(state(id, 1), State::delivered);
  EXPECT_TRUE(spool->envelope(id)) << "a refused recipient keeps the message, with its reason";
}

TEST_F(DispatcherTest, ADeferralIsRetriedWithJitterUntilTheLifetimeEnds) {
  settings.settlement.retry = {.initial_delay = 1min, .max_delay = 1h, .lifetime = 24h};
  begin();
  const auto id = queue({"x@a.example"});
  int attempts = 0;
  for (auto wake = pass(); state(id) == State::pending; ++attempts) {
    ASSERT_LT(attempts, 100);
    ASSERT_EQ(a->under_way.size(), 1U) << attempts;
    a->end_all(Outcome::deferred, "451 later");
    wake = pass();
    if (state(id) != State::pending) break;
    ASSERT_TRUE(wake);
    EXPECT_TRUE(a->under_way.empty());
    pass(std::chrono::ceil<std::chrono::milliseconds>(*wake - now.steady));
  }
  EXPECT_EQ(state(id), State::refused);
  EXPECT_EQ(told.settlements.back().second.note, "given up: 451 later");
  EXPECT_GT(attempts, 20);
}

TEST_F(DispatcherTest, TheTimeThatAGreylistingHostNamesIsKeptOnce) {
  begin();
  queue({"x@a.example"});
  pass();
  constexpr auto greylisted = "450 4.2.0 greylisted, come back in 10 minutes";
  a->end_all(Outcome::deferred, greylisted);
  pass();
  pass(9min);
  EXPECT_TRUE(a->under_way.empty());
  pass(61s);
  ASSERT_EQ(a->under_way.size(), 1U);
  a->end_all(Outcome::deferred, greylisted);
  pass();
  pass(3min);
  EXPECT_EQ(a->under_way.size(), 1U) << "the second time it is an attempt like others";
}

TEST_F(DispatcherTest, MessagesThatFailTogetherAreNotRetriedTogether) {
  begin();
  for (int i = 0; i < 50; ++i) queue({"x@a.example"});
  pass();
  a->end_all(Outcome::deferred, "451 later");
  pass();
  pass(61s);
  EXPECT_LT(a->under_way.size(), 40U);
  pass(9s);
  EXPECT_EQ(a->under_way.size(), 50U);
}

TEST_F(DispatcherTest, AWallClockSetBackADayNeitherDelaysNorDoublesARetry) {
  begin();
  queue({"x@a.example"});
  pass();
  a->end_all(Outcome::deferred, "451 later");
  pass();
  now.wall -= 86'400'000;
  pass(70s);
  ASSERT_EQ(a->under_way.size(), 1U);
  a->end_all(Outcome::deferred, "451 later");
  pass();
  now.wall += 86'400'000;  // corrected
  pass(70s);
  EXPECT_EQ(a->under_way.size(), 0U) << "the second delay is two minutes";
  pass(70s);
  EXPECT_EQ(a->under_way.size(), 1U);
}

TEST_F(DispatcherTest, ARestartWithTheClockSetBackWaitsNoLongerThanTheDelay) {
  begin();
  const auto id = queue({"x@a.example"});
  pass();
  a->end_all(Outcome::deferred, "451 later");
  pass();
  now.wall -= 86'400'000;
  begin();
  dispatcher->add(id);
  pass();
  EXPECT_TRUE(a->under_way.empty());
  pass(70s);
  EXPECT_EQ(a->under_way.size(), 1U);
}

TEST_F(DispatcherTest, AHeldMessageWaitsForItsDate) {
  begin();
  queue({"x@a.example"}, {}, noon + 3'600'000);
  pass();
  pass(59min);
  EXPECT_TRUE(a->under_way.empty());
  pass(61s);
  EXPECT_EQ(a->under_way.size(), 1U);
}

TEST_F(DispatcherTest, AnUnknownOutcomeIsRetriedOrParkedAsConfigured) {
  for (const auto on_unknown : {OnUnknown::retry, OnUnknown::park}) {
    settings.settlement.on_unknown = on_unknown;
    begin();
    const auto id = queue({"x@a.example"});
    pass();
    a->end_all(Outcome::unknown, "connection lost after the final dot");
    pass();
    EXPECT_EQ(state(id), on_unknown == OnUnknown::park ? State::unknown : State::pending);
    pass(2min);
    EXPECT_EQ(a->under_way.size(), on_unknown == OnUnknown::park ? 0U : 1U);
    a->under_way.clear();
  }
}

TEST_F(DispatcherTest, ACallbackThatWasCalledHoldsNoCarrier) {
  auto carrier = std::make_shared<ScriptedCarrier>();
  routes->carriers["own.example"] = carrier;
  begin();
  queue({"x@own.example"});
  pass();
  ASSERT_EQ(carrier->under_way.size(), 1U);
  auto call = std::move(carrier->under_way.front());
  carrier->under_way.clear();
  call.done(same_for_all(1, Outcome::accepted, {}));
  expect_released(std::move(carrier));
}

TEST_F(DispatcherTest, AParkedMessageIsReleasedWhereUnknownIsRetried) {
  settings.settlement.on_unknown = OnUnknown::park;
  begin();
  const auto id = queue({"x@a.example"});
  pass();
  a->end_all(Outcome::unknown, "connection lost after the final dot");
  pass();
  settings.settlement.on_unknown = OnUnknown::retry;
  begin();
  dispatcher->add(id);
  pass();
  EXPECT_EQ(a->under_way.size(), 1U);
}

TEST_F(DispatcherTest, ASiteThatRefusesIsLeftAlone) {
  a = std::make_shared<ScriptedCarrier>(5);
  routes->carriers["a.example"] = a;
  begin();
  for (int i = 0; i < 300; ++i) queue({"x@a.example"});
  pass();
  EXPECT_EQ(a->under_way.size(), 5U);
  const auto refuse = [&] {
    while (!a->under_way.empty()) {
      auto attempt = a->same(Outcome::deferred, "421 4.3.2 closing");
      attempt.site_failure = "421 4.3.2 closing";
      a->end(std::move(attempt));
    }
  };
  refuse();
  for (int i = 0; i < 60; ++i) {
    pass(1s);
    EXPECT_LE(a->under_way.size(), 1U) << "one message tries a site that failed";
    refuse();
  }
  EXPECT_LT(a->seen.size(), 20U) << "not one connection per message";
  EXPECT_EQ(told.changes, std::vector<std::string>{"a.example: 421 4.3.2 closing"});
  EXPECT_EQ(dispatcher->trouble("a.example"), "421 4.3.2 closing");
  queue({"y@b.example"});
  pass();
  EXPECT_EQ(b->under_way.size(), 1U) << "another site goes on";
  // Later it accepts messages again, also for the other recipients.
  for (int i = 0; i < 400; ++i) {
    pass(1min);
    a->end_all(Outcome::accepted, "250 ok");
    b->end_all(Outcome::accepted, "250 ok");
  }
  EXPECT_EQ(told.gone.size(), 301U);
  EXPECT_EQ(told.changes.back(), "a.example: up");
  EXPECT_EQ(dispatcher->trouble("a.example"), "");
}

TEST_F(DispatcherTest, AFullSiteDoesNotHoldUpAnother) {
  a = std::make_shared<ScriptedCarrier>(1);
  routes->carriers["a.example"] = a;
  begin();
  for (int i = 0; i < 10; ++i) queue({"x@a.example"});
  queue({"y@b.example", "z@a.example"});
  pass();
  EXPECT_EQ(a->under_way.size(), 1U);
  EXPECT_EQ(b->under_way.size(), 1U);
  b->end_all(Outcome::accepted, "250 ok");
  for (int i = 0; i < 20; ++i) {
    pass();
    a->end_all(Outcome::accepted, "250 ok");
  }
  pass();
  EXPECT_EQ(told.gone.size(), 11U);
}

TEST_F(DispatcherTest, TheUrgentOfWhatWaitsGoFirst) {
  a = std::make_shared<ScriptedCarrier>(1);
  routes->carriers["a.example"] = a;
  begin();
  const auto of = [](int priority) {
    Handling handling;
    handling.asked.priority = priority;
    return handling;
  };
  queue({"first@a.example"});
  pass();
  queue({"late@a.example"}, of(-3));
  queue({"usual@a.example"});
  queue({"urgent@a.example"}, of(4));
  for (int i = 0; i < 5; ++i) {
    pass();
    a->end_all(Outcome::accepted, "250 ok");
  }
  std::string order;
  for (const auto& part : a->seen) order += part.envelope.recipients[0].address.substr(0, 5) + ' ';
  EXPECT_EQ(order, "first urgen usual late@ ");
}

TEST_F(DispatcherTest, WhatIsTooLateIsGivenUpUntried) {
  begin();
  Handling handling;
  handling.asked.deliver_by = DeliverBy{10s, DeliverBy::Else::give_up, false};
  const auto id = put({"x@a.example"}, handling);
  now.wall += 11'000;
  dispatcher->add(id);
  pass();
  EXPECT_TRUE(a->seen.empty());
  EXPECT_EQ(state(id), State::refused);
}

TEST_F(DispatcherTest, WithoutARouteAMessageWaitsAndTheRouteThatComesTakesIt) {
  begin();
  const auto id = queue({"x@nowhere.example"});
  pass();
  EXPECT_EQ(state(id), State::pending);
  EXPECT_EQ(told.settlements.back().second.note, "there is no route to nowhere.example");
  auto changed = std::make_shared<TestRoutes>(*routes);
  changed->carriers["nowhere.example"] = a;
  dispatcher->change(changed, settings);
  pass(2min);
  EXPECT_EQ(a->under_way.size(), 1U);
}

TEST_F(DispatcherTest, AReloadReachesMessagesThatWaitInALine) {
  a = std::make_shared<ScriptedCarrier>(1);
  routes->carriers["a.example"] = a;
  begin();
  for (int i = 0; i < 3; ++i) queue({"x@a.example"});
  pass();
  auto changed = std::make_shared<TestRoutes>(*routes);
  changed->moved["a.example"] = "b.example";
  dispatcher->change(changed, settings);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  pass();
  EXPECT_EQ(a->seen.size(), 1U);
  EXPECT_EQ(b->under_way.size(), 2U);
}

// A reload gives a recipient to a site whose line the message is in, while it is out with another.
TEST_F(DispatcherTest, ARecipientIsInOneAttemptThoughItsRouteChanges) {
  b = std::make_shared<ScriptedCarrier>(1);
  routes->carriers["b.example"] = b;
  begin();
  queue({"first@b.example"});
  queue({"x@a.example", "y@b.example"});
  pass();
  ASSERT_EQ(a->under_way.size(), 1U);
  auto changed = std::make_shared<TestRoutes>(*routes);
  changed->moved["a.example"] = "b.example";
  dispatcher->change(changed, settings);
  b->end_all(Outcome::accepted, "250 ok");
  pass();
  ASSERT_EQ(b->seen.size(), 2U);
  EXPECT_EQ(b->seen[1].recipients, std::vector<std::uint32_t>{1}) << "x is out already";
  a->end_all(Outcome::accepted, "250 ok");
  b->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(told.gone.size(), 2U);
}

TEST_F(DispatcherTest, FlushMakesRetriesDueAtOnceAndOnce) {
  begin();
  queue({"x@a.example"});
  pass();
  a->end_all(Outcome::deferred, "451 later");
  pass();
  for (int i = 0; i < 3; ++i) dispatcher->flush();
  pass();
  EXPECT_EQ(a->under_way.size(), 1U);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  pass(1h);
  EXPECT_EQ(a->seen.size(), 2U);
}

TEST_F(DispatcherTest, AFinishedMessageStaysAsLongAsItIsRemembered) {
  settings.removal = [](const spool::Envelope& envelope) {
    return std::optional<std::int64_t>(envelope.arrived + 3'600'000);
  };
  begin();
  const auto id = queue({"x@a.example"});
  pass();
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(state(id), State::delivered);
  EXPECT_TRUE(spool->envelope(id));
  pass(61min);
  EXPECT_FALSE(spool->envelope(id));
}

TEST_F(DispatcherTest, WhatItIsToldToDiscardIsGone) {
  settings.discard = true;
  begin();
  const auto id = queue({"x@a.example"});
  pass();
  EXPECT_FALSE(spool->envelope(id));
  EXPECT_TRUE(a->seen.empty());
}

// The disk refuses the record of a delivery: nothing is sent again, and the record is on the disk
// once that works.
TEST_F(DispatcherTest, AnOutcomeThatTheDiskRefusesIsKeptAndNothingIsSentTwice) {
  for (const bool several : {false, true}) {
    spool::TestDisk disk;
    spool = open_journal(disk);
    begin();
    std::vector<std::string> recipients{"x@a.example"};
    if (several) recipients.emplace_back("y@a.example");
    const auto id = queue(recipients);
    pass();
    ASSERT_EQ(a->under_way.size(), 1U);
    disk.fail({.call = 1, .sticky = true});
    auto attempt = a->same(Outcome::accepted, "250 ok");
    if (several) attempt.recipients.back() = {Outcome::refused, "550 no"};
    a->end(std::move(attempt));
    while (told.attempts == 0) pass();
    EXPECT_NE(state(id), State::pending);
    pass(1h);
    EXPECT_TRUE(a->under_way.empty()) << "a second copy";
    disk.fail({});
    // Closing the spool writes what is left.
    dispatcher.reset();
    spool.reset();
    spool = open_journal(disk);
    if (several) {
      EXPECT_EQ(state(id, 0), State::delivered);
      EXPECT_EQ(state(id, 1), State::refused);
    } else {
      EXPECT_FALSE(spool->envelope(id));
    }
    told = {};
  }
}

TEST_F(DispatcherTest, AnAttemptThatAStopCutsCountsAsNone) {
  const auto id = put({"x@a.example"});
  dispatcher.emplace(*spool, told, routes, settings);
  dispatcher->add(id);
  dispatcher->start();
  while (a->begun == 0) std::this_thread::yield();
  dispatcher->stop(std::chrono::steady_clock::now());
  EXPECT_TRUE(a->stopped);
  const auto envelope = spool->envelope(id);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->recipients[0].attempts, 0U);
  EXPECT_EQ(envelope->recipients[0].state, State::pending);
}

}  // namespace
}  // namespace postroad::queue
