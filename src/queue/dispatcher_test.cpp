// The dispatcher by hand: a spool in memory or on a disk that fails, clocks that the test sets, and
// a carrier that ends attempts when it is told to. No thread but the test's own, except where the
// stop is tested.
#include "queue/dispatcher.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <future>
#include <map>

#include "spool/journal/journal.hpp"
#include "spool/memory.hpp"
#include "spool/testing/test_disk.hpp"

namespace postroad::queue {
namespace {

using namespace std::chrono_literals;
using spool::QueueId;
using spool::State;

constexpr WallTime noon = 1'800'000'000'000;

class ScriptedCarrier final : public Carrier {
 public:
  explicit ScriptedCarrier(std::size_t limit = 100) : limit_(limit) {}
  [[nodiscard]] std::size_t limit() const override { return limit_; }
  void carry(const Part& part, Done done) override {
    seen.push_back(part);
    under_way.push_back({&part, std::move(done)});
  }
  void stop(std::chrono::steady_clock::time_point) override {
    stopped = true;
    while (!under_way.empty()) end(same(std::nullopt, "stopped"));
  }
  struct Call {
    const Part* part;
    Done done;
  };
  /// Ends the oldest attempt.
  void end(Attempt attempt) {
    auto call = std::move(under_way.front());
    under_way.pop_front();
    call.done(std::move(attempt));
  }
  Attempt same(std::optional<Outcome> outcome, const std::string& note) const {
    return same_for_all(under_way.front().part->recipients.size(), outcome, note);
  }
  void end_all(Outcome outcome, const std::string& note) {
    while (!under_way.empty()) end(same(outcome, note));
  }
  std::vector<Part> seen;
  std::deque<Call> under_way;
  bool stopped = false;

 private:
  std::size_t limit_;
};

// The site of an address is its domain; "nowhere.example" has no route.
struct TestRoutes final : Routes {
  std::map<std::string, std::shared_ptr<Carrier>> carriers;
  std::map<std::string, std::string> moved;  // a domain's other site
  [[nodiscard]] Route route(const spool::Envelope& envelope, const Handling&,
                            std::uint32_t recipient) const override {
    const auto& address = envelope.recipients[recipient].address;
    auto site = address.substr(address.find('@') + 1);
    if (const auto found = moved.find(site); found != moved.end()) site = found->second;
    const auto found = carriers.find(site);
    if (found == carriers.end()) return {site, nullptr, "there is no route to " + site};
    return {site, found->second};
  }
};

struct Told final : Listener {
  void settled(const Part& part, const spool::OutcomeRecord& record) override {
    settlements.push_back({part.envelope.recipients[record.recipient].address, record});
  }
  void attempted(QueueId, const spool::Envelope&) override { ++attempts; }
  void removed(QueueId id, const spool::Envelope&) override { gone.push_back(id.value); }
  void site_changed(const std::string& site, const std::string& reason) override {
    changes.push_back(site + ": " + (reason.empty() ? "up" : reason));
  }
  std::vector<std::pair<std::string, spool::OutcomeRecord>> settlements;
  std::vector<std::uint64_t> gone;
  std::vector<std::string> changes;
  int attempts = 0;
};

std::unique_ptr<spool::Spool> open_journal(const spool::TestDisk& disk) {
  auto opened = spool::open_journal(disk.open(), {}, noon);
  EXPECT_TRUE(opened);
  return std::move(*opened);
}

struct DispatcherTest : ::testing::Test {
  std::unique_ptr<spool::Spool> spool = spool::make_memory_spool();
  Told told;
  Now now{Time(1000h), noon};
  std::shared_ptr<TestRoutes> routes = std::make_shared<TestRoutes>();
  std::shared_ptr<ScriptedCarrier> a = std::make_shared<ScriptedCarrier>();
  std::shared_ptr<ScriptedCarrier> b = std::make_shared<ScriptedCarrier>();
  DispatcherSettings settings;
  std::optional<Dispatcher> dispatcher;

  DispatcherTest() { routes->carriers = {{"a.example", a}, {"b.example", b}}; }

  void begin() {
    dispatcher.emplace(*spool, told, routes, settings, [this] { return now; });
  }
  QueueId put(const std::vector<std::string>& recipients, Handling handling = {},
              std::int64_t next_attempt = 0) {
    auto incoming = spool->begin();
    EXPECT_TRUE((*incoming)->append("Subject: hi\r\n\r\nhello\r\n"));
    spool::Envelope envelope;
    envelope.reverse_path = "sender@x.example";
    envelope.arrived = now.wall;
    for (const auto& address : recipients) {
      auto& one = envelope.recipients.emplace_back();
      one.address = address;
      one.next_attempt = next_attempt;
    }
    set_handling(envelope, handling);
    const auto id = (*incoming)->id();
    std::promise<bool> kept;
    (*incoming)->commit(std::move(envelope),
                        [&](const Result<void>& result) { kept.set_value(result.has_value()); });
    EXPECT_TRUE(kept.get_future().get());
    return id;
  }
  QueueId queue(const std::vector<std::string>& recipients, const Handling& handling = {},
                std::int64_t next_attempt = 0) {
    const auto id = put(recipients, handling, next_attempt);
    dispatcher->add(id);
    return id;
  }
  // Both clocks go on; turns until nothing more is due at once.
  std::optional<Time> pass(std::chrono::milliseconds time = 0ms) {
    now.steady += time;
    now.wall += time.count();
    std::optional<Time> wake;
    for (int i = 0; i < 8; ++i) wake = dispatcher->turn();
    return wake;
  }
  State state(QueueId id, std::size_t recipient = 0) {
    const auto envelope = spool->envelope(id);
    return envelope ? envelope->recipients.at(recipient).state : State::delivered;
  }
};

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

TEST_F(DispatcherTest, MessagesThatFailTogetherAreNotRetriedTogether) {
  begin();
  for (int i = 0; i < 50; ++i) queue({"x@a.example"});
  pass();
  a->end_all(Outcome::deferred, "451 later");
  pass();
  pass(61s);
  EXPECT_LT(a->under_way.size(), 40U);
  pass(6s);
  EXPECT_EQ(a->under_way.size(), 50U);
}

TEST_F(DispatcherTest, AWallClockSetBackADayNeitherDelaysNorDoublesARetry) {
  begin();
  queue({"x@a.example"});
  pass();
  a->end_all(Outcome::deferred, "451 later");
  pass();
  now.wall -= 86'400'000;
  pass(67s);
  ASSERT_EQ(a->under_way.size(), 1U);
  a->end_all(Outcome::deferred, "451 later");
  pass();
  now.wall += 86'400'000;  // corrected
  pass(67s);
  EXPECT_EQ(a->under_way.size(), 0U) << "the second delay is two minutes";
  pass(67s);
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
  pass(67s);
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
  // Later it takes mail again, and everybody's.
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
  while (a->seen.empty()) std::this_thread::yield();
  dispatcher->stop(std::chrono::steady_clock::now());
  EXPECT_TRUE(a->stopped);
  const auto envelope = spool->envelope(id);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->recipients[0].attempts, 0U);
  EXPECT_EQ(envelope->recipients[0].state, State::pending);
}

TEST(Settlement, AnErrorBecomesWhatItMeansForTheRecipients) {
  const auto outcome = [](Fault fault, bool may_have_been_delivered = false) {
    auto error = fail(fault, "host:25", "why");
    error.may_have_been_delivered = may_have_been_delivered;
    return attempt_of(error, 1).recipients[0].outcome;
  };
  EXPECT_EQ(outcome(Fault::cancelled), std::nullopt);
  EXPECT_EQ(outcome(Fault::cancelled, true), Outcome::unknown);
  EXPECT_EQ(outcome(Fault::input), Outcome::refused);
  EXPECT_EQ(outcome(Fault::unsupported), Outcome::refused);
  for (const auto fault :
       {Fault::resolve, Fault::connect, Fault::timeout, Fault::closed, Fault::refused,
        Fault::protocol, Fault::tls, Fault::auth, Fault::io, Fault::damaged, Fault::full})
    EXPECT_EQ(outcome(fault), Outcome::deferred) << to_string(fault);
  EXPECT_EQ(outcome(Fault::timeout, true), Outcome::unknown);
}

TEST(Handling, IsTheSameWhenItIsReadAgain) {
  Handling handling;
  handling.stays_here = handling.body_8bit = handling.undeclared_8bit = true;
  handling.binary = handling.smtputf8 = handling.tls_optional = true;
  handling.tls = "TLSv1.3";
  handling.key = "order 4711";
  handling.asked.priority = 3;
  handling.asked.envelope_id = "id+1";
  handling.asked.deliver_by = DeliverBy{100s, DeliverBy::Else::notify, true};
  spool::Envelope envelope;
  set_handling(envelope, handling);
  EXPECT_EQ(handling_of(envelope), handling);
  envelope.options.emplace_back("LATER-VERSION", "x");
  EXPECT_EQ(handling_of(envelope), handling);
  set_handling(envelope, {});
  EXPECT_TRUE(envelope.options.empty());
}

}  // namespace
}  // namespace postroad::queue
