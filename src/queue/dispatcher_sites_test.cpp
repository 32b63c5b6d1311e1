// The dispatcher by hand: sites that fail, pauses, what a flush and a reload do to them. The
// fixture is dispatcher_fixture.hpp.
#include "queue/dispatcher_fixture.hpp"

namespace postroad::queue {
namespace {

struct DispatcherSites : DispatcherTest {};

// Five messages are under way when the host goes away; their timeouts come one after the other,
// each later than the pause before it.
TEST_F(DispatcherSites, StaggeredFailuresOfAttemptsUnderWayTogetherMakeOnePause) {
  limit_a(5);
  begin();
  for (int i = 0; i < 6; ++i) queue({"x@a.example"});
  pass();
  for (int i = 0; i < 5; ++i) {
    refuse_one();
    pass(2s);
  }
  ASSERT_EQ(a->under_way.size(), 1U) << "the pause of one failure is over";
  EXPECT_EQ(told.changes, std::vector<std::string>{std::string("a.example: ") + refusal});
}

TEST_F(DispatcherSites, ASuccessThatBeganBeforeThePauseDoesNotEndIt) {
  limit_a(2);
  begin();
  for (int i = 0; i < 5; ++i) queue({"x@a.example"});
  pass();
  refuse_one();
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_TRUE(a->under_way.empty()) << "the pause holds";
  EXPECT_EQ(told.changes, std::vector<std::string>{std::string("a.example: ") + refusal});
  EXPECT_EQ(dispatcher->trouble("a.example"), refusal);
  pass(1s);
  ASSERT_EQ(a->under_way.size(), 1U);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(told.changes.back(), "a.example: up");
}

TEST_F(DispatcherSites, AFlushEndsAPause) {
  settings.pauses = {.first = 5s, .longest = 5s, .suspended_beyond = 10s};
  limit_a(1);
  begin();
  for (int i = 0; i < 3; ++i) queue({"x@a.example"});
  pass();
  refuse_one();
  pass();
  ASSERT_TRUE(a->under_way.empty()) << "the site is paused";
  dispatcher->flush();
  pass();
  EXPECT_EQ(a->under_way.size(), 1U);
  EXPECT_EQ(told.attempts, 1) << "nothing was deferred without an attempt";
}

TEST_F(DispatcherSites, AFlushEndsASuspension) {
  settings.pauses = {.first = 1min, .longest = 1h, .suspended_beyond = 5s};
  limit_a(1);
  begin();
  queue({"x@a.example"});
  pass();
  refuse_one();
  pass();
  dispatcher->flush();
  pass();
  ASSERT_EQ(a->under_way.size(), 1U) << "deferred again in place of an attempt";
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(told.changes.back(), "a.example: up") << "the attempt that the flush began counts";
}

TEST_F(DispatcherSites, AReloadChangesThePausesOfASiteThatExists) {
  settings.pauses = {.first = 4s, .longest = 4s, .suspended_beyond = 10s};
  limit_a(1);
  begin();
  for (int i = 0; i < 3; ++i) queue({"x@a.example"});
  pass();
  refuse_one();
  pass();
  settings.pauses = {.first = 1s, .longest = 1s, .suspended_beyond = 10s};
  dispatcher->change(routes, settings);
  pass();
  pass(1s);
  ASSERT_EQ(a->under_way.size(), 1U) << "the pause that holds is cut";
  refuse_one();
  pass();
  pass(1s);
  EXPECT_EQ(a->under_way.size(), 1U) << "the next pause is a new one";
}

TEST_F(DispatcherSites, AReloadChangesTheLimitOfASiteThatExists) {
  limit_a(1);
  begin();
  for (int i = 0; i < 10; ++i) queue({"x@a.example"});
  pass();
  const auto before = a;
  ASSERT_EQ(before->under_way.size(), 1U);
  auto changed = std::make_shared<TestRoutes>(*routes);
  a = std::make_shared<ScriptedCarrier>(5);
  changed->carriers["a.example"] = a;
  dispatcher->change(changed, settings);
  pass();
  EXPECT_EQ(a->under_way.size(), 5U) << "what the carrier before has under way does not count";
  // The result of the carrier before does not bring its limit back.
  before->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(a->under_way.size(), 5U);
  before->under_way.clear();
}

// A relay meets a new site with every domain.
TEST_F(DispatcherSites, ASiteThatWorksIsForgottenOnceItIsNotInUse) {
  begin();
  queue({"x@a.example"});
  queue({"x@b.example"});
  pass();
  EXPECT_EQ(dispatcher->sites(), 2U);
  a->end_all(Outcome::accepted, "250 ok");
  b->end_all(Outcome::refused, "550 no");
  pass();
  EXPECT_EQ(dispatcher->sites(), 0U);
  limit_a(1);
  queue({"x@a.example"});
  queue({"y@a.example"});
  pass();
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(a->under_way.size(), 1U) << "the line was kept for the second message";
}

TEST_F(DispatcherSites, SitesThatFailedAreKeptWithinABound) {
  constexpr int many = 3000;
  settings.settlement.retry.lifetime = 1ms;  // their messages are given up
  for (int i = 0; i < many; ++i) routes->carriers["d" + std::to_string(i) + ".example"] = a;
  begin();
  for (int i = 0; i < many; ++i) {
    queue({"x@d" + std::to_string(i) + ".example"});
    pass();
    refuse_one();
    pass(2s);
  }
  EXPECT_LT(dispatcher->sites(), 1100U);
}

// Messages of a site that asks for less go on, fewer at a time.
TEST_F(DispatcherSites, ASiteThatAsksForLessGetsFewerMessagesAtOnce) {
  limit_a(5);
  begin();
  for (int i = 0; i < 12; ++i) queue({"x@a.example"});
  pass();
  ASSERT_EQ(a->under_way.size(), 5U);
  auto attempt = a->same(Outcome::deferred, "421 4.7.0 too many connections");
  attempt.site_failure = "421 4.7.0 too many connections";
  attempt.throttle = Throttle{*attempt.site_failure};
  a->end(attempt);
  pass();
  EXPECT_EQ(a->under_way.size(), 4U) << "one less";
  EXPECT_TRUE(told.changes.empty()) << "the site is not down";
  EXPECT_EQ(told.limits, std::vector<std::string>{"a.example: 4"});
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(a->under_way.size(), 4U);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(dispatcher->sites(), 1U) << "what was learnt is kept";
}

TEST_F(DispatcherSites, AReplyThatAsksForLessIsAFailureWhereOneMessageAloneWasUnderWay) {
  begin();
  queue({"x@a.example"});
  pass();
  auto attempt = a->same(Outcome::deferred, "451 4.7.1 greylisted");
  attempt.throttle = Throttle{"451 4.7.1 greylisted"};
  a->end(attempt);
  pass();
  EXPECT_TRUE(told.changes.empty()) << "it concerns that message";
  queue({"x@a.example"});
  pass();
  attempt = a->same(Outcome::deferred, refusal);
  attempt.site_failure = refusal;
  attempt.throttle = Throttle{refusal};
  a->end(attempt);
  pass();
  EXPECT_EQ(told.changes, std::vector<std::string>{std::string("a.example: ") + refusal});
}

TEST_F(DispatcherSites, AnOperatorStopsASiteAndNoAttemptIsCharged) {
  limit_a(2);
  begin();
  bool is_done = false;
  dispatcher->request_sites(SiteRequest::hold, {"a.example"}, [&] { is_done = true; });
  pass();
  EXPECT_TRUE(is_done);
  for (int i = 0; i < 3; ++i) queue({"x@a.example"});
  queue({"x@b.example"});
  pass();
  EXPECT_TRUE(a->under_way.empty());
  EXPECT_EQ(b->under_way.size(), 1U) << "the others go on";
  pass(10 * 24h);
  EXPECT_TRUE(a->under_way.empty());
  std::vector<SiteFacts> found;
  dispatcher->find_sites([&](std::vector<SiteFacts> sites) { found = std::move(sites); });
  pass();
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].name, "a.example");
  EXPECT_TRUE(found[0].is_held);
  EXPECT_EQ(found[0].waiting, 3U);
  dispatcher->request_sites(SiteRequest::release, {"a.example"}, [] {});
  pass();
  ASSERT_EQ(a->under_way.size(), 2U);
  EXPECT_EQ(a->under_way.front().part->envelope.recipients[0].attempts, 0U);
}

TEST_F(DispatcherSites, ASiteThatIsHeldDuringAnAttemptBeginsNoOther) {
  limit_a(1);
  begin();
  queue({"x@a.example"});
  queue({"y@a.example"});
  pass();
  ASSERT_EQ(a->under_way.size(), 1U);
  dispatcher->request_sites(SiteRequest::hold, {"a.example"}, [] {});
  pass();
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_TRUE(a->under_way.empty());
  dispatcher->flush();
  pass();
  EXPECT_TRUE(a->under_way.empty()) << "a flush does not end it";
  dispatcher->request_sites(SiteRequest::release, {"a.example"}, [] {});
  pass();
  EXPECT_EQ(a->under_way.size(), 1U);
}

TEST_F(DispatcherSites, WhatAnEarlierProcessKnewHolds) {
  limit_a(5);
  remembered = {{.name = "a.example", .limit = 2}, {.name = "b.example", .is_held = true}};
  begin();
  for (int i = 0; i < 4; ++i) queue({"x@a.example", "x@b.example"});
  pass();
  EXPECT_EQ(a->under_way.size(), 2U);
  EXPECT_TRUE(b->under_way.empty());
  dispatcher->request_sites(SiteRequest::reset, {"a.example"}, [] {});
  pass();
  EXPECT_EQ(a->under_way.size(), 4U);
}

TEST_F(DispatcherSites, TheOtherRecipientsOfAMessageGoOnWhileASiteIsHeld) {
  settings.settlement.retry = {1s, 1s, 5 * 24h, 1s};
  begin();
  dispatcher->request_sites(SiteRequest::hold, {"b.example"}, [] {});
  const auto id = queue({"x@a.example", "y@b.example"});
  pass();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(a->under_way.size(), 1U) << i;
    a->end_all(Outcome::deferred, "451 later");
    pass();
    pass(2s);
  }
  a->end_all(Outcome::refused, "550 no");
  pass();
  EXPECT_EQ(state(id, 0), State::refused);
  EXPECT_TRUE(b->under_way.empty());
  dispatcher->request_sites(SiteRequest::release, {"b.example"}, [] {});
  pass();
  ASSERT_EQ(b->under_way.size(), 1U);
  b->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(b->begun, 1U);
}

TEST_F(DispatcherSites, AMessageOfAHeldSiteCanBeHeldReleasedAndRemoved) {
  begin();
  dispatcher->request_sites(SiteRequest::hold, {"b.example"}, [] {});
  const auto id = queue({"x@a.example", "y@b.example"});
  pass();
  ASSERT_EQ(a->under_way.size(), 1U);
  const auto ask = [&](Request what) {
    std::size_t count = 0;
    dispatcher->request(what, {id}, [&](std::size_t done) { count = done; });
    pass();
    return count;
  };
  EXPECT_EQ(ask(Request::hold), 1U);
  a->end_all(Outcome::deferred, "451 later");
  pass();
  EXPECT_EQ(ask(Request::release), 1U);
  const auto envelope = spool->envelope(id);
  ASSERT_TRUE(envelope);
  for (const auto& one : envelope->recipients) EXPECT_FALSE(one.is_held) << one.address;
  EXPECT_EQ(ask(Request::remove), 1U);
  EXPECT_FALSE(spool->envelope(id));
  std::vector<SiteFacts> found;
  dispatcher->find_sites([&](std::vector<SiteFacts> sites) { found = std::move(sites); });
  pass();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].waiting, 0U) << "it is gone there, too";
  dispatcher->request_sites(SiteRequest::release, {"b.example"}, [] {});
  pass();
  EXPECT_TRUE(b->under_way.empty());
}

// A request during an attempt takes the parts out of the lines where they wait.
TEST_F(DispatcherSites, AHoldDuringAnAttemptEndsWithTheNextRelease) {
  limit_a(1);
  routes->carriers["b.example"] = b = std::make_shared<ScriptedCarrier>(1);
  begin();
  queue({"first@b.example"});
  pass();
  const auto id = queue({"x@a.example", "y@b.example"});  // its second part waits in the line of b
  pass();
  dispatcher->request(Request::hold, {id}, [](std::size_t) {});
  pass();
  a->end_all(Outcome::deferred, "451 later");
  pass();
  std::size_t count = 0;
  dispatcher->request(Request::release, {id}, [&](std::size_t done) { count = done; });
  pass();
  EXPECT_EQ(count, 1U);
  const auto envelope = spool->envelope(id);
  ASSERT_TRUE(envelope);
  for (const auto& one : envelope->recipients) EXPECT_FALSE(one.is_held) << one.address;
  b->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(b->begun, 2U) << "its part is tried";
}

TEST_F(DispatcherSites, AReloadMayLeadAroundAHeldSite) {
  begin();
  dispatcher->request_sites(SiteRequest::hold, {"b.example"}, [] {});
  queue({"y@b.example"});
  pass();
  auto changed = std::make_shared<TestRoutes>(*routes);
  changed->moved["b.example"] = "a.example";
  dispatcher->change(changed, settings);
  pass();
  EXPECT_EQ(a->under_way.size(), 1U);
}

}  // namespace
}  // namespace postroad::queue
