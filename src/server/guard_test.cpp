// The limits of a client and of a login, by a clock that the test sets.
#include "server/guard.hpp"

#include <gtest/gtest.h>

namespace postroad::server {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;

constexpr Guard::Time start = Guard::Time(1000h);

GuardSettings settings(Counted what, Rate client, Rate login = {}) {
  GuardSettings made;
  made.client[static_cast<std::size_t>(what)] = client;
  made.login[static_cast<std::size_t>(what)] = login;
  return made;
}

int taken(Guard::Visit& visit, Counted what, Guard::Time now, int tries) {
  int n = 0;
  for (int i = 0; i < tries; ++i) n += visit.take(what, now) ? 1 : 0;
  return n;
}

TEST(Guard, ABucketIsEmptiedAndFillsEvenly) {
  Guard guard(settings(Counted::messages, {10, 60s}));
  auto visit = guard.enter(make_address("192.0.2.1"), start);
  EXPECT_EQ(taken(visit, Counted::messages, start, 20), 10);
  EXPECT_EQ(taken(visit, Counted::messages, start + 5s, 20), 0);
  EXPECT_EQ(taken(visit, Counted::messages, start + 6s, 20), 1);
  EXPECT_EQ(taken(visit, Counted::messages, start + 36s, 20), 5);
  EXPECT_EQ(taken(visit, Counted::messages, start + 1h, 20), 10);
  EXPECT_EQ(taken(visit, Counted::recipients, start, 20), 20) << "no limit for these";
}

TEST(Guard, AnAddressIsAClientAndSixtyFourBitsOfIPv6) {
  Guard guard(settings(Counted::messages, {1, 60s}));
  const std::pair<const char*, int> table[] = {
      {"192.0.2.1", 1},        {"192.0.2.1", 0},       {"192.0.2.2", 1},
      {"::ffff:192.0.2.2", 0}, {"2001:db8:0:1::1", 1}, {"2001:db8:0:1:ffff::9", 0},
      {"2001:db8:0:2::1", 1},
  };
  for (const auto& [address, expected] : table) {
    auto visit = guard.enter(make_address(address), start);
    EXPECT_EQ(taken(visit, Counted::messages, start, 1), expected) << address;
  }
}

TEST(Guard, ALoginIsOneFromWherever) {
  Guard guard(settings(Counted::messages, {100, 60s}, {2, 60s}));
  auto here = guard.enter(make_address("192.0.2.1"), start);
  auto there = guard.enter(make_address("192.0.2.2"), start);
  EXPECT_EQ(here.log_in("ann", start), "");
  EXPECT_EQ(there.log_in("ann", start), "");
  EXPECT_TRUE(here.take(Counted::messages, start));
  EXPECT_TRUE(there.take(Counted::messages, start));
  EXPECT_FALSE(here.take(Counted::messages, start));
  EXPECT_EQ(here.log_in("bob", start), "");
  EXPECT_TRUE(here.take(Counted::messages, start));
}

TEST(Guard, ALoginIsLimitedWhereTheClientIsExempt) {
  auto with = settings(Counted::messages, {1, 60s}, {2, 60s});
  with.exempt = {net::Network::parse("127.0.0.0/8").value()};
  Guard guard(with);
  auto visit = guard.enter(make_address("127.0.0.1"), start);
  EXPECT_EQ(taken(visit, Counted::messages, start, 10), 10);
  EXPECT_EQ(visit.log_in("ann", start), "");
  EXPECT_EQ(taken(visit, Counted::messages, start, 10), 2);
}

// Failed logins of a client lock out no other client, and no exempt one; its own count against it.
TEST(Guard, WhoIsExemptIsNotKeptOutByOthersGuesses) {
  auto with = settings(Counted::failed_logins, {100, 60s}, {2, 60s});
  with.exempt = {net::Network::parse("127.0.0.0/8").value()};
  Guard guard(with);
  auto stranger = guard.enter(make_address("192.0.2.1"), start);
  while (stranger.try_password("ann", start)) stranger.tried_password("ann", false, start);
  auto visit = guard.enter(make_address("127.0.0.1"), start);
  EXPECT_TRUE(visit.try_password("ann", start));
  visit.tried_password("ann", false, start);
  EXPECT_FALSE(guard.enter(make_address("127.0.0.1"), start).try_password("ann", start));
}

TEST(Guard, WhoLogsOutCountsForTheLoginNoMore) {
  GuardSettings with;
  with.sessions_of_login = 1;
  Guard guard(with);
  auto first = guard.enter(make_address("192.0.2.1"), start);
  auto second = guard.enter(make_address("192.0.2.1"), start);
  EXPECT_EQ(first.log_in("ann", start), "");
  EXPECT_EQ(second.log_in("ann", start), "sessions");
  first.log_out();
  first.log_out();
  EXPECT_EQ(second.log_in("ann", start), "");
}

TEST(Guard, ALoginHasSoManySessionsConnectionsAndErrors) {
  GuardSettings with;
  with.sessions_of_login = 1;
  with.login[static_cast<std::size_t>(Counted::connections)] = {3, 60s};
  with.login[static_cast<std::size_t>(Counted::errors)] = {5, 60s};
  Guard guard(with);
  const auto address = make_address("192.0.2.1");
  {
    auto first = guard.enter(address, start);
    auto second = guard.enter(address, start);
    EXPECT_EQ(first.log_in("ann", start), "");
    EXPECT_EQ(second.log_in("ann", start), "sessions");
    EXPECT_EQ(second.log_in("bob", start), "");
  }
  const auto log_in = [&](std::uint64_t errors) {
    auto visit = guard.enter(address, start);
    const auto limit = visit.log_in("ann", start);
    visit.charge(Counted::errors, errors, start);
    return limit;
  };
  EXPECT_EQ(log_in(0), "");
  EXPECT_EQ(log_in(0), "");
  EXPECT_EQ(log_in(9), "connections") << "and who is not in is charged nothing";
  {
    auto later = guard.enter(address, start + 60s);
    EXPECT_EQ(later.log_in("ann", start + 60s), "");
    later.charge(Counted::errors, 9, start + 60s);
  }
  EXPECT_EQ(guard.enter(address, start + 61s).log_in("ann", start + 61s), "errors");
}

// Rows 32 and 35: failed logins are counted before they are checked, also those at unknown names,
// and lock out no other client.
TEST(Guard, AGuessIsCountedBeforeItIsLookedAt) {
  Guard guard(settings(Counted::failed_logins, {3, 60s}, {100, 1h}));
  auto visit = guard.enter(make_address("192.0.2.1"), start);
  int tried = 0;
  for (int i = 0; i < 50; ++i) tried += visit.try_password("ann", start) ? 1 : 0;
  EXPECT_EQ(tried, 3) << "all at once, none answered yet";
  visit.tried_password("ann", true, start);
  EXPECT_TRUE(visit.try_password("ann", start)) << "a right one costs nothing";
}

TEST(Guard, WhoGuessesDoesNotKeepTheOwnerOut) {
  Guard guard(settings(Counted::failed_logins, {20, 60s}, {5, 1h}));
  const auto guess = [&](const char* from, Guard::Time now) {
    auto visit = guard.enter(make_address(from), now);
    const bool tried = visit.try_password("ann", now);
    if (tried) visit.tried_password("ann", false, now);
    return tried;
  };
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(guess("192.0.2.1", start));
  EXPECT_FALSE(guess("192.0.2.1", start)) << "the login has none left, and this client has guessed";
  EXPECT_TRUE(guess("192.0.2.9", start)) << "this one has not";
  EXPECT_FALSE(guess("192.0.2.9", start)) << "now it has";
  auto owner = guard.enter(make_address("192.0.2.50"), start);
  EXPECT_TRUE(owner.try_password("ann", start));
  owner.tried_password("ann", true, start);
  EXPECT_TRUE(owner.try_password("ann", start));
}

TEST(Guard, NamesThatNobodyHasAreForgottenFirst) {
  auto with = settings(Counted::failed_logins, {100'000, 1h}, {1, 1h});
  with.most_accounts = 100;
  Guard guard(with);
  auto bad = guard.enter(make_address("192.0.2.1"), start);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(bad.try_password("name" + std::to_string(i), start));
    EXPECT_LE(guard.accounts(), 101U);
  }
  auto good = guard.enter(make_address("192.0.2.2"), start);
  EXPECT_EQ(good.log_in("ann", start), "");
}

TEST(Guard, AChargeBeyondTheBucketIsPaidOff) {
  Guard guard(settings(Counted::bytes, {1000, 60s}));
  auto visit = guard.enter(make_address("192.0.2.1"), start);
  visit.charge(Counted::bytes, 1'000'000'000, start);
  EXPECT_FALSE(visit.has(Counted::bytes, start + 539s));
  EXPECT_TRUE(visit.has(Counted::bytes, start + 541s)) << "ten periods at most";
}

TEST(Guard, SessionsAreCountedWhileTheyAreOpen) {
  GuardSettings two;
  two.sessions_of_client = 2;
  Guard guard(two);
  const auto address = make_address("192.0.2.1");
  auto first = guard.enter(address, start);
  {
    auto second = guard.enter(address, start);
    auto third = guard.enter(address, start);
    EXPECT_FALSE(third.may_stay());
  }
  EXPECT_TRUE(guard.enter(address, start).may_stay());
}

TEST(Guard, TheExemptAreNotCounted) {
  auto with = settings(Counted::messages, {1, 60s});
  with.exempt = {net::Network::parse("127.0.0.0/8").value()};
  Guard guard(with);
  auto visit = guard.enter(make_address("127.1.2.3"), start);
  EXPECT_EQ(taken(visit, Counted::messages, start, 50), 50);
}

// Memory is bounded whatever addresses connect, and no client is charged for another one.
TEST(Guard, RemembersABoundedNumber) {
  auto with = settings(Counted::errors, {10, 60s});
  with.most_accounts = 100;
  Guard guard(with);
  for (unsigned i = 0; i < 1000; ++i) {
    auto visit = guard.enter(boost::asio::ip::address_v4(0xc0000200 + i), start);
    EXPECT_TRUE(visit.has(Counted::errors, start)) << i;
    visit.charge(Counted::errors, 20, start);
    EXPECT_LE(guard.accounts(), 100U);
  }
}

TEST(Guard, WhoOwesLeastIsForgotten) {
  auto with = settings(Counted::errors, {10, 60s});
  with.most_accounts = 100;
  Guard guard(with);
  const auto worst = make_address("198.51.100.1");
  guard.enter(worst, start).charge(Counted::errors, 100, start);
  for (unsigned i = 0; i < 1000; ++i) {
    auto visit = guard.enter(boost::asio::ip::address_v4(0xc0000200 + i), start);
    visit.charge(Counted::errors, 1, start);
  }
  EXPECT_FALSE(guard.enter(worst, start).has(Counted::errors, start));
}

TEST(Guard, NewLimitsKeepWhatWasUsed) {
  Guard guard(settings(Counted::messages, {10, 60s}));
  auto visit = guard.enter(make_address("192.0.2.1"), start);
  EXPECT_EQ(taken(visit, Counted::messages, start, 10), 10);
  guard.configure(settings(Counted::messages, {5, 60s}));
  EXPECT_EQ(taken(visit, Counted::messages, start, 10), 0);
  guard.configure({});
  EXPECT_EQ(taken(visit, Counted::messages, start, 10), 10);
}

}  // namespace
}  // namespace postroad::server
