// The dispatcher by hand: messages whose destinations' sites are looked up first. The fixture is
// dispatcher_fixture.hpp.
#include "queue/dispatcher_fixture.hpp"

namespace postroad::queue {
namespace {

struct DispatcherLookups : DispatcherTest {
  DispatcherLookups() {
    for (const auto* domain : {"c.example", "d.example"}) routes->carriers[domain] = a;
    routes->unknown = {"c.example", "d.example"};
  }
  // The site of the domain is known from now on.
  void answer(const std::string& domain, const std::string& site) {
    routes->unknown.erase(domain);
    routes->moved[domain] = site;
    routes->carriers[site] = a;
    for (const auto& [searched, found] : a->searches)
      if (searched == domain) found();
    std::erase_if(a->searches, [&](const auto& one) { return one.first == domain; });
    pass();
  }
  Whereabouts where(QueueId id) {
    Whereabouts found;
    dispatcher->find(id, [&](const Whereabouts& at) { found = at; });
    pass();
    return found;
  }
};

TEST_F(DispatcherLookups, NoAttemptBeginsBeforeTheSiteIsKnown) {
  begin();
  const auto id = queue({"x@c.example"});
  queue({"y@c.example"});
  pass();
  EXPECT_TRUE(a->under_way.empty());
  EXPECT_EQ(a->searches.size(), 1U) << "one search for both";
  EXPECT_EQ(where(id).place, Whereabouts::Place::lookup);
  EXPECT_EQ(where(id).destination, "c.example");
  answer("c.example", "mx:mx.example");
  ASSERT_EQ(a->under_way.size(), 2U);
  EXPECT_EQ(where(id).site, "mx:mx.example");
}

TEST_F(DispatcherLookups, DestinationsWithTheSameHostsShareOneLimit) {
  a = std::make_shared<ScriptedCarrier>(3);
  for (const auto* domain : {"c.example", "d.example"}) routes->carriers[domain] = a;
  begin();
  for (int i = 0; i < 5; ++i) {
    queue({"x@c.example"});
    queue({"x@d.example"});
  }
  pass();
  answer("c.example", "mx:mx.example");
  answer("d.example", "mx:mx.example");
  EXPECT_EQ(a->under_way.size(), 3U);
}

TEST_F(DispatcherLookups, AMessageForOtherDestinationsWaitsForItsOwnLookupsOnly) {
  begin();
  const auto id = queue({"x@c.example", "x@b.example"});
  queue({"y@b.example"});
  pass();
  EXPECT_EQ(b->under_way.size(), 1U) << "another message goes on";
  answer("c.example", "mx:mx.example");
  EXPECT_EQ(b->under_way.size(), 2U);
  EXPECT_EQ(a->under_way.size(), 1U);
  a->end_all(Outcome::accepted, "250 ok");
  b->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(state(id), State::delivered);
}

TEST_F(DispatcherLookups, AHoldDuringTheLookupHolds) {
  begin();
  const auto id = queue({"x@c.example"});
  pass();
  std::size_t served = 0;
  dispatcher->request(Request::hold, {id}, [&](std::size_t count) { served = count; });
  pass();
  EXPECT_EQ(served, 1U);
  answer("c.example", "mx:mx.example");
  EXPECT_TRUE(a->under_way.empty());
  dispatcher->request(Request::release, {id}, [](std::size_t) {});
  pass();
  EXPECT_EQ(a->under_way.size(), 1U);
}

TEST_F(DispatcherLookups, AFlushDuringTheLookupIsKept) {
  begin();
  const auto id = queue({"x@c.example"});
  pass();
  answer("c.example", "mx:mx.example");
  a->end_all(Outcome::deferred, "451 later");
  pass();
  routes->unknown = {"c.example"};
  dispatcher->request(Request::flush, {id}, [](std::size_t) {});
  pass();
  EXPECT_EQ(a->searches.size(), 1U) << "nothing is known any longer";
  answer("c.example", "mx:mx.example");
  EXPECT_EQ(a->under_way.size(), 1U) << "it is due by the flush alone";
}

TEST_F(DispatcherLookups, ARemovalDuringTheLookupRemoves) {
  begin();
  const auto id = queue({"x@c.example"});
  pass();
  dispatcher->request(Request::remove, {id}, [](std::size_t) {});
  pass();
  answer("c.example", "mx:mx.example");
  EXPECT_TRUE(a->under_way.empty());
  EXPECT_EQ(told.gone, std::vector<std::uint64_t>{id.value});
}

TEST_F(DispatcherLookups, AKnownSiteIsUsedWhileItIsLookedUpAgain) {
  begin();
  routes->unknown = {"c.example"};
  routes->stale = {"c.example"};
  for (int i = 0; i < 3; ++i) queue({"x@c.example"});
  pass();
  EXPECT_EQ(a->under_way.size(), 3U);
  EXPECT_EQ(a->searches.size(), 1U);
}

TEST_F(DispatcherLookups, AMessageWaitsForALookupOnce) {
  begin();
  queue({"x@c.example"});
  pass();
  a->searches.front().second();  // the DNS failed: the site is still unknown
  pass();
  EXPECT_EQ(a->under_way.size(), 1U) << "an attempt says what is wrong";
}

TEST_F(DispatcherLookups, WhatWaitsInALineDoesNotLoseItsPlaceByALookup) {
  a = std::make_shared<ScriptedCarrier>(1);
  routes->carriers["c.example"] = a;
  begin();
  for (int i = 0; i < 3; ++i) queue({"x@c.example"});
  pass();
  answer("c.example", "mx:mx.example");
  routes->unknown = {"c.example"};  // what is known is old now
  a->end_all(Outcome::accepted, "250 ok");
  pass();
  EXPECT_EQ(a->under_way.size(), 1U);
  EXPECT_TRUE(a->searches.empty());
}

}  // namespace
}  // namespace postroad::queue
