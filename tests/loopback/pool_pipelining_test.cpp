// Messages whose commands go out behind the final dot of the one before (RFC 2920 section 3.1).
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <postroad/pool.hpp>
#include <postroad/testing.hpp>
#include <stdexcept>
#include <vector>

#include "pool_support.hpp"

namespace postroad {
namespace {

using testing::Act;

// Starts messages and collects their results by number.
class Batch final {
 public:
  explicit Batch(Pool& pool) : pool_(pool) {}
  void start(const std::string& to) {
    const std::lock_guard lock(mutex_);
    const auto at = results_.size();
    results_.emplace_back();
    tickets_.push_back(pool_.start_send(mail(to), [this, at](Result<SendReport> result) {
      const std::lock_guard held(mutex_);
      results_[at].emplace(std::move(result));
      ++ended_;
      bell_.notify_all();
    }));
  }
  void cancel(std::size_t at) { pool_.cancel(tickets_[at]); }
  // "accepted", "refused", … of the only recipient, or the error.
  std::vector<std::string> wait() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(bell_.wait_for(lock, patience, [this] { return ended_ == results_.size(); }));
    std::vector<std::string> found;
    for (const auto& one : results_) {
      const auto& result = *one;
      found.push_back(result ? std::string(to_string(result->recipients.at(0).outcome))
                             : "error: " + result.error().detail);
    }
    return found;
  }

 private:
  Pool& pool_;
  std::mutex mutex_;
  std::condition_variable bell_;
  std::vector<std::optional<Result<SendReport>>> results_;
  std::vector<Pool::Ticket> tickets_;
  std::size_t ended_ = 0;
};

PoolOptions one_connection() {
  auto options = quick();
  options.connections = 1;
  return options;
}

std::vector<std::string> all(std::size_t count, const std::string& outcome = "accepted") {
  return std::vector<std::string>(count, outcome);
}

TEST(PoolPipelining, AllMessagesArriveOnOneConnection) {
  testing::Server server;
  Pool pool({server.url()}, {}, one_connection());
  Batch batch(pool);
  for (int i = 0; i < 50; ++i) batch.start("b" + std::to_string(i) + "@y.example");
  EXPECT_EQ(batch.wait(), all(50));
  const auto kept = server.received();
  ASSERT_EQ(kept.size(), 50U);
  for (std::size_t i = 0; i < kept.size(); ++i)
    EXPECT_EQ(kept[i].envelope.recipients.at(0).text(), "b" + std::to_string(i) + "@y.example");
  EXPECT_EQ(server.sessions(), 1U);
}

TEST(PoolPipelining, CanBeSwitchedOff) {
  testing::Server server;
  auto options = one_connection();
  options.pipelines_messages = false;
  Pool pool({server.url()}, {}, options);
  Batch batch(pool);
  for (int i = 0; i < 5; ++i) batch.start("b@y.example");
  EXPECT_EQ(batch.wait(), all(5));
  EXPECT_EQ(server.sessions(), 1U);
}

TEST(PoolPipelining, RefusalsConcernTheirMessageAlone) {
  testing::Server server;
  server.at(Stage::rcpt, "bad@y.example").refuse({550, {5, 1, 1}, "no such user"});
  Pool pool({server.url()}, {}, one_connection());
  Batch batch(pool);
  for (const auto* to :
       {"a@y.example", "bad@y.example", "b@y.example", "bad@y.example", "c@y.example"})
    batch.start(to);
  EXPECT_EQ(batch.wait(),
            (std::vector<std::string>{"accepted", "refused", "accepted", "refused", "accepted"}));
  EXPECT_EQ(server.received().size(), 3U);
  EXPECT_EQ(server.sessions(), 1U);
}

TEST(PoolPipelining, ARefusedMessageCostsTheNextNothing) {
  std::atomic<int> ends = 0;
  testing::Server server;
  server.decide_by([&](Stage stage, std::string_view, std::uint64_t) -> Act {
    if (stage == Stage::end_of_data && ++ends % 2 == 1)
      return {Act::Kind::answer, {554, {5, 6, 0}, "not this one"}};
    return {};
  });
  Pool pool({server.url()}, {}, one_connection());
  Batch batch(pool);
  for (int i = 0; i < 6; ++i) batch.start("b@y.example");
  EXPECT_EQ(batch.wait(), (std::vector<std::string>{"refused", "accepted", "refused", "accepted",
                                                    "refused", "accepted"}));
  EXPECT_EQ(server.sessions(), 1U);
}

// The connection is lost at each end of the data: the message there is unknown, the next one is
// not.
TEST(PoolPipelining, ALostMessageCostsTheNextNothing) {
  testing::Server server;
  server.decide_by([](Stage stage, std::string_view, std::uint64_t session) -> Act {
    if (stage == Stage::end_of_data && session == 1) return {Act::Kind::keep_and_cut, {}};
    return {};
  });
  Pool pool({server.url()}, {}, one_connection());
  Batch batch(pool);
  for (int i = 0; i < 4; ++i) batch.start("b@y.example");
  EXPECT_EQ(batch.wait(),
            (std::vector<std::string>{"unknown", "accepted", "accepted", "accepted"}));
  EXPECT_EQ(server.received().size(), 4U);
}

TEST(PoolPipelining, A421AtTheEndMovesTheNextToAnotherConnection) {
  testing::Server server({.max_messages = 2});
  Pool pool({server.url()}, {}, one_connection());
  Batch batch(pool);
  for (int i = 0; i < 7; ++i) batch.start("b@y.example");
  EXPECT_EQ(batch.wait(), all(7));
  EXPECT_EQ(server.received().size(), 7U);
}

TEST(PoolPipelining, TheLimitOfMessagesPerConnectionHolds) {
  testing::Server server;
  auto options = one_connection();
  options.messages_per_connection = 3;
  Pool pool({server.url()}, {}, options);
  Batch batch(pool);
  for (int i = 0; i < 9; ++i) batch.start("b@y.example");
  EXPECT_EQ(batch.wait(), all(9));
  EXPECT_EQ(server.sessions(), 3U);
}

TEST(PoolPipelining, AMessageThatIsCancelledBehindAnotherIsNotSent) {
  std::mutex mutex;
  std::condition_variable bell;
  bool is_at_the_end = false;
  bool may_go_on = false;
  std::atomic<bool> served = false;
  testing::Server server;
  Pool pool({server.url()}, {}, one_connection());
  Batch batch(pool);
  server.decide_by([&](Stage stage, std::string_view, std::uint64_t session) -> Act {
    if (stage != Stage::end_of_data || session > 1) return {};
    std::unique_lock lock(mutex);
    is_at_the_end = true;
    bell.notify_all();
    bell.wait_for(lock, patience, [&] { return may_go_on; });
    return {};
  });
  batch.start("a@y.example");
  batch.start("b@y.example");
  batch.start("c@y.example");
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(bell.wait_for(lock, patience, [&] { return is_at_the_end; }));
  }
  batch.cancel(1);
  // Once the cancellation has been served, the server may answer.
  pool.start_send(Message{}, [&](const Result<SendReport>&) { served = true; });
  while (!served) std::this_thread::yield();
  {
    const std::lock_guard lock(mutex);
    may_go_on = true;
    bell.notify_all();
  }
  const auto results = batch.wait();
  EXPECT_EQ(results[0], "accepted");
  EXPECT_EQ(results[1], "error: cancelled");
  EXPECT_EQ(results[2], "accepted");
  EXPECT_EQ(server.received().size(), 2U);
}

// The server looks at the first message without an end.
TEST(PoolPipelining, ASlowMessageHoldsUpNoOther) {
  std::atomic<bool> is_ended = false;
  std::atomic<std::uint64_t> slow = 0;  // its session
  testing::Server server;
  server.decide_by([&](Stage stage, std::string_view argument, std::uint64_t session) -> Act {
    if (stage == Stage::rcpt && argument == "slow@y.example") slow = session;
    if (stage == Stage::end_of_data && session == slow) return {Act::Kind::stall, {}};
    return {};
  });
  auto options = quick();
  options.connections = 2;
  Pool pool({server.url()}, {}, options);
  pool.start_send(mail("slow@y.example"), [&](const Result<SendReport>&) { is_ended = true; });
  Batch batch(pool);
  for (int i = 0; i < 10; ++i) batch.start("b@y.example");
  EXPECT_EQ(batch.wait().size(), 10U);
  EXPECT_FALSE(is_ended);
}

// Throws when it is asked for what the next server needs.
class ThrowingSource final : public MessageSource {
 public:
  Result<std::string_view> next() override { return std::string_view(); }
  void offered(const ServerOffer&) override { throw std::runtime_error("no"); }
  bool rewind() override { return true; }
};

TEST(PoolPipelining, ASourceThatThrowsFailsItsOwnMessage) {
  testing::Server server;
  Pool pool({server.url()}, {}, one_connection());
  Batch batch(pool);
  ThrowingSource source;
  batch.start("a@y.example");
  std::promise<Result<SendReport>> thrown;
  pool.start_send({*Mailbox::parse("a@x.example"), {*Mailbox::parse("c@y.example")}}, source,
                  [&](Result<SendReport> result) { thrown.set_value(std::move(result)); });
  batch.start("b@y.example");
  EXPECT_EQ(batch.wait(), all(2));
  EXPECT_FALSE(thrown.get_future().get());
}

TEST(PoolPipelining, SeveralRelaysAreChosenForEachMessage) {
  testing::Server first;
  testing::Server second;
  auto options = one_connection();
  options.relay_order = RelayOrder::round_robin;
  Pool pool({first.url(), second.url()}, {}, options);
  Batch batch(pool);
  for (int i = 0; i < 20; ++i) batch.start("b@y.example");
  EXPECT_EQ(batch.wait(), all(20));
  EXPECT_GT(first.received().size(), 5U);
  EXPECT_GT(second.received().size(), 5U);
}

TEST(PoolPipelining, ThePoolMayEndInTheMiddle) {
  testing::Server server;
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> ended = 0;
    {
      Pool pool({server.url()}, {}, one_connection());
      for (int i = 0; i < 20; ++i)
        pool.start_send(mail("b@y.example"), [&](const Result<SendReport>&) { ++ended; });
      while (ended < round) std::this_thread::yield();
    }
    EXPECT_EQ(ended, 20);
  }
}

}  // namespace
}  // namespace postroad
