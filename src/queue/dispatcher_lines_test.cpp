// The dispatcher by hand: pauses that hosts ask for, and the lines of sites. The fixture is
// dispatcher_fixture.hpp.
#include "queue/dispatcher_fixture.hpp"

namespace postroad::queue {
namespace {

struct DispatcherLines : DispatcherTest {
  // Ends the oldest attempt of `a`: its host asks for a pause.
  void ask_to_wait(std::chrono::milliseconds pause) {
    auto attempt = a->same(Outcome::deferred, refusal);
    attempt.throttle = Throttle{refusal, pause};
    a->end(std::move(attempt));
  }
};

TEST_F(DispatcherLines, AnAttemptElsewhereSaysNothingAboutTheSite) {
  begin();
  for (int i = 0; i < 5; ++i) {
    queue({"x@a.example"});
    pass();
    auto attempt = a->same(Outcome::deferred, refusal);
    attempt.site_failure = refusal;
    attempt.throttle = Throttle{refusal, 4h};
    attempt.is_elsewhere = true;
    a->end(std::move(attempt));
    pass();
  }
  EXPECT_TRUE(told.changes.empty());
  EXPECT_TRUE(told.limits.empty());
}

// The one that is not due waits for its own time, or it would go first each time.
TEST_F(DispatcherLines, OfTheRecipientsAtASiteOnlyTheDueOnesGo) {
  limit_a(1);
  begin();
  queue({"busy@a.example"});
  pass();
  const auto id = queue({"x@a.example", "y@a.example"});
  pass();
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  auto attempt = a->same(Outcome::deferred, "452 4.2.2 over quota");
  attempt.recipients[1].outcome = std::nullopt;  // the transaction had no room for it
  queue({"busy@a.example"});
  pass();
  a->end(std::move(attempt));
  pass();
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  ASSERT_EQ(a->under_way.size(), 1U);
  EXPECT_EQ(a->under_way.front().part->recipients, std::vector<std::uint32_t>{1});
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(state(id, 0), State::pending);
  EXPECT_EQ(state(id, 1), State::delivered);
}

TEST_F(DispatcherLines, AFlushLeavesAPauseThatAHostAskedFor) {
  begin();
  queue({"x@a.example"});
  pass();
  ask_to_wait(1h);
  pass();
  dispatcher->flush();
  pass();
  EXPECT_TRUE(a->under_way.empty());
  dispatcher->change(routes, settings);
  pass();
  EXPECT_TRUE(a->under_way.empty()) << "so does a reload";
  dispatcher->request_sites(SiteRequest::release, {"a.example"}, [] {});
  pass();
  EXPECT_EQ(a->under_way.size(), 1U);
}

TEST_F(DispatcherLines, MessagesLeaveAPausedSiteInTheirOrder) {
  limit_a(1);
  begin();
  dispatcher->request_sites(SiteRequest::hold, {"a.example"}, [] {});
  pass();
  for (int i = 0; i < 20; ++i) queue({"x" + std::to_string(i) + "@a.example"});
  pass();
  dispatcher->request_sites(SiteRequest::release, {"a.example"}, [] {});
  for (int i = 0; i < 20; ++i) {
    pass();
    a->end_all(Outcome::accepted, "250 ok");
  }
  for (std::size_t i = 0; i < a->seen.size(); ++i)
    EXPECT_EQ(a->seen[i].envelope.recipients[0].address, "x" + std::to_string(i) + "@a.example");
}

TEST_F(DispatcherLines, AMessageInALineIsGivenUpAtTheEndOfItsLifetime) {
  settings.settlement.retry.lifetime = 24h;
  begin();
  queue({"x@a.example"});
  pass();
  ask_to_wait(100h);
  pass();
  const auto id = queue({"y@a.example"});
  for (auto time = 0h; time < 26h; time += 1h) pass(1h);
  ASSERT_EQ(state(id), State::refused);
  const auto note = spool->envelope(id)->recipients[0].note;
  EXPECT_EQ(note, std::string("given up: 4.4.7 waited for a.example: ") + refusal);
  EXPECT_TRUE(a->under_way.empty());
}

TEST_F(DispatcherLines, AMessageThatIsInALineWhenAPauseBeginsAgesToo) {
  limit_a(1);
  settings.settlement.retry.lifetime = 24h;
  begin();
  queue({"x@a.example"});
  const auto id = queue({"y@a.example"});
  pass();
  ask_to_wait(100h);
  for (auto time = 0h; time < 26h; time += 1h) pass(1h);
  EXPECT_EQ(state(id), State::refused);
}

// The first site takes nothing for hours; the second one defers and is tried again meanwhile.
TEST_F(DispatcherLines, AMessageThatWaitsInALineGoesOnForItsOtherRecipients) {
  begin();
  queue({"x@a.example"});
  pass();
  ask_to_wait(4h);
  pass();
  const auto id = queue({"y@a.example", "y@b.example"});
  pass();
  ASSERT_EQ(b->under_way.size(), 1U);
  b->end_all(Outcome::deferred, "450 4.2.0 greylisted");
  pass();
  pass(70s);
  ASSERT_EQ(b->under_way.size(), 1U) << "its retry does not wait for the other site";
  b->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(state(id, 1), State::delivered);
  EXPECT_EQ(state(id, 0), State::pending);
  pass(4h);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(told.gone, std::vector<std::uint64_t>{id.value});
}

// Each retry adds no entry to the schedule that stays there.
TEST_F(DispatcherLines, AMessageInALineHasOneEntryInTheSchedule) {
  begin();
  queue({"x@a.example"});
  pass();
  ask_to_wait(24h);
  pass();
  queue({"y@a.example", "y@b.example"});
  pass();
  std::size_t tries = 0;
  for (auto time = 0min; time < 12h; time += 1min) {
    tries += b->under_way.size();
    b->end_all(Outcome::deferred, "451 later");
    pass(1min);
  }
  EXPECT_GE(tries, 12U);
  EXPECT_LE(tries, 20U);
}

TEST_F(DispatcherLines, APauseThatAHostAskedForHoldsInTheNextProcess) {
  begin();
  queue({"x@a.example"});
  pass();
  ask_to_wait(10min);
  pass();
  EXPECT_EQ(told.limits, std::vector<std::string>{"a.example waits"});
  dispatcher->find_sites([&](std::vector<SiteFacts> sites) { remembered = std::move(sites); });
  pass();
  ASSERT_EQ(remembered.size(), 1U);
  EXPECT_EQ(remembered[0].waits_until, noon + 600'000);
  begin();
  queue({"y@a.example"});
  pass(9min);
  EXPECT_TRUE(a->under_way.empty());
  pass(1min);
  EXPECT_EQ(a->under_way.size(), 1U);
}

}  // namespace
}  // namespace postroad::queue
