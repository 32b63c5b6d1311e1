// The dispatcher and its reporter: a sender is told once, after every part of the message has
// ended, and the message leaves the spool after that. The fixture is dispatcher_fixture.hpp.
#include "queue/dispatcher_fixture.hpp"

namespace postroad::queue {
namespace {

using Action = ReportedRecipient::Action;

/// Notes what is owed, and answers when the test says so.
class TestReporter final : public Reporter {
 public:
  explicit TestReporter(spool::Spool& spool) : spool_(spool) {}
  [[nodiscard]] std::vector<OwedReport> owed(const spool::Envelope& envelope,
                                             const Handling& handling, std::int64_t wall,
                                             std::chrono::milliseconds age) const override {
    return owed_reports(envelope, handling, policy, wall, age);
  }
  void report(const Part& part, std::vector<OwedReport> owed, Done done) override {
    if (throws) throw std::bad_alloc();
    asked.push_back(owed);
    under_way.push_back({part.id, reported(part.envelope, owed), std::move(done)});
  }
  void end(const Result<void>& kept = {}) {
    auto call = std::move(under_way.front());
    under_way.pop_front();
    if (!kept) return call.done(kept);
    spool_.record(call.id, std::move(call.records), std::move(call.done));
  }
  struct Call {
    QueueId id;
    std::vector<spool::OutcomeRecord> records;
    Done done;
  };
  ReportPolicy policy;
  std::vector<std::vector<OwedReport>> asked;
  std::deque<Call> under_way;
  bool throws = false;

 private:
  spool::Spool& spool_;
};

struct DispatcherReports : DispatcherTest {
  std::shared_ptr<TestReporter> reporter;
  void begin_reporting() {
    reporter = std::make_shared<TestReporter>(*spool);
    settings.reporter = reporter;
    begin();
  }
  // A message of which ann's part failed and ben's waits for its retry.
  QueueId refused_and_deferred() {
    const auto id = queue({"ann@a.example", "ben@b.example"});
    pass();
    a->end_all(Outcome::refused, "550 no");
    b->end_all(Outcome::deferred, "451 later");
    pass();
    return id;
  }
  // The process ends before the reporter answers, and another one begins.
  void restart_with(QueueId id) {
    reporter->under_way.clear();
    dispatcher.reset();
    begin_reporting();
    dispatcher->add(id);
  }
  [[nodiscard]] bool is_gone(QueueId id) const { return !spool->envelope(id).has_value(); }
};

TEST_F(DispatcherReports, AFailureIsReportedAndThenTheMessageLeaves) {
  begin_reporting();
  const auto id = queue({"ann@a.example"});
  pass();
  a->end_all(Outcome::refused, "550 no");
  pass();
  ASSERT_EQ(reporter->asked.size(), 1U);
  EXPECT_EQ(reporter->asked[0], (std::vector<OwedReport>{{0, Action::failed}}));
  EXPECT_FALSE(is_gone(id));
  reporter->end();
  pass();
  EXPECT_TRUE(is_gone(id));
  EXPECT_EQ(told.gone, std::vector{id.value});
  EXPECT_EQ(reporter->asked.size(), 1U);
}

TEST_F(DispatcherReports, PartsThatFailAreReportedTogetherAndTheRestGoesOn) {
  begin_reporting();
  const auto id = queue({"ann@a.example", "ben@b.example", "cora@a.example"});
  pass();
  a->end_all(Outcome::refused, "550 no");
  pass();
  EXPECT_TRUE(reporter->asked.empty()) << "a part is under way";
  b->end_all(Outcome::deferred, "451 later");
  pass();
  ASSERT_EQ(reporter->asked.size(), 1U);
  EXPECT_EQ(reporter->asked[0],
            (std::vector<OwedReport>{{0, Action::failed}, {2, Action::failed}}));
  pass(2min);
  EXPECT_TRUE(b->under_way.empty()) << "the next attempt waits for the report";
  reporter->end();
  pass();
  ASSERT_EQ(b->under_way.size(), 1U);
  b->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_TRUE(is_gone(id));
  EXPECT_EQ(reporter->asked.size(), 1U);
}

TEST_F(DispatcherReports, ADeliveryThatNobodyAskedAboutCostsNoReport) {
  begin_reporting();
  const auto id = queue({"ann@a.example"});
  pass();
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_TRUE(is_gone(id));
  EXPECT_TRUE(reporter->asked.empty());
}

TEST_F(DispatcherReports, AReportThatTheDiskRefusesIsMadeAgain) {
  begin_reporting();
  const auto id = queue({"ann@a.example"});
  pass();
  a->end_all(Outcome::refused, "550 no");
  pass();
  reporter->end(fail(Fault::full, "the spool", "no space"));
  pass();
  EXPECT_EQ(reporter->asked.size(), 1U);
  pass(2min);
  ASSERT_EQ(reporter->asked.size(), 2U);
  reporter->end();
  pass();
  EXPECT_TRUE(is_gone(id));
}

TEST_F(DispatcherReports, AReportThatWaitsDoesNotHoldUpTheOtherRecipients) {
  begin_reporting();
  const auto id = refused_and_deferred();
  for (int i = 0; i < 3; ++i) {
    if (!reporter->under_way.empty()) reporter->end(fail(Fault::full, "the spool", "no space"));
    pass(40s);
  }
  ASSERT_EQ(b->under_way.size(), 1U) << "its retry is due";
  b->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_FALSE(is_gone(id)) << "ann is not reported";
  for (int i = 0; i < 3 && reporter->under_way.empty(); ++i) pass(40s);
  ASSERT_EQ(reporter->under_way.size(), 1U);
  reporter->end();
  pass();
  EXPECT_TRUE(is_gone(id));
}

TEST_F(DispatcherReports, AFlushOutlastsAReport) {
  settings.settlement.retry.initial_delay = 1h;
  begin_reporting();
  const auto id = refused_and_deferred();
  ASSERT_EQ(reporter->under_way.size(), 1U);
  restart_with(id);
  dispatcher->flush();
  dispatcher->request(Request::flush, {id}, [](std::size_t) {});
  pass();
  ASSERT_EQ(reporter->under_way.size(), 1U);
  reporter->end();
  pass();
  EXPECT_EQ(b->under_way.size(), 1U);
}

TEST_F(DispatcherReports, AReporterThatThrowsIsAskedAgain) {
  begin_reporting();
  const auto id = queue({"ann@a.example"});
  pass();
  reporter->throws = true;
  a->end_all(Outcome::refused, "550 no");
  pass();
  EXPECT_FALSE(told.failures.empty());
  EXPECT_FALSE(is_gone(id));
  reporter->throws = false;
  pass(2min);
  ASSERT_EQ(reporter->asked.size(), 1U);
  reporter->end();
  pass();
  EXPECT_TRUE(is_gone(id));
}

TEST_F(DispatcherReports, WhatIsOwedIsReportedAfterARestart) {
  begin_reporting();
  const auto id = refused_and_deferred();
  restart_with(id);
  pass();
  ASSERT_EQ(reporter->asked.size(), 1U);
  EXPECT_TRUE(b->under_way.empty()) << "its retry is not due";
  reporter->end();
  pass(2min);
  EXPECT_EQ(b->under_way.size(), 1U);
}

TEST_F(DispatcherReports, TheEndOfTheLifetimeIsAFailure) {
  settings.settlement.retry.lifetime = 10h;
  begin_reporting();
  reporter->policy.delay_after = 4h;
  const auto id = queue({"ann@a.example"});
  std::vector<Action> actions;
  for (int i = 0; i < 200 && !is_gone(id); ++i) {
    pass(10min);
    a->end_all(Outcome::deferred, "451 later");
    pass();
    while (!reporter->under_way.empty()) {
      actions.push_back(reporter->asked.back().front().action);
      reporter->end();
      pass();
    }
  }
  EXPECT_TRUE(is_gone(id));
  EXPECT_EQ(actions, std::vector{Action::failed}) << "without a login a delay is not reported";
}

// The records of a report name the state that it saw.
TEST_F(DispatcherReports, NoAttemptBeginsWhileTheSenderIsTold) {
  begin_reporting();
  const auto until_free = [this] {
    auto attempt = a->same(Outcome::deferred, "421 later");
    attempt.throttle = Throttle{"421 later", 4h};
    a->end(std::move(attempt));
  };
  queue({"cid@a.example"});
  pass();
  until_free();
  pass();
  const auto id = queue({"ann@a.example", "ben@b.example"});
  pass();
  b->end_all(Outcome::refused, "550 no");
  pass();
  ASSERT_EQ(reporter->under_way.size(), 1U) << "ann waits for her site, and ben's failure is told";
  pass(4h);
  for (const auto& call : a->under_way) EXPECT_NE(call.part->id.value, id.value);
  reporter->end();
  pass();
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_TRUE(is_gone(id));
  EXPECT_EQ(reporter->asked.size(), 1U);
}

}  // namespace
}  // namespace postroad::queue
