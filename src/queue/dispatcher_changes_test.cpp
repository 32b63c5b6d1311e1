// The dispatcher by hand: exceptions, another carrier for a site, the begin of a stop, and what
// counts as no attempt. The fixture is dispatcher_fixture.hpp.
#include <stdexcept>

#include "queue/dispatcher_fixture.hpp"

namespace postroad::queue {
namespace {

struct DispatcherExceptions : DispatcherTest {};

TEST_F(DispatcherExceptions, ACarrierThatCannotBeginDefersTheMessageAndPausesItsSite) {
  begin();
  a->throws = true;
  const auto id = queue({"x@a.example"});
  const auto other = queue({"y@b.example"});
  pass();
  EXPECT_EQ(b->under_way.size(), 1U);
  ASSERT_EQ(told.changes.size(), 1U);
  EXPECT_EQ(told.changes[0].find("a.example: the attempt cannot begin: no thread"), 0U);
  EXPECT_EQ(told.settlements.at(0).second.attempts, 1U);
  a->throws = false;
  pass(70s);
  ASSERT_EQ(a->under_way.size(), 1U);
  a->end_all(Outcome::accepted, "250 ok");
  b->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_FALSE(spool->envelope(id));
  EXPECT_FALSE(spool->envelope(other));
}

TEST_F(DispatcherExceptions, AnObserversExceptionIsDropped) {
  struct Throwing final : DispatcherObserver {
    void settled(const Part&, const spool::OutcomeRecord&) override { fail(); }
    void attempted(QueueId, const spool::Envelope&) override { fail(); }
    void removed(QueueId, const spool::Envelope&) override { fail(); }
    void site_changed(const std::string&, const std::string&) override { fail(); }
    void failed(const std::string&) override { fail(); }
    void fail() {
      ++calls;
      throw std::runtime_error("the program's own");
    }
    int calls = 0;
  } observer;
  dispatcher.emplace(*spool, observer, routes, settings, [this] { return now; });
  const auto id = queue({"x@a.example"});
  pass();
  auto attempt = a->same(Outcome::deferred, "421 later");
  attempt.site_failure = "421 later";
  a->end(std::move(attempt));
  pass();
  pass(70s);
  ASSERT_EQ(a->under_way.size(), 1U);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_FALSE(spool->envelope(id));
  EXPECT_GE(observer.calls, 6);
}

struct ThrowingRoutes final : Routes {
  explicit ThrowingRoutes(std::shared_ptr<TestRoutes> routes) : routes_(std::move(routes)) {}
  [[nodiscard]] Route route(const spool::Envelope& envelope, const Handling& handling,
                            std::uint32_t recipient) const override {
    if (throws) throw std::bad_alloc();
    return routes_->route(envelope, handling, recipient);
  }
  std::atomic<bool> throws = true;

 private:
  std::shared_ptr<TestRoutes> routes_;
};

TEST_F(DispatcherExceptions, AMessageWhoseRouteThrowsIsTriedAgain) {
  const auto throwing = std::make_shared<ThrowingRoutes>(routes);
  dispatcher.emplace(*spool, told, throwing, settings, [this] { return now; });
  const auto id = queue({"x@a.example", "y@b.example"});
  pass();
  EXPECT_FALSE(told.failures.empty());
  throwing->throws = false;
  pass();
  ASSERT_EQ(a->under_way.size(), 1U);
  ASSERT_EQ(b->under_way.size(), 1U);
  a->end_all(Outcome::accepted, "250 ok");
  b->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_FALSE(spool->envelope(id));
}

TEST_F(DispatcherExceptions, ItsThreadGoesOnAndStops) {
  const auto throwing = std::make_shared<ThrowingRoutes>(routes);
  struct Rings final : DispatcherObserver {
    void failed(const std::string&) override {
      if (!std::exchange(rang, true)) bell.set_value();
    }
    std::promise<void> bell;
    bool rang = false;
  } observer;
  dispatcher.emplace(*spool, observer, throwing, settings);
  dispatcher->add(put({"x@a.example"}));
  dispatcher->start();
  observer.bell.get_future().wait();
  dispatcher->stop(std::chrono::steady_clock::now());
}

struct DispatcherChanges : DispatcherTest {
  // Replaces the route from now on.
  std::shared_ptr<ScriptedCarrier> replace_a(std::size_t limit) {
    auto changed = std::make_shared<TestRoutes>(*routes);
    auto fresh = std::make_shared<ScriptedCarrier>(limit);
    changed->carriers["a.example"] = fresh;
    dispatcher->change(changed, settings);
    return fresh;
  }
};

TEST_F(DispatcherChanges, APauseEndsWithTheCarrierThatItWasFor) {
  settings.pauses = {.first = 1min, .longest = 1h, .suspended_beyond = 5s};
  begin();
  queue({"x@a.example"});
  pass();
  refuse_one();
  pass();
  const auto fresh = replace_a(10);
  queue({"y@a.example"});
  queue({"z@a.example"});
  pass();
  EXPECT_EQ(fresh->under_way.size(), 2U);
  EXPECT_EQ(dispatcher->trouble("a.example"), "");
  EXPECT_EQ(told.changes.back(), "a.example: up");
  fresh->under_way.clear();
}

TEST_F(DispatcherChanges, AttemptsThatHangWithTheCarrierBeforeHoldUpNobody) {
  a = std::make_shared<ScriptedCarrier>(2);
  routes->carriers["a.example"] = a;
  begin();
  for (int i = 0; i < 4; ++i) queue({"x@a.example"});
  pass();
  a->dots = 1;  // the other has not sent its message
  const auto fresh = replace_a(5);
  pass();
  EXPECT_EQ(a->under_way.size(), 1U);
  EXPECT_EQ(fresh->under_way.size(), 3U);
  // It answers in the end, and says nothing about the site of now.
  refuse_one();
  pass();
  queue({"y@a.example"});
  pass();
  EXPECT_EQ(fresh->under_way.size(), 4U);
  EXPECT_EQ(dispatcher->trouble("a.example"), "");
  fresh->under_way.clear();
}

TEST_F(DispatcherChanges, AReloadWithTheSameCarrierKeepsThePause) {
  settings.pauses = {.first = 1min, .longest = 1h, .suspended_beyond = 5s};
  begin();
  queue({"x@a.example"});
  pass();
  refuse_one();
  dispatcher->change(std::make_shared<TestRoutes>(*routes), settings);
  queue({"y@a.example"});
  pass();
  EXPECT_TRUE(a->under_way.empty());
}

TEST_F(DispatcherChanges, ASuspendedSiteIsNamedInTheNote) {
  settings.pauses = {.first = 1min, .longest = 1h, .suspended_beyond = 5s};
  begin();
  queue({"x@a.example"});
  pass();
  refuse_one();
  pass();
  queue({"y@a.example"});
  pass();
  EXPECT_EQ(told.settlements.back().second.note,
            "delivery to a.example is suspended: 421 4.3.2 closing");
}

TEST_F(DispatcherChanges, WhatBecomesTooLateInTheLineIsGivenUpUntried) {
  a = std::make_shared<ScriptedCarrier>(1);
  routes->carriers["a.example"] = a;
  begin();
  queue({"first@a.example"});
  pass();
  Handling handling;
  handling.asked.deliver_by = DeliverBy{10s, DeliverBy::Else::give_up, false};
  const auto late = queue({"x@a.example"}, handling);
  pass(11s);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(a->seen.size(), 1U);
  EXPECT_EQ(state(late), State::refused);
}

struct DispatcherStop : DispatcherTest {};

TEST_F(DispatcherStop, ItBeginsNothingAndEndsWhatHasNotSentItsFinalDot) {
  begin();
  const auto sent = queue({"x@a.example"});
  const auto unsent = queue({"y@a.example"});
  pass();
  a->dots = 1;
  dispatcher->begin_stop();
  const auto late = queue({"z@b.example"});
  pass();
  ASSERT_EQ(a->under_way.size(), 1U);
  EXPECT_TRUE(b->seen.empty());
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_FALSE(spool->envelope(sent)) << "its outcome is recorded";
  for (const auto id : {unsent, late}) {
    const auto envelope = spool->envelope(id);
    ASSERT_TRUE(envelope);
    EXPECT_EQ(envelope->recipients[0].attempts, 0U);
    EXPECT_LE(envelope->recipients[0].next_attempt, now.wall);
  }
}

struct DispatcherUncounted : DispatcherTest {};

// A host takes so many recipients per transaction (RFC 5321 section 4.5.3.1.10).
TEST_F(DispatcherUncounted, RecipientsThatTheTransactionHadNoPlaceForGoAtOnce) {
  begin();
  const auto id = queue({"x@a.example", "y@a.example", "z@a.example"});
  pass();
  a->end({{{Outcome::accepted, "250 ok"}, {std::nullopt, "452"}, {std::nullopt, "452"}}, {}});
  pass();
  ASSERT_EQ(a->under_way.size(), 1U);
  EXPECT_EQ(a->seen[1].recipients, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(a->seen[1].envelope.recipients[1].attempts, 0U);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_FALSE(spool->envelope(id));
}

TEST_F(DispatcherUncounted, AfterAFlushToo) {
  begin();
  queue({"x@a.example", "y@a.example"});
  pass();
  a->end_all(Outcome::deferred, "451 later");
  pass();
  dispatcher->flush();
  pass();
  a->end({{{Outcome::accepted, "250 ok"}, {std::nullopt, "452"}}, {}});
  pass();
  ASSERT_EQ(a->under_way.size(), 1U);
  EXPECT_EQ(a->seen.back().recipients, std::vector<std::uint32_t>{1});
  EXPECT_EQ(a->seen.back().envelope.recipients[1].attempts, 1U);
}

struct DispatcherLifetime : DispatcherTest {
  DispatcherLifetime() {
    settings.settlement.retry = {.initial_delay = 1min, .max_delay = 1h, .lifetime = 24h};
  }
  void defer() {
    pass();
    ASSERT_EQ(a->under_way.size(), 1U);
    a->end_all(Outcome::deferred, "451 later");
    pass();
  }
};

TEST_F(DispatcherLifetime, CountsFromTheEndOfAHold) {
  for (const bool by_date : {false, true}) {
    begin();
    Handling handling;
    if (by_date) {
      handling.asked.hold_until =
          std::chrono::sys_seconds(std::chrono::seconds(now.wall / 1000 + 48 * 3600));
    } else {
      handling.asked.hold_for = 48h;
    }
    const auto id = queue({"x@a.example"}, handling, now.wall + 48 * 3'600'000);
    pass();
    pass(48h);
    defer();
    EXPECT_EQ(state(id), State::pending) << by_date;
    pass(24h);
    defer();
    EXPECT_EQ(state(id), State::refused) << by_date;
  }
}

TEST_F(DispatcherLifetime, AWallClockThatJumpsForwardEndsNoYoungMessage) {
  begin();
  const auto id = queue({"x@a.example"});
  pass();
  now.wall += 6 * 86'400'000;
  a->end_all(Outcome::deferred, "451 later");
  pass();
  EXPECT_EQ(state(id), State::pending);
  now.wall -= 6 * 86'400'000;
  pass(70s);
  defer();
  EXPECT_EQ(state(id), State::pending);
  pass(24h);
  defer();
  EXPECT_EQ(state(id), State::refused) << "the lifetime ends nevertheless";
}

}  // namespace
}  // namespace postroad::queue
