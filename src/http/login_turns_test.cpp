// Turns come in order, never more than the bound at once, and none is lost: not with a login that
// gives up, and not with an io_context that is destroyed.
#include "http/login_turns.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "net/as_values.hpp"

namespace postroad::http {
namespace {

namespace asio = boost::asio;
using net::as_values;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

proto::Time in(milliseconds time) { return proto::Clock::now() + time; }

/// Logins by number. Each notes its turn and keeps it until `end`; one that gives up notes its
/// number below zero.
class Logins {
 public:
  explicit Logins(LoginTurns& turns) : turns_(turns) {}

  [[nodiscard]] bool add(asio::io_context& context, int number, proto::Time deadline) {
    auto place = turns_.enter();
    if (!place) return false;
    auto end = std::make_shared<asio::steady_timer>(context, proto::Time::max());
    ends_.emplace_back(number, end);
    asio::co_spawn(context, check(std::move(*place), number, deadline, std::move(end), noted),
                   asio::detached);
    context.restart();
    context.poll();
    return true;
  }
  void end(int number) {
    const auto found = std::find_if(ends_.begin(), ends_.end(),
                                    [&](const auto& one) { return one.first == number; });
    ASSERT_NE(found, ends_.end());
    if (const auto timer = found->second.lock()) timer->cancel();
  }

  std::vector<int> noted;

 private:
  static asio::awaitable<void> check(LoginTurns::Place place, int number, proto::Time deadline,
                                     std::shared_ptr<asio::steady_timer> end,
                                     std::vector<int>& noted) {
    const bool has_turn = co_await place.turn(deadline);
    noted.push_back(has_turn ? number : -number);
    if (has_turn) (void)co_await end->async_wait(as_values);
  }

  LoginTurns& turns_;
  std::vector<std::pair<int, std::weak_ptr<asio::steady_timer>>> ends_;
};

void poll(asio::io_context& context) {
  context.restart();
  context.poll();
}

TEST(LoginTurns, ComeInOrderAndWithinTheBound) {
  LoginTurns turns(2, 4);
  asio::io_context context(1);
  Logins logins(turns);
  for (int i = 1; i <= 4; ++i) EXPECT_TRUE(logins.add(context, i, in(seconds(60)))) << i;
  EXPECT_FALSE(logins.add(context, 5, in(seconds(60)))) << "four have a place already";
  EXPECT_THAT(logins.noted, ElementsAre(1, 2));
  logins.end(2);
  poll(context);
  EXPECT_THAT(logins.noted, ElementsAre(1, 2, 3));
  EXPECT_TRUE(logins.add(context, 6, in(seconds(60)))) << "the place of the second is free";
  EXPECT_THAT(logins.noted, ElementsAre(1, 2, 3)) << "and its turn is the third's";
  for (const int number : {1, 3, 4, 6}) {
    logins.end(number);
    poll(context);
  }
  EXPECT_THAT(logins.noted, ElementsAre(1, 2, 3, 4, 6));
  for (int i = 7; i <= 8; ++i) EXPECT_TRUE(logins.add(context, i, in(seconds(60)))) << i;
  EXPECT_THAT(logins.noted, ElementsAre(1, 2, 3, 4, 6, 7, 8)) << "both turns are free again";
}

TEST(LoginTurns, PassALoginOverThatGaveUp) {
  LoginTurns turns(1, 3);
  asio::io_context context(1);
  Logins logins(turns);
  EXPECT_TRUE(logins.add(context, 1, in(seconds(60))));
  EXPECT_TRUE(logins.add(context, 2, in(milliseconds(10))));
  EXPECT_TRUE(logins.add(context, 3, in(seconds(60))));
  context.restart();
  while (logins.noted.size() < 2) context.run_one();
  EXPECT_THAT(logins.noted, ElementsAre(1, -2));
  EXPECT_TRUE(logins.add(context, 4, in(seconds(60)))) << "its place is free";
  logins.end(1);
  poll(context);
  EXPECT_THAT(logins.noted, ElementsAre(1, -2, 3));
}

TEST(LoginTurns, ThatWereNeverWaitedForGiveTheirPlaceBack) {
  LoginTurns turns(1, 1);
  EXPECT_TRUE(turns.enter());
  auto place = turns.enter();
  EXPECT_TRUE(place);
  EXPECT_FALSE(turns.enter());
  { const auto moved = std::move(*place); }
  EXPECT_TRUE(turns.enter());
}

// A server that stops destroys the coroutines where they wait: with a turn, for one, or before they
// began.
TEST(LoginTurns, PassOnWhenALoopIsDestroyed) {
  LoginTurns turns(1, 5);
  Logins logins(turns);
  asio::io_context last(1);
  {
    auto first = std::make_unique<asio::io_context>(1);
    asio::io_context second(1);
    EXPECT_TRUE(logins.add(*first, 1, in(seconds(60))));
    EXPECT_TRUE(logins.add(*first, 2, in(seconds(60))));
    EXPECT_TRUE(logins.add(second, 3, in(seconds(60))));
    EXPECT_TRUE(logins.add(last, 4, in(seconds(60))));
    first.reset();  // the first has its turn, the second waits for it
    poll(second);
    EXPECT_THAT(logins.noted, ElementsAre(1, 3));
  }
  poll(last);
  EXPECT_THAT(logins.noted, ElementsAre(1, 3, 4));
  logins.end(4);
  poll(last);
  std::vector<LoginTurns::Place> places;
  for (int i = 0; i < 5; ++i) {
    auto place = turns.enter();
    ASSERT_TRUE(place) << i;
    places.push_back(std::move(*place));
  }
}

asio::awaitable<void> count(LoginTurns::Place place, std::atomic<int>& running,
                            std::atomic<int>& most, std::atomic<int>& served) {
  const bool has_turn = co_await place.turn(in(seconds(60)));
  if (!has_turn) co_return;
  const int now = ++running;
  int before = most.load();
  while (before < now && !most.compare_exchange_weak(before, now)) {
  }
  co_await asio::post(asio::use_awaitable);
  --running;
  ++served;
}

TEST(LoginTurns, HoldForAllThreadsTogether) {
  constexpr unsigned bound = 3;
  constexpr int logins = 200;
  LoginTurns turns(bound, 4 * logins);
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  std::atomic<int> served = 0;
  std::vector<std::unique_ptr<asio::io_context>> contexts;
  for (int i = 0; i < 4; ++i) {
    contexts.push_back(std::make_unique<asio::io_context>(1));
    for (int j = 0; j < logins; ++j) {
      auto place = turns.enter();
      ASSERT_TRUE(place);
      asio::co_spawn(*contexts.back(), count(std::move(*place), running, most, served),
                     asio::detached);
    }
  }
  std::vector<std::thread> threads;
  for (auto& context : contexts) threads.emplace_back([&context] { context->run(); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(served, 4 * logins);
  EXPECT_LE(most, static_cast<int>(bound));
}

}  // namespace
}  // namespace postroad::http
