// The dispatcher by hand: a spool that cannot be read or is slow to record, a wall clock that is
// set back, messages that are parked. The fixture is dispatcher_fixture.hpp.
#include "queue/dispatcher_fixture.hpp"

namespace postroad::queue {
namespace {

/// A spool that cannot be read for a time, and that keeps the answers to records back.
class FaultySpool final : public spool::Spool {
 public:
  explicit FaultySpool(std::unique_ptr<Spool> spool) : spool_(std::move(spool)) {}
  Result<std::unique_ptr<spool::Incoming>> begin() override { return spool_->begin(); }
  Result<void> room(std::uint64_t bytes) override { return spool_->room(bytes); }
  Result<spool::Envelope> envelope(QueueId id) override {
    if (is_unreadable) return fail(Fault::io, id.text(), "Input/output error");
    return spool_->envelope(id);
  }
  Result<std::uint64_t> size(QueueId id) override { return spool_->size(id); }
  Result<std::unique_ptr<spool::Reader>> read(QueueId id) override { return spool_->read(id); }
  std::vector<spool::Summary> list() override { return spool_->list(); }
  std::vector<spool::Summary> list_after(QueueId last, std::size_t most) override {
    return spool_->list_after(last, most);
  }
  void record(QueueId id, std::vector<spool::OutcomeRecord> outcomes, spool::Done done) override {
    spool_->record(id, std::move(outcomes), hold(std::move(done)));
  }
  void commit_with(std::unique_ptr<spool::Incoming> incoming, spool::Envelope envelope,
                   QueueId other, std::vector<spool::OutcomeRecord> outcomes,
                   spool::Done done) override {
    spool_->commit_with(std::move(incoming), std::move(envelope), other, std::move(outcomes),
                        std::move(done));
  }
  void remove(QueueId id, spool::Done done) override { spool_->remove(id, hold(std::move(done))); }
  void on_committed(std::function<void(QueueId)> listener) override {
    spool_->on_committed(std::move(listener));
  }
  [[nodiscard]] spool::Statistics statistics() const override { return spool_->statistics(); }
  [[nodiscard]] std::vector<std::string> findings() const override { return spool_->findings(); }

  void answer_records() {
    for (auto& done : std::exchange(held, {})) done({});
  }
  bool is_unreadable = false;
  bool holds_records = false;
  std::vector<spool::Done> held;

 private:
  spool::Done hold(spool::Done done) {
    if (!holds_records || !done) return done;
    held.push_back(std::move(done));
    return [](const Result<void>&) {};
  }
  std::unique_ptr<Spool> spool_;
};

struct Unreadable final : DispatcherObserver {
  void unreadable(QueueId, const Error& error) override { errors.push_back(error.detail); }
  std::vector<std::string> errors;
};

struct DispatcherFaults : DispatcherTest {
  FaultySpool* faulty = nullptr;
  DispatcherFaults() {
    auto made = std::make_unique<FaultySpool>(std::move(spool));
    faulty = made.get();
    spool = std::move(made);
  }
};

TEST_F(DispatcherFaults, ARecordThatWasAnsweredHoldsNoCarrier) {
  auto carrier = std::make_shared<ScriptedCarrier>();
  routes->carriers["own.example"] = carrier;
  begin();
  queue({"x@own.example"});
  pass();
  faulty->holds_records = true;
  carrier->end_all(Outcome::accepted, {});
  pass();
  ASSERT_EQ(faulty->held.size(), 1U);
  const auto done = std::move(faulty->held.front());
  faulty->held.clear();
  done({});
  expect_released(std::move(carrier));
}

TEST_F(DispatcherFaults, AMessageThatCannotBeReadNowIsReadLater) {
  Unreadable observer;
  dispatcher.emplace(*spool, observer, routes, settings, [this] { return now; });
  const auto id = queue({"x@a.example"});
  faulty->is_unreadable = true;
  pass();
  EXPECT_TRUE(a->seen.empty());
  EXPECT_EQ(observer.errors, std::vector<std::string>{"Input/output error"});
  faulty->is_unreadable = false;
  pass(settings.settlement.retry.max_delay);
  ASSERT_EQ(a->under_way.size(), 1U);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_FALSE(spool->envelope(id));
}

TEST_F(DispatcherFaults, AMessageInALineThatCannotBeReadNowIsReadLater) {
  a = std::make_shared<ScriptedCarrier>(1);
  routes->carriers["a.example"] = a;
  begin();
  queue({"first@a.example"});
  queue({"x@a.example"});
  pass();
  ASSERT_EQ(a->under_way.size(), 1U);
  faulty->is_unreadable = true;
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(a->seen.size(), 1U);
  faulty->is_unreadable = false;
  pass(settings.settlement.retry.max_delay);
  EXPECT_EQ(a->seen.size(), 2U);
}

// The parts end while the disk cannot be read: what was delivered is not sent again, and the
// recipient that was deferred is tried later.
TEST_F(DispatcherFaults, AMessageThatCannotBeReadAfterItsAttemptsLosesNoRecipient) {
  begin();
  const auto id = queue({"x@a.example", "y@b.example"});
  pass();
  faulty->is_unreadable = true;
  a->end_all(Outcome::accepted, "250 ok");
  b->end_all(Outcome::deferred, "451 later");
  pass();
  faulty->is_unreadable = false;
  pass(settings.settlement.retry.max_delay);
  EXPECT_EQ(state(id, 0), State::delivered);
  EXPECT_EQ(a->seen.size(), 1U);
  ASSERT_EQ(b->under_way.size(), 1U);
  EXPECT_EQ(b->seen.back().recipients, std::vector<std::uint32_t>{1});
}

// Each decision holds an envelope until the disk has it: the disk's pace bounds them.
TEST_F(DispatcherFaults, DecisionsWithoutAnAttemptAreBoundedToo) {
  constexpr std::size_t bound = 4096;
  begin();
  for (int i = 0; i < 5000; ++i) queue({"x@nowhere.example"});
  faulty->holds_records = true;
  for (int i = 0; i < 3; ++i) pass();
  EXPECT_EQ(faulty->held.size(), bound);
  faulty->answer_records();
  pass();
  EXPECT_EQ(faulty->held.size(), 5000 - bound);
  EXPECT_EQ(told.settlements.size(), 5000U);
}

TEST_F(DispatcherFaults, DecisionsAboutTheLineOfASuspendedSiteAreBoundedToo) {
  constexpr std::size_t bound = 4096;
  settings.pauses = {.first = 1h, .longest = 1h, .suspended_beyond = 5s};
  a = std::make_shared<ScriptedCarrier>(1);
  routes->carriers["a.example"] = a;
  begin();
  for (int i = 0; i < 5001; ++i) queue({"x@a.example"});
  for (int i = 0; i < 3; ++i) pass();  // all but one are in the line
  faulty->holds_records = true;
  auto attempt = a->same(Outcome::deferred, "421 4.3.2 closing");
  attempt.site_failure = "421 4.3.2 closing";
  a->end(std::move(attempt));
  for (int i = 0; i < 3; ++i) pass();
  EXPECT_EQ(faulty->held.size(), bound);
  faulty->answer_records();
  for (int i = 0; i < 3; ++i) pass();
  EXPECT_EQ(told.settlements.size(), 5001U);
  EXPECT_EQ(a->seen.size(), 1U);
}

// One recipient was deferred before the clock was set back, the other after it: their stored times
// are a day apart.
TEST_F(DispatcherFaults, RecipientsOfOneMessageAreTriedInTimeThoughTheClockWasSetBackBetween) {
  begin();
  const auto id = queue({"x@a.example", "y@b.example"});
  pass();
  a->end_all(Outcome::deferred, "451 later");
  pass();
  now.wall -= 86'400'000;
  b->end_all(Outcome::deferred, "451 later");
  pass();
  pass(70s);
  EXPECT_EQ(a->under_way.size(), 1U) << "its stored time is a day ahead";
  EXPECT_EQ(b->under_way.size(), 1U);
  a->end_all(Outcome::accepted, "250 ok");
  b->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_FALSE(spool->envelope(id));
}

// The one whose retry is hours away is not tried because the other one's time says nothing.
TEST_F(DispatcherFaults, AClockSetBackMakesNoRecipientDueBeforeItsTime) {
  settings.settlement.retry = {.initial_delay = 1min, .max_delay = 4h, .lifetime = {}};
  begin();
  const auto id = put({"x@a.example", "y@b.example"});
  spool->record(id, {{0, State::pending, 1, noon + 86'400'000, "451 later"},
                     {1, State::pending, 12, noon + 3 * 3'600'000, "451 later"}});
  dispatcher->add(id);
  pass();
  pass(70s);
  EXPECT_EQ(a->under_way.size(), 1U);
  EXPECT_TRUE(b->under_way.empty());
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  pass(3h);
  EXPECT_EQ(b->under_way.size(), 1U);
}

struct DispatcherParked : DispatcherFaults {
  QueueId park(const std::vector<std::string>& recipients) {
    settings.settlement.on_unknown = OnUnknown::park;
    begin();
    const auto id = queue(recipients);
    pass();
    a->end_all(Outcome::unknown, "connection lost after the final dot");
    pass();
    EXPECT_EQ(state(id), State::unknown);
    EXPECT_TRUE(a->under_way.empty());
    return id;
  }
  void reload(OnUnknown on_unknown) {
    settings.settlement.on_unknown = on_unknown;
    dispatcher->change(routes, settings);
  }
};

TEST_F(DispatcherParked, AReloadToRetryReleasesThem) {
  const auto id = park({"x@a.example"});
  pass(24h);
  EXPECT_TRUE(a->under_way.empty());
  reload(OnUnknown::retry);
  pass();
  ASSERT_EQ(a->under_way.size(), 1U);
  reload(OnUnknown::retry);
  pass();
  EXPECT_EQ(a->under_way.size(), 1U) << "once";
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_FALSE(spool->envelope(id));
}

TEST_F(DispatcherParked, AReloadToRetryReleasesThoseThatWereParkedBeforeTheStart) {
  const auto id = park({"x@a.example"});
  begin();
  dispatcher->add(id);
  pass();
  ASSERT_TRUE(a->under_way.empty());
  reload(OnUnknown::retry);
  pass();
  EXPECT_EQ(a->under_way.size(), 1U);
}

// It stays for a time after the last outcome, and is nevertheless in one place of the schedule.
TEST_F(DispatcherParked, AReloadToRetryReleasesThoseThatWaitForTheirRemoval) {
  settings.removal = [](const spool::Envelope& envelope) {
    return std::optional<std::int64_t>(envelope.arrived + 3'600'000);
  };
  const auto id = park({"x@a.example"});
  queue({"y@b.example"}, {}, now.wall + 3 * 3'600'000);
  pass();
  reload(OnUnknown::retry);
  pass();
  ASSERT_EQ(a->under_way.size(), 1U);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_TRUE(spool->envelope(id));
  pass(2h);
  EXPECT_EQ(a->seen.size(), 2U);
  EXPECT_FALSE(spool->envelope(id));
  EXPECT_TRUE(b->seen.empty()) << "a hold stays a hold";
  pass(1h);
  EXPECT_EQ(b->seen.size(), 1U);
}

// Its other recipient waits for a retry: the message is in the schedule already, and goes once.
TEST_F(DispatcherParked, AMessageThatWaitsForAnotherRecipientIsNotQueuedTwice) {
  settings.settlement.on_unknown = OnUnknown::park;
  begin();
  queue({"x@a.example", "y@b.example"});
  pass();
  a->end_all(Outcome::unknown, "connection lost after the final dot");
  b->end_all(Outcome::deferred, "451 later");
  pass();
  reload(OnUnknown::retry);
  pass();
  pass(70s);
  ASSERT_EQ(a->under_way.size(), 1U);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(a->seen.size(), 2U);
  EXPECT_EQ(b->seen.size(), 2U);
}

TEST_F(DispatcherParked, AReloadWhileTheRecordIsOnItsWayReleasesThemToo) {
  settings.settlement.on_unknown = OnUnknown::park;
  begin();
  queue({"x@a.example"});
  pass();
  faulty->holds_records = true;
  a->end_all(Outcome::unknown, "connection lost after the final dot");
  pass();
  reload(OnUnknown::retry);
  pass();
  EXPECT_TRUE(a->under_way.empty()) << "until the record is on disk no carrier has the message";
  faulty->answer_records();
  pass();
  EXPECT_EQ(a->seen.size(), 2U);
}

}  // namespace
}  // namespace postroad::queue
