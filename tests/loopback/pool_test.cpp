// The pool against the test server: real sockets, with failures at every stage. The outcomes that
// the pool reports must equal the server's record.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <map>
#include <postroad/pool.hpp>
#include <postroad/testing.hpp>
#include <random>
#include <thread>
#include <vector>

#include "pool_support.hpp"

namespace postroad {
namespace {

using testing::Act;
using namespace std::chrono_literals;

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
  EXPECT_EQ(pool.metrics().connections, server.sessions());
  EXPECT_TRUE(pool.close(patience));
  EXPECT_EQ(pool.metrics().connections, 0U);
}

TEST(Pool, AConnectionIsReplacedAfterItsMessages) {
  testing::Server server;
  Pool pool({server.url()}, {}, {.connections = 1, .messages_per_connection = 10});
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(pool.send(mail("b@y.example")));
  EXPECT_EQ(server.sessions(), 3U);
}

TEST(Row28, AConnectionThatTheServerClosedIsReplaced) {
  testing::Server server;
  Pool pool({server.url()}, {}, {.connections = 1});
  ASSERT_TRUE(pool.send(mail("b@y.example")));
  server.decide_by([](Stage stage, std::string_view, std::uint64_t session) {
    return stage == Stage::mail && session == 1
               ? Act{Act::Kind::answer, {421, {4, 3, 2}, "closing"}}
               : Act{};
  });
  const auto report = pool.send(mail("b@y.example"));
  ASSERT_TRUE(report) << report.error();
  EXPECT_TRUE(report->all_accepted());
  EXPECT_EQ(server.sessions(), 2U);
}

TEST(Row28, A421ToRcptOnAReusedConnectionTookNothing) {
  testing::Server server;
  Pool pool({server.url()}, {}, {.connections = 1});
  ASSERT_TRUE(pool.send(mail("b@y.example")));
  server.decide_by([](Stage stage, std::string_view, std::uint64_t session) {
    return stage == Stage::rcpt && session == 1
               ? Act{Act::Kind::answer, {421, {4, 7, 0}, "too many messages in this session"}}
               : Act{};
  });
  const auto report = pool.send(mail("b@y.example, c@y.example"));
  ASSERT_TRUE(report) << report.error();
  EXPECT_TRUE(report->all_accepted());
  EXPECT_EQ(server.sessions(), 2U);
}

TEST(Row28, NothingWaitsForEverWhenAllRelaysAreDown) {
  testing::Server server;
  server.at(Stage::connect).refuse({421, {4, 3, 2}, "not today"});
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

TEST(Relays, AFailedRelayIsReplacedAndARefusedMessageIsNot) {
  testing::Server down;
  testing::Server up;
  down.at(Stage::ehlo).refuse({421, {4, 3, 2}, "not today"});
  Pool pool({down.url(), up.url()}, {}, quick());
  const auto report = pool.send(mail("b@y.example"));
  ASSERT_TRUE(report) << report.error();
  EXPECT_TRUE(report->all_accepted());
  EXPECT_EQ(up.received().size(), 1U);

  testing::Server refuses;
  refuses.at(Stage::rcpt).refuse({550, {5, 1, 1}, "no such user"});
  Pool other({refuses.url(), up.url()}, {}, quick());
  const auto refused = other.send(mail("b@y.example"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->recipients[0].outcome, Outcome::refused);
  EXPECT_EQ(up.received().size(), 1U);
}

TEST(Relays, TheErrorOfEachFailedRelayIsTold) {
  testing::Server busy;
  testing::Server refuses;
  busy.at(Stage::ehlo).refuse({421, {4, 3, 2}, "not today"});
  refuses.at(Stage::connect).refuse({554, {5, 7, 1}, "not you"});
  std::vector<int> codes;
  auto options = quick();
  options.relay_failed = [&](const Error& error) { codes.push_back(error.reply_code); };
  Pool pool({busy.url(), refuses.url()}, {}, options);
  const auto report = pool.send(mail("b@y.example"));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().reply_code, 554);
  EXPECT_EQ(codes, (std::vector<int>{421, 554}));
}

TEST(Relays, AnAcceptedRecipientIsNotSentToAgain) {
  testing::Server first({.lmtp = true});
  testing::Server second({.lmtp = true});
  // One is accepted; the connection ends before the other's reply.
  first.at(Stage::rcpt, "c@y.example").refuse({421, {4, 3, 2}, "no more"});
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

TEST(Relays, RoundRobinSharesTheMessages) {
  testing::Server one;
  testing::Server two;
  Pool pool({one.url(), two.url()}, {}, {.relay_order = RelayOrder::round_robin, .connections = 1});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(pool.send(mail("b@y.example")));
  EXPECT_EQ(one.received().size(), 5U);
  EXPECT_EQ(two.received().size(), 5U);
}

TEST(Row15, AnUnknownOutcomeIsNeverTriedAgain) {
  testing::Server server;
  testing::Server other;
  server.at(Stage::end_of_data).keep_and_cut();
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
  const auto start = [&](int caller, int messages) {
    for (int i = 0; i < messages; ++i) {
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
  EXPECT_LT(order.rend() - last, 80) << "the caller with 3 messages waited for the one with 100";
}

TEST(Pool, ACallCanBeCancelledWhileItWaitsAndWhileItRuns) {
  testing::Server server;
  server.at(Stage::mail).stall();
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
  server.at(Stage::mail).stall();
  ClientOptions options;
  options.timeouts.overall = 100ms;
  Pool pool({server.url()}, options, {.connections = 1});
  const auto report = pool.send(mail("b@y.example"));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fault, Fault::timeout);
}

TEST(Pool, RecipientsAreSplitWhereTheServerAnnouncesHowManyItTakes) {
  testing::Server server({.extensions = {"LIMITS"}, .max_recipients = 3, .max_messages = 2});
  Pool pool({server.url()}, {}, {.connections = 1});
  std::string to;
  for (int i = 0; i < 10; ++i) to += (i ? ", r" : "r") + std::to_string(i) + "@y.example";
  const auto report = pool.send(mail(to));
  ASSERT_TRUE(report) << report.error();
  EXPECT_TRUE(report->all_accepted());
  EXPECT_EQ(report->recipients.size(), 10U);
  EXPECT_EQ(server.received().size(), 4U);
  EXPECT_EQ(server.sessions(), 2U);  // two messages per session
}

TEST(Row47, AConnectionIsNeverTakenForOtherSettings) {
  testing::Server server({.encryption = testing::Encryption::starttls, .extensions = {"AUTH"}});
  server.add_user("ann", "secret");
  ClientOptions verified;
  verified.tls.policy = Tls::required;
  verified.tls.ca_file = server.ca_file();
  const auto url = "smtp://localhost:" + std::to_string(server.port());
  // The same server, once without TLS and once with TLS required and a login.
  ClientOptions plain;
  plain.tls.policy = Tls::never;
  Pool first({url}, plain);
  Pool second({url}, Login{"ann", Secret("secret")}, verified);
  ClientOptions distrusts = verified;
  distrusts.tls.ca_file.clear();
  Pool third({url}, Login{"ann", Secret("secret")}, distrusts);
  ASSERT_TRUE(first.send(mail("b@y.example")));
  ASSERT_TRUE(second.send(mail("b@y.example")));
  EXPECT_EQ(server.sessions(), 2U);
  const auto refused = third.send(mail("b@y.example"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::tls);
}

// Refuses, defers, stalls and closes at random.
Act act_by(std::size_t roll, Stage stage) {
  if (stage == Stage::rcpt && roll < 40)
    return {Act::Kind::answer, {550, {5, 1, 1}, "no such user"}};
  if (stage == Stage::rcpt && roll < 80) return {Act::Kind::answer, {450, {4, 2, 0}, "greylisted"}};
  if (stage == Stage::ehlo || stage == Stage::auth) return {};
  if (roll == 990) return {Act::Kind::stall, {}};
  if (roll < 5) return {Act::Kind::answer, {421, {4, 3, 2}, "closing"}};
  if (roll < 10) return {Act::Kind::cut, {}};
  if (stage != Stage::end_of_data) return {};
  if (roll < 15) return {Act::Kind::keep_and_cut, {}};
  if (roll < 20) return {Act::Kind::answer, {554, {5, 6, 0}, "not this text"}};
  return {};
}

// Sends messages with two recipients each, and keeps the outcome of each recipient.
class ManyCalls {
 public:
  explicit ManyCalls(Pool& pool) : pool_(pool) {}

  std::map<std::string, Outcome> run(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      start("r" + std::to_string(i) + "@y.example", "s" + std::to_string(i) + "@y.example");
      std::unique_lock lock(mutex_);
      bell_.wait(lock, [&] { return i + 1 - ended_ < 1000; });  // bounds the waiting calls
    }
    std::unique_lock lock(mutex_);
    bell_.wait(lock, [&] { return ended_ == count; });
    return outcomes_;
  }

 private:
  void start(const std::string& one, const std::string& two) {
    pool_.start_send(mail(one + ", " + two), [this, one, two](const Result<SendReport>& report) {
      const std::lock_guard lock(mutex_);
      outcomes_[one] = report ? report->recipients[0].outcome : Outcome::deferred;
      outcomes_[two] = report ? report->recipients[1].outcome : Outcome::deferred;
      ++ended_;
      bell_.notify_all();
    });
  }

  Pool& pool_;
  std::mutex mutex_;
  std::condition_variable bell_;
  std::size_t ended_ = 0;
  std::map<std::string, Outcome> outcomes_;
};

// The reported outcome of each message equals the server's record. POSTROAD_MANY_MESSAGES sets the
// number of messages.
TEST(Row31, EachOutcomeEqualsTheServersRecord) {
  const auto* asked = std::getenv("POSTROAD_MANY_MESSAGES");
  const std::size_t many = asked != nullptr ? std::stoul(asked) : 2000;
  testing::Server server({.extensions = {"CHUNKING"}});
  std::mt19937 dice(4711);
  server.decide_by(
      [&](Stage stage, std::string_view, std::uint64_t) { return act_by(dice() % 1000, stage); });
  ClientOptions options;
  options.timeouts.command = options.timeouts.end_of_data = 100ms;
  auto pool_options = quick();
  pool_options.connections = 10;
  Pool pool({server.url()}, options, pool_options);
  ManyCalls calls(pool);
  const auto outcomes = calls.run(many);
  std::map<std::string, int> kept;
  for (const auto& one : server.received()) {
    for (const auto& to : one.envelope.recipients) ++kept[to.text()];
  }
  std::map<Outcome, std::size_t> count;
  for (const auto& [address, outcome] : outcomes) {
    ++count[outcome];
    const auto copies = kept.contains(address) ? kept[address] : 0;
    ASSERT_LE(copies, 1) << address << " got it twice";
    if (outcome == Outcome::accepted) {
      ASSERT_EQ(copies, 1) << address;
    }
    if (outcome == Outcome::refused || outcome == Outcome::deferred) {
      ASSERT_EQ(copies, 0) << address << ' ' << to_string(outcome);
    }
  }
  EXPECT_EQ(outcomes.size(), 2 * many);
  std::printf("%zu messages: %zu accepted, %zu refused, %zu deferred, %zu unknown; %llu sessions\n",
              many, count[Outcome::accepted], count[Outcome::refused], count[Outcome::deferred],
              count[Outcome::unknown], static_cast<unsigned long long>(server.sessions()));
  EXPECT_GT(count[Outcome::unknown], 0U);
}

}  // namespace
}  // namespace postroad
