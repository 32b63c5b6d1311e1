// The pool when failures coincide: deadlines, cancellations, sources that throw, relays without an
// extension. Each case was a bug once.
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <postroad/pool.hpp>
#include <postroad/testing.hpp>
#include <stdexcept>
#include <thread>
#include <vector>

#include "pool_support.hpp"

namespace postroad {
namespace {

using testing::Act;

// Holds the pool's thread in the callback of a message without recipients.
class Hold final {
 public:
  explicit Hold(Pool& pool) {
    pool.start_send(Message{}, [this](const Result<SendReport>&) {
      std::unique_lock lock(mutex_);
      has_begun_ = true;
      bell_.notify_all();
      bell_.wait(lock, [this] { return is_over_; });
      has_ended_ = true;
      bell_.notify_all();
    });
    std::unique_lock lock(mutex_);
    bell_.wait(lock, [this] { return has_begun_; });
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() {
    std::unique_lock lock(mutex_);
    is_over_ = true;
    bell_.notify_all();
    bell_.wait(lock, [this] { return has_ended_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable bell_;
  bool has_begun_ = false;
  bool is_over_ = false;
  bool has_ended_ = false;
};

// Metrics send no notification: polls them, for as long as a test may take.
bool eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

// The end of one call.
class Ending final {
 public:
  Pool::Callback callback() {
    return [this](Result<SendReport> report) { promise_.set_value(std::move(report)); };
  }
  bool came(std::chrono::milliseconds within) {
    return future_.wait_for(within) == std::future_status::ready;
  }
  Result<SendReport> get() {
    if (!came(patience)) return fail(Fault::busy, "the test", "the call never ended");
    return future_.get();
  }

 private:
  std::promise<Result<SendReport>> promise_;
  std::future<Result<SendReport>> future_ = promise_.get_future();
};

// A server that holds back its reply to the end of the first message.
class Paused final {
 public:
  explicit Paused(testing::Server& server) {
    server.decide_by([this](Stage stage, std::string_view, std::uint64_t) -> Act {
      if (stage != Stage::end_of_data || std::exchange(is_used_, true)) return {};
      at_.set_value();
      go_.get_future().wait();
      return {};
    });
  }
  void wait() { at_.get_future().wait(); }
  void go_on() { go_.set_value(); }

 private:
  bool is_used_ = false;
  std::promise<void> at_;
  std::promise<void> go_;
};

TEST(Pool, ADeadlineThatPassesAsItsCallEndsHarmsNothing) {
  testing::Server server;
  ClientOptions options;
  options.timeouts.overall = 1s;
  Ending ending;
  Pool pool({server.url()}, options, {.connections = 1});
  ASSERT_TRUE(pool.send(mail("b@y.example")));
  Paused paused(server);
  pool.start_send(mail("b@y.example"), ending.callback());
  paused.wait();
  {
    const Hold hold(pool);
    paused.go_on();
    EXPECT_FALSE(ending.came(1100ms)) << "the pool's thread is held";
  }
  const auto report = ending.get();
  ASSERT_TRUE(report) << report.error();
  EXPECT_TRUE(report->all_accepted());
  EXPECT_TRUE(pool.close(patience));
}

TEST(Pool, ASourceThatThrowsTakesNoConnectionWithIt) {
  struct Throws final : MessageSource {
    Result<std::string_view> next() override { throw std::runtime_error("no more"); }
  };
  testing::Server server;
  Ending ending;
  Pool pool({server.url()}, {}, {.connections = 1});
  const Envelope envelope{Mailbox{"a", "x.example"}, {Mailbox{"b", "y.example"}}, {}, {}};
  Throws source;
  const auto broken = pool.send(envelope, source);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().fault, Fault::io);
  pool.start_send(mail("b@y.example"), ending.callback());
  ASSERT_TRUE(ending.came(5s)) << "it waits for a connection that no call has";
  EXPECT_TRUE(ending.get());
}

TEST(Relays, AllOrNoneHoldsOverAllRelays) {
  testing::Server first;
  testing::Server second;
  first.at(Stage::rcpt, "bad@y.example").refuse({550, {5, 1, 1}, "no such user"});
  ClientOptions options;
  options.recipient_policy = RecipientPolicy::all_or_none;
  Pool pool({first.url(), second.url()}, options, quick());
  const auto report = pool.send(mail("b@y.example, bad@y.example"));
  ASSERT_TRUE(report) << report.error();
  EXPECT_EQ(report->recipients[0].outcome, Outcome::deferred);
  EXPECT_EQ(report->recipients[1].outcome, Outcome::refused);
  EXPECT_EQ(first.received().size() + second.received().size(), 0U);
  EXPECT_EQ(pool.metrics().relay_failures, 0U);
}

TEST(Relays, AllOrNoneIsNotSplit) {
  testing::Server server({.extensions = {"LIMITS"}, .max_recipients = 1});
  server.at(Stage::rcpt, "bad@y.example").refuse({550, {5, 1, 1}, "no such user"});
  ClientOptions options;
  options.recipient_policy = RecipientPolicy::all_or_none;
  Pool pool({server.url()}, options, quick());
  (void)pool.send(mail("b@y.example, bad@y.example"));
  EXPECT_EQ(server.received().size(), 0U);
}

TEST(Pool, AConnectionThatIsFreeGoesToTheNextWhenTheFirstWasCancelled) {
  testing::Server server;
  Paused paused(server);
  PoolOptions options{
      .relay_order = RelayOrder::round_robin, .connections = 1, .initial_pause = 60s};
  Ending first;
  Ending second;
  Ending third;
  Pool pool({server.url(), "smtp://127.0.0.1:1", "smtp://127.0.0.1:2"}, {}, options);
  pool.start_send(mail("b@y.example"), first.callback());
  paused.wait();
  // Both wait for the one connection to the first relay: the others are down and paused.
  const auto ticket = pool.start_send(mail("c@y.example"), second.callback());
  ASSERT_TRUE(eventually([&] { return pool.metrics().relay_failures == 2; }));
  pool.start_send(mail("d@y.example"), third.callback());
  ASSERT_TRUE(eventually([&] { return pool.metrics().under_way == 3; }));
  {
    const Hold hold(pool);
    paused.go_on();
    ASSERT_TRUE(server.wait_for(1, patience));
    pool.cancel(ticket);
  }
  EXPECT_TRUE(first.get());
  EXPECT_FALSE(second.get());
  ASSERT_TRUE(third.came(5s)) << "it was not told that the connection is free";
  EXPECT_TRUE(third.get());
}

TEST(Pool, ACallThatWaitsForARelayIsCancelledAsAnyOther) {
  ClientOptions client;
  client.timeouts.overall = 1500ms;
  for (const bool by_deadline : {false, true}) {
    Ending ending;
    Pool pool({"smtp://127.0.0.1:1"}, by_deadline ? client : ClientOptions{},
              {.initial_pause = 60s, .max_pause = 60s, .patience = 60s + 1s});
    ASSERT_EQ(pool.send(mail("b@y.example")).error().fault, Fault::connect);
    const auto ticket = pool.start_send(mail("b@y.example"), ending.callback());
    ASSERT_TRUE(eventually([&] { return pool.metrics().under_way == 1; }));
    { const Hold until_it_waits(pool); }
    if (!by_deadline) pool.cancel(ticket);
    const auto report = ending.get();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().fault, by_deadline ? Fault::timeout : Fault::cancelled);
  }
}

TEST(Relays, ACancelledCallPausesNoRelay) {
  testing::Server server;
  server.at(Stage::rcpt, "bad@y.example").refuse({550, {5, 1, 1}, "no such user"});
  ClientOptions options;
  options.pipelining = false;
  options.timeouts.overall = 1s;
  Pool pool({server.url()}, options, {.initial_pause = 60s, .patience = 10ms});
  ASSERT_TRUE(pool.send(mail("b@y.example")));
  server.at(Stage::data).stall();
  const auto cut = pool.send(mail("b@y.example, bad@y.example"));
  ASSERT_TRUE(cut) << cut.error();
  EXPECT_EQ(cut->recipients[0].outcome, Outcome::deferred);
  EXPECT_EQ(cut->recipients[1].outcome, Outcome::refused);
  EXPECT_EQ(pool.metrics().relay_failures, 0U);
  server.at(Stage::data).accept();
  const auto report = pool.send(mail("b@y.example"));
  EXPECT_TRUE(report) << report.error();
}

TEST(Relays, ALackingExtensionIsNotTheErrorWhileARelayIsDown) {
  testing::Server plain;
  Message message = mail("b@y.example");
  const auto source = message.source();
  Envelope envelope{Mailbox{"a", "x.example"}, {Mailbox{"b", "y.example"}}, {}, {}};
  envelope.options.envelope_id = "4711";  // needs DSN
  auto options = quick();
  options.patience = 1ms;
  for (const bool down_first : {true, false}) {
    std::vector<std::string> urls{plain.url(), "smtp://127.0.0.1:1"};
    if (down_first) std::swap(urls[0], urls[1]);
    Pool pool(urls, {}, options);
    for (int i = 0; i < 5; ++i) {
      const auto report = pool.send(envelope, **source);
      ASSERT_FALSE(report);
      EXPECT_TRUE(report.error().is_temporary()) << report.error();
    }
  }
}

TEST(Relays, AMessageThatNeedsAnExtensionPausesNoRelay) {
  testing::Server server;
  Pool pool({server.url()}, {}, {.initial_pause = 60s, .patience = 10ms});
  const auto message = mail("b@y.example");
  const auto source = message.source();
  Envelope envelope{Mailbox{"a", "x.example"}, {Mailbox{"b", "y.example"}}, {}, {}};
  envelope.options.require_tls = true;
  const auto lacks = pool.send(envelope, **source);
  ASSERT_FALSE(lacks);
  EXPECT_EQ(lacks.error().fault, Fault::tls_required);
  const auto report = pool.send(mail("b@y.example"));
  EXPECT_TRUE(report) << report.error();
}

TEST(Pool, TheOverallDeadlineHoldsWhileACallWaitsForItsTurn) {
  testing::Server server;
  server.at(Stage::mail).stall();
  ClientOptions options;
  options.timeouts.overall = 800ms;
  Ending one;
  Ending two;
  Ending three;
  std::vector<int> order;  // on the pool's thread until all have ended
  const auto noting = [&](int number, Ending& ending) {
    return [&order, number, done = ending.callback()](Result<SendReport> report) {
      order.push_back(number);
      done(std::move(report));
    };
  };
  Pool pool({server.url()}, options, {.connections = 1});
  pool.start_send(mail("b@y.example"), noting(1, one), 1);
  pool.start_send(mail("b@y.example"), noting(3, three), 3);
  (void)one.came(500ms);  // the next deadline is that much later
  pool.start_send(mail("b@y.example"), noting(2, two), 2);
  for (auto* ending : {&one, &two, &three}) {
    const auto report = ending->get();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().fault, Fault::timeout);
  }
  // The second caller's turn comes before the third's, whose deadline passes first.
  EXPECT_EQ(order.back(), 2);
}

}  // namespace
}  // namespace postroad
