// Requests of operators: hold, release, flush and remove, for messages in every place. The fixture
// is dispatcher_fixture.hpp.
#include "queue/dispatcher_fixture.hpp"

namespace postroad::queue {
namespace {

using Place = Whereabouts::Place;

struct DispatcherRequests : DispatcherTest {
  std::size_t ask(Request what, std::vector<QueueId> ids) {
    std::optional<std::size_t> count;
    dispatcher->request(what, std::move(ids), [&](std::size_t done) { count = done; });
    pass();
    EXPECT_TRUE(count) << "it was not answered";
    return count.value_or(0);
  }
  Whereabouts find(QueueId id) {
    Whereabouts found;
    dispatcher->find(id, [&](const Whereabouts& one) { found = one; });
    pass();
    return found;
  }
  QueueId deferred() {
    const auto id = queue({"ann@a.example"});
    pass();
    a->end_all(Outcome::deferred, "451 later");
    pass();
    return id;
  }
  [[nodiscard]] bool is_held(QueueId id) const {
    return spool->envelope(id)->recipients[0].is_held;
  }
  [[nodiscard]] bool is_gone(QueueId id) const { return !spool->envelope(id).has_value(); }
};

TEST_F(DispatcherRequests, AHeldMessageIsNotTriedUntilItIsReleased) {
  begin();
  const auto id = deferred();
  EXPECT_EQ(ask(Request::hold, {id}), 1U);
  EXPECT_TRUE(is_held(id));
  pass(24h);
  dispatcher->flush();
  pass(24h);
  EXPECT_EQ(a->seen.size(), 1U);
  EXPECT_EQ(ask(Request::flush, {id}), 0U) << "a hold is stronger";
  EXPECT_EQ(a->seen.size(), 1U);
  EXPECT_EQ(ask(Request::release, {id}), 1U);
  EXPECT_FALSE(is_held(id));
  EXPECT_EQ(a->seen.size(), 2U) << "its time had come";
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_TRUE(is_gone(id));
}

TEST_F(DispatcherRequests, AHoldSurvivesARestart) {
  begin();
  const auto id = deferred();
  ask(Request::hold, {id});
  dispatcher.reset();
  begin();
  dispatcher->add(id);
  pass(24h);
  EXPECT_EQ(a->seen.size(), 1U);
  EXPECT_EQ(ask(Request::release, {id}), 1U);
  EXPECT_EQ(a->seen.size(), 2U);
}

TEST_F(DispatcherRequests, AReleaseKeepsTheTimeOfTheRetry) {
  settings.settlement.retry.initial_delay = 1h;
  begin();
  const auto id = deferred();
  ask(Request::hold, {id});
  ask(Request::release, {id});
  pass(30min);
  EXPECT_EQ(a->seen.size(), 1U);
  pass(1h);
  EXPECT_EQ(a->seen.size(), 2U);
  EXPECT_EQ(a->under_way.size(), 1U) << "once";
}

TEST_F(DispatcherRequests, AHeldMessageHasNoOtherPlace) {
  begin();
  const auto id = deferred();
  for (int i = 0; i < 3; ++i) {
    ask(Request::hold, {id});
    ask(Request::release, {id});
    ask(Request::flush, {id});
    a->end_all(Outcome::deferred, "451 later");
    pass();
  }
  const auto before = a->seen.size();
  pass(24h);
  EXPECT_EQ(a->seen.size(), before + 1) << "one retry, not several";
}

TEST_F(DispatcherRequests, AFlushTriesWhatIsNamed) {
  settings.settlement.retry.initial_delay = 1h;
  begin();
  const auto first = deferred();
  deferred();
  EXPECT_EQ(ask(Request::flush, {first}), 1U);
  ASSERT_EQ(a->under_way.size(), 1U);
  EXPECT_EQ(a->under_way.front().part->id, first);
}

TEST_F(DispatcherRequests, ARemovedMessageLeavesAndIsNotTried) {
  begin();
  const auto id = deferred();
  EXPECT_EQ(ask(Request::remove, {id, QueueId{1}}), 1U) << "the other never existed";
  EXPECT_TRUE(is_gone(id));
  EXPECT_EQ(told.gone, std::vector{id.value});
  pass(24h);
  EXPECT_EQ(a->seen.size(), 1U);
}

TEST_F(DispatcherRequests, DuringAnAttemptTheyWaitForItsOutcome) {
  begin();
  const auto removed = queue({"ann@a.example"});
  const auto held = queue({"ben@a.example"});
  const auto lucky = queue({"cora@a.example"});
  pass();
  ASSERT_EQ(a->under_way.size(), 3U);
  EXPECT_EQ(ask(Request::remove, {removed, lucky}), 2U);
  EXPECT_EQ(ask(Request::hold, {held, removed}), 1U);
  EXPECT_FALSE(is_gone(removed));
  EXPECT_TRUE(is_held(removed)) << "a crash now leaves it held";
  EXPECT_TRUE(is_held(held));
  a->end(a->same(Outcome::deferred, "451 later"));
  a->end(a->same(Outcome::deferred, "451 later"));
  a->end(a->same(Outcome::accepted, "250 ok"));
  pass();
  EXPECT_TRUE(is_gone(removed)) << "nothing undoes a removal";
  EXPECT_TRUE(is_held(held));
  EXPECT_TRUE(is_gone(lucky));
  pass(24h);
  EXPECT_EQ(a->seen.size(), 3U);
}

TEST_F(DispatcherRequests, OfOneMessageNamedTwiceAreOne) {
  a = std::make_shared<ScriptedCarrier>(1);
  routes->carriers["a.example"] = a;
  begin();
  const auto id = deferred();
  const auto other = queue({"x@a.example"});
  pass();
  ASSERT_EQ(a->under_way.size(), 1U);
  EXPECT_EQ(ask(Request::flush, {id, id, other, other}), 2U);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(a->under_way.size(), 1U);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_TRUE(is_gone(id));
  EXPECT_EQ(a->seen.size(), 3U);
}

TEST_F(DispatcherRequests, ThatOvertakeTheMessageCauseNoSecondAttempt) {
  begin();
  const auto id = put({"ann@a.example"});
  dispatcher->request(Request::flush, {id}, [](std::size_t) {});
  pass();
  dispatcher->add(id);
  pass();
  EXPECT_EQ(a->seen.size(), 1U);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_TRUE(is_gone(id));
}

TEST_F(DispatcherRequests, AFlushKeepsTheDateThatTheSenderAskedFor) {
  begin();
  const auto id = queue({"ann@a.example"}, {}, noon + 3'600'000);
  pass();
  EXPECT_EQ(ask(Request::flush, {id}), 0U);
  EXPECT_TRUE(a->seen.empty());
  pass(61min);
  EXPECT_EQ(a->seen.size(), 1U);
}

TEST_F(DispatcherRequests, TakeMessagesOutOfTheLine) {
  a = std::make_shared<ScriptedCarrier>(1);
  routes->carriers["a.example"] = a;
  begin();
  const auto first = queue({"ann@a.example"});
  const auto second = queue({"ben@a.example"});
  const auto third = queue({"cora@a.example"});
  pass();
  EXPECT_EQ(find(first).place, Place::attempt);
  const auto in_line = find(second);
  EXPECT_EQ(in_line.place, Place::line);
  EXPECT_EQ(in_line.site, "a.example");
  EXPECT_EQ(in_line.under_way, 1U);
  EXPECT_EQ(in_line.limit, 1U);
  ask(Request::hold, {second});
  EXPECT_EQ(find(second).place, Place::waiting);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  ASSERT_EQ(a->under_way.size(), 1U);
  EXPECT_EQ(a->under_way.front().part->id, third);
  ask(Request::release, {second});
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_TRUE(is_gone(second));
}

TEST_F(DispatcherRequests, OfAMessageWithPartsInALineAndUnderWay) {
  a = std::make_shared<ScriptedCarrier>(1);
  routes->carriers["a.example"] = a;
  begin();
  queue({"x@a.example"});
  pass();
  const auto id = queue({"ann@a.example", "ben@b.example"});
  pass();
  ASSERT_EQ(b->under_way.size(), 1U);
  ask(Request::hold, {id});
  b->end_all(Outcome::deferred, "451 later");
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_TRUE(a->under_way.empty()) << "its part in the line is not tried";
  EXPECT_TRUE(is_held(id));
  ask(Request::release, {id});
  ASSERT_EQ(a->under_way.size(), 1U);
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  pass(2min);
  EXPECT_EQ(b->under_way.size(), 1U);
}

TEST_F(DispatcherRequests, WhereASiteIsPausedItSaysWhy) {
  begin();
  queue({"ann@a.example"});
  pass();
  refuse_one();
  pass();
  const auto id = queue({"ben@a.example"});
  pass();
  const auto found = find(id);
  EXPECT_EQ(found.place, Place::line);
  EXPECT_EQ(found.site_trouble, refusal);
  EXPECT_GT(found.pause, 0ms);
}

TEST_F(DispatcherRequests, AfterTheEndTheyAreAnswered) {
  begin();
  const auto id = put({"ann@nowhere.example"});
  dispatcher->start();
  dispatcher->stop(std::chrono::steady_clock::now());
  std::optional<std::size_t> count;
  dispatcher->request(Request::hold, {id}, [&](std::size_t done) { count = done; });
  EXPECT_EQ(count, 0U);
  bool is_found = false;
  dispatcher->find(id, [&](const Whereabouts&) { is_found = true; });
  EXPECT_TRUE(is_found);
}

}  // namespace
}  // namespace postroad::queue
