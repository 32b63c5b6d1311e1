// The pool against the server for tests: real sockets, with faults at every step. What the pool
// says became of each recipient is what the server knows.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <map>
#include <postroad/pool.hpp>
#include <postroad/testing.hpp>
#include <random>
#include <set>
#include <thread>

namespace postroad {
namespace {

using testing::Act;
using testing::Step;
using namespace std::chrono_literals;

constexpr auto patience = 20s;

Message mail(const std::string& to, const std::string& subject = "hi") {
  return Message{}.from("a@x.example").to(to).subject(subject).text("hello");
}

PoolOptions quick() {
  PoolOptions options;
  options.first_pause = 1ms;
  options.longest_pause = 5ms;
  return options;
}

TEST(Pool, ManyThreadsFewConnections) {
  testing::Server server;
  Pool pool({server.url()}, {}, {.connections = 3});
  std::vector<std::thread> threads;
  std::atomic<int> accepted = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        const auto report = pool.send(mail("b@y.example"));
        if (report && report->all_accepted()) ++accepted;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(accepted, 200);
  EXPECT_EQ(server.received().size(), 200U);
  EXPECT_LE(server.sessions(), 3U);
  EXPECT_TRUE(pool.close(patience));
}

TEST(Pool, AConnectionIsReplacedAfterSoManyMails) {
  testing::Server server;
  Pool pool({server.url()}, {}, {.connections = 1, .mails_per_connection = 10});
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(pool.send(mail("b@y.example")));
  EXPECT_EQ(server.sessions(), 3U);
}

TEST(Row28, AConnectionThatTheServerClosedIsReplacedUnseen) {
  testing::Server server;
  Pool pool({server.url()}, {}, {.connections = 1});
  ASSERT_TRUE(pool.send(mail("b@y.example")));
  server.decide_by([](Step step, std::string_view, std::uint64_t session) {
    return step == Step::mail && session == 1 ? Act{Act::Kind::answer, {421, {4, 3, 2}, "closing"}}
                                              : Act{};
  });
  const auto report = pool.send(mail("b@y.example"));
  ASSERT_TRUE(report) << report.error();
  EXPECT_TRUE(report->all_accepted());
  EXPECT_EQ(server.sessions(), 2U);
}

TEST(Row28, NothingWaitsForEverWhenAllRelaysAreDown) {
  testing::Server server;
  server.at(Step::connect).refuse({421, {4, 3, 2}, "not today"});
  auto options = quick();
  options.patience = 50ms;
  Pool pool({server.url(), "smtp://127.0.0.1:1"}, {}, options);
  for (int i = 0; i < 5; ++i) {
    const auto report = pool.send(mail("b@y.example"));
    ASSERT_FALSE(report);
    EXPECT_TRUE(report.error().is_temporary());
  }
  EXPECT_TRUE(pool.close(patience));
}

TEST(Relays, ARelaysFaultGoesOnToTheNextAndAMailsFaultDoesNot) {
  testing::Server down;
  testing::Server up;
  down.at(Step::hello).refuse({421, {4, 3, 2}, "not today"});
  Pool pool({down.url(), up.url()}, {}, quick());
  const auto report = pool.send(mail("b@y.example"));
  ASSERT_TRUE(report) << report.error();
  EXPECT_TRUE(report->all_accepted());
  EXPECT_EQ(up.received().size(), 1U);

  testing::Server refuses;
  refuses.at(Step::rcpt).refuse({550, {5, 1, 1}, "no such user"});
  Pool other({refuses.url(), up.url()}, {}, quick());
  const auto refused = other.send(mail("b@y.example"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->recipients[0].outcome, Outcome::refused);
  EXPECT_EQ(up.received().size(), 1U);
}

TEST(Relays, WhoWasAcceptedIsNotSentToAgain) {
  testing::Server first({.lmtp = true});
  testing::Server second({.lmtp = true});
  // One is accepted, then the line breaks before the other's reply: that one is unknown.
  first.at(Step::rcpt, "c@y.example").refuse({421, {4, 3, 2}, "no more"});
  Pool pool({first.url(), second.url()}, {}, quick());
  const auto report = pool.send(mail("b@y.example, c@y.example"));
  ASSERT_TRUE(report) << report.error();
  EXPECT_TRUE(report->all_accepted());
  std::multiset<std::string> got;
  for (const auto* server : {&first, &second}) {
    for (const auto& one : server->received()) {
      for (const auto& to : one.envelope.recipients) got.insert(to.text());
    }
  }
  EXPECT_EQ(got, (std::multiset<std::string>{"b@y.example", "c@y.example"}));
}

TEST(Relays, RoundRobinSharesTheMails) {
  testing::Server one;
  testing::Server two;
  Pool pool({one.url(), two.url()}, {}, {.relays = Relays::round_robin, .connections = 1});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(pool.send(mail("b@y.example")));
  EXPECT_EQ(one.received().size(), 5U);
  EXPECT_EQ(two.received().size(), 5U);
}

TEST(Row15, AnUnknownOutcomeIsNeverTriedAgain) {
  testing::Server server;
  testing::Server other;
  server.at(Step::end_of_data).keep_and_cut();
  Pool pool({server.url(), other.url()}, {}, quick());
  const auto report = pool.send(mail("b@y.example"));
  ASSERT_TRUE(report) << report.error();
  EXPECT_EQ(report->recipients[0].outcome, Outcome::unknown);
  EXPECT_EQ(server.received().size(), 1U);
  EXPECT_EQ(other.received().size(), 0U);
}

TEST(Pool, CallersHaveTheirTurns) {
  testing::Server server;
  Pool pool({server.url()}, {}, {.connections = 1});
  std::mutex mutex;
  std::condition_variable bell;
  std::vector<int> order;
  const auto start = [&](int caller, int mails) {
    for (int i = 0; i < mails; ++i) {
      pool.start_send(
          mail("b@y.example"),
          [&, caller](const Result<SendReport>&) {
            const std::lock_guard lock(mutex);
            order.push_back(caller);
            bell.notify_all();
          },
          static_cast<std::uint64_t>(caller));
    }
  };
  start(1, 100);
  start(2, 3);
  std::unique_lock lock(mutex);
  ASSERT_TRUE(bell.wait_for(lock, patience, [&] { return order.size() == 103; }));
  const auto last = std::find(order.rbegin(), order.rend(), 2);
  EXPECT_LT(order.rend() - last, 80) << "the one with three waited for the one with a hundred";
}

TEST(Pool, ACallCanBeCancelledWhileItWaitsAndWhileItRuns) {
  testing::Server server;
  server.at(Step::mail).stall();
  Pool pool({server.url()}, {}, {.connections = 1});
  std::mutex mutex;
  std::condition_variable bell;
  std::vector<Fault> faults;
  const auto done = [&](const Result<SendReport>& report) {
    const std::lock_guard lock(mutex);
    faults.push_back(report ? Fault::io : report.error().fault);
    bell.notify_all();
  };
  const auto first = pool.start_send(mail("b@y.example"), done);
  const auto second = pool.start_send(mail("b@y.example"), done);
  pool.cancel(second);
  pool.cancel(first);
  std::unique_lock lock(mutex);
  ASSERT_TRUE(bell.wait_for(lock, patience, [&] { return faults.size() == 2; }));
  EXPECT_EQ(faults, (std::vector<Fault>{Fault::cancelled, Fault::cancelled}));
}

TEST(Pool, TheOverallDeadlineHolds) {
  testing::Server server;
  server.at(Step::mail).stall();
  ClientOptions options;
  options.overall_timeout = 100ms;
  Pool pool({server.url()}, options, {.connections = 1});
  const auto report = pool.send(mail("b@y.example"));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fault, Fault::timeout);
}

TEST(Pool, RecipientsAreSplitWhereTheServerAnnouncesHowManyItTakes) {
  testing::Server server({.extensions = {"LIMITS"}, .most_recipients = 3, .most_mails = 2});
  Pool pool({server.url()}, {}, {.connections = 1});
  std::string to;
  for (int i = 0; i < 10; ++i) to += (i ? ", r" : "r") + std::to_string(i) + "@y.example";
  const auto report = pool.send(mail(to));
  ASSERT_TRUE(report) << report.error();
  EXPECT_TRUE(report->all_accepted());
  EXPECT_EQ(report->recipients.size(), 10U);
  EXPECT_EQ(server.received().size(), 4U);
  EXPECT_EQ(server.sessions(), 2U);  // two mails a session
}

// Keeps the pool's own thread busy from now on, by the callback of a message that names nobody.
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

// What became of one call.
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

// A server whose reply to the end of the first mail waits for the test.
class Paused final {
 public:
  explicit Paused(testing::Server& server) {
    server.decide_by([this](Step step, std::string_view, std::uint64_t) -> Act {
      if (step != Step::end_of_data || std::exchange(is_used_, true)) return {};
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
  options.insecure_accept_any_certificate = true;  // reading the roots takes its time
  options.overall_timeout = 1s;
  Ending ending;
  Pool pool({server.url()}, options, {.connections = 1});
  ASSERT_TRUE(pool.send(mail("b@y.example")));
  Paused paused(server);
  pool.start_send(mail("b@y.example"), ending.callback());
  paused.wait();
  {
    const Hold hold(pool);
    paused.go_on();
    std::this_thread::sleep_for(1100ms);
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
  ASSERT_TRUE(ending.came(5s)) << "it waits for a connection that nobody has";
  EXPECT_TRUE(ending.get());
}

TEST(Relays, AllOrNoneHoldsOverAllRelays) {
  testing::Server first;
  testing::Server second;
  first.at(Step::rcpt, "bad@y.example").refuse({550, {5, 1, 1}, "no such user"});
  ClientOptions options;
  options.recipients = Recipients::all_or_none;
  Pool pool({first.url(), second.url()}, options, quick());
  const auto report = pool.send(mail("b@y.example, bad@y.example"));
  ASSERT_TRUE(report) << report.error();
  EXPECT_EQ(report->recipients[0].outcome, Outcome::deferred);
  EXPECT_EQ(report->recipients[1].outcome, Outcome::refused);
  EXPECT_EQ(first.received().size() + second.received().size(), 0U);
  EXPECT_EQ(pool.figures().relay_faults, 0U);
}

TEST(Relays, AllOrNoneIsNotSplit) {
  testing::Server server({.extensions = {"LIMITS"}, .most_recipients = 1});
  server.at(Step::rcpt, "bad@y.example").refuse({550, {5, 1, 1}, "no such user"});
  ClientOptions options;
  options.recipients = Recipients::all_or_none;
  Pool pool({server.url()}, options, quick());
  (void)pool.send(mail("b@y.example, bad@y.example"));
  EXPECT_EQ(server.received().size(), 0U);
}

TEST(Pool, AConnectionThatIsFreeGoesToTheNextWhenTheFirstWasCancelled) {
  testing::Server server;
  Paused paused(server);
  auto options = quick();
  options.relays = Relays::round_robin;
  options.connections = 1;
  Ending first;
  Ending second;
  Ending third;
  Pool pool({server.url(), "smtp://127.0.0.1:1", "smtp://127.0.0.1:2"}, {}, options);
  pool.start_send(mail("b@y.example"), first.callback());
  paused.wait();
  const auto ticket = pool.start_send(mail("c@y.example"), second.callback());
  std::this_thread::sleep_for(100ms);
  pool.start_send(mail("d@y.example"), third.callback());
  std::this_thread::sleep_for(100ms);
  {
    const Hold hold(pool);
    paused.go_on();
    std::this_thread::sleep_for(50ms);
    pool.cancel(ticket);
  }
  EXPECT_TRUE(first.get());
  EXPECT_FALSE(second.get());
  ASSERT_TRUE(third.came(5s)) << "nobody told it that the connection is free";
  EXPECT_TRUE(third.get());
}

TEST(Pool, ACallThatWaitsForARelayIsCancelledAsAnyOther) {
  ClientOptions client;
  client.insecure_accept_any_certificate = true;  // reading the roots takes its time
  client.overall_timeout = 1500ms;
  for (const bool by_deadline : {false, true}) {
    Ending ending;
    Pool pool({"smtp://127.0.0.1:1"}, by_deadline ? client : ClientOptions{},
              {.first_pause = 60s, .longest_pause = 60s, .patience = 60s + 1s});
    ASSERT_EQ(pool.send(mail("b@y.example")).error().fault, Fault::connect);
    const auto ticket = pool.start_send(mail("b@y.example"), ending.callback());
    std::this_thread::sleep_for(50ms);
    if (!by_deadline) pool.cancel(ticket);
    const auto report = ending.get();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().fault, by_deadline ? Fault::timeout : Fault::cancelled);
  }
}

TEST(Relays, WhatTheCallerCutOffIsNoFaultOfTheRelays) {
  testing::Server server;
  server.at(Step::rcpt, "bad@y.example").refuse({550, {5, 1, 1}, "no such user"});
  ClientOptions options;
  options.pipelining = false;
  options.insecure_accept_any_certificate = true;  // reading the roots takes its time
  options.overall_timeout = 1s;
  Pool pool({server.url()}, options, {.first_pause = 60s, .patience = 10ms});
  ASSERT_TRUE(pool.send(mail("b@y.example")));
  server.at(Step::data).stall();
  const auto cut = pool.send(mail("b@y.example, bad@y.example"));
  ASSERT_TRUE(cut) << cut.error();
  EXPECT_EQ(cut->recipients[0].outcome, Outcome::deferred);
  EXPECT_EQ(cut->recipients[1].outcome, Outcome::refused);
  EXPECT_EQ(pool.figures().relay_faults, 0U);
  server.at(Step::data).accept();
  const auto report = pool.send(mail("b@y.example"));
  EXPECT_TRUE(report) << report.error();
}

TEST(Relays, WhatOneRelayLacksMayBeHadFromOneThatIsDown) {
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

TEST(Relays, AMailThatNeedsMoreThanTheRelayHasIsNoFaultOfTheRelays) {
  testing::Server server;
  Pool pool({server.url()}, {}, {.first_pause = 60s, .patience = 10ms});
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
  server.at(Step::mail).stall();
  ClientOptions options;
  options.overall_timeout = 800ms;
  options.insecure_accept_any_certificate = true;  // reading the roots takes its time
  Ending one;
  Ending two;
  Ending three;
  Pool pool({server.url()}, options, {.connections = 1});
  pool.start_send(mail("b@y.example"), one.callback(), 1);
  pool.start_send(mail("b@y.example"), three.callback(), 3);
  std::this_thread::sleep_for(500ms);
  pool.start_send(mail("b@y.example"), two.callback(), 2);
  ASSERT_TRUE(three.came(600ms)) << "it waits for the end of one that came later";
  const auto report = three.get();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fault, Fault::timeout);
}

// What the pool says of each of many mails is what a server knows that refuses, stalls and cuts as
// the dice say. POSTROAD_MANY_MAILS sets how many.
TEST(Row31, EachOutcomeEqualsWhatTheServerKnows) {
  const auto* asked = std::getenv("POSTROAD_MANY_MAILS");
  const std::size_t many = asked != nullptr ? std::stoul(asked) : 2000;
  testing::Server server({.extensions = {"CHUNKING"}});
  std::mt19937 dice(4711);
  std::set<std::string> refused;  // by address; on the server's thread until the end
  std::set<std::string> deferred;
  std::uint64_t stalls = 0;
  server.decide_by([&](Step step, std::string_view argument, std::uint64_t) -> Act {
    const auto roll = dice() % 1000;
    if (step == Step::rcpt) {
      if (roll < 40) {
        refused.emplace(argument);
        return {Act::Kind::answer, {550, {5, 1, 1}, "no such user"}};
      }
      if (roll < 80) {
        deferred.emplace(argument);
        return {Act::Kind::answer, {450, {4, 2, 0}, "greylisted"}};
      }
    }
    if (step == Step::hello || step == Step::auth) return {};
    if (roll == 990) return ++stalls, Act{Act::Kind::stall, {}};
    if (roll < 5) return {Act::Kind::answer, {421, {4, 3, 2}, "closing"}};
    if (roll < 10) return {Act::Kind::cut, {}};
    if (roll < 15 && step == Step::end_of_data) return {Act::Kind::keep_and_cut, {}};
    if (roll < 20 && step == Step::end_of_data)
      return {Act::Kind::answer, {554, {5, 6, 0}, "not this text"}};
    return {};
  });
  ClientOptions options;
  options.command_timeout = options.end_of_data_timeout = 100ms;
  auto pool_options = quick();
  pool_options.connections = 10;
  Pool pool({server.url()}, options, pool_options);
  std::mutex mutex;
  std::condition_variable bell;
  std::size_t ended = 0;
  std::map<std::string, Outcome> outcomes;
  const auto start = [&](std::size_t i) {
    const auto one = "r" + std::to_string(i) + "@y.example";
    const auto two = "s" + std::to_string(i) + "@y.example";
    pool.start_send(mail(one + ", " + two), [&, one, two](const Result<SendReport>& report) {
      const std::lock_guard lock(mutex);
      outcomes[one] = report ? report->recipients[0].outcome : Outcome::deferred;
      outcomes[two] = report ? report->recipients[1].outcome : Outcome::deferred;
      ++ended;
      bell.notify_all();
    });
  };
  for (std::size_t i = 0; i < many; ++i) {
    start(i);
    std::unique_lock lock(mutex);
    bell.wait(lock, [&] { return i + 1 - ended < 1000; });  // what waits is bounded
  }
  {
    std::unique_lock lock(mutex);
    bell.wait(lock, [&] { return ended == many; });
  }
  std::map<std::string, int> kept;
  for (const auto& one : server.received()) {
    for (const auto& to : one.envelope.recipients) ++kept[to.text()];
  }
  std::map<Outcome, std::size_t> count;
  for (const auto& [address, outcome] : outcomes) {
    ++count[outcome];
    const auto copies = kept.contains(address) ? kept[address] : 0;
    ASSERT_LE(copies, 1) << address << " got it twice";
    if (outcome == Outcome::accepted) ASSERT_EQ(copies, 1) << address;
    if (outcome == Outcome::refused || outcome == Outcome::deferred)
      ASSERT_EQ(copies, 0) << address << ' ' << to_string(outcome);
  }
  EXPECT_EQ(outcomes.size(), 2 * many);
  std::printf("%zu mails: %zu accepted, %zu refused, %zu deferred, %zu unknown; %llu sessions\n",
              many, count[Outcome::accepted], count[Outcome::refused], count[Outcome::deferred],
              count[Outcome::unknown], static_cast<unsigned long long>(server.sessions()));
  EXPECT_GT(count[Outcome::unknown], 0U);
}

}  // namespace
}  // namespace postroad
