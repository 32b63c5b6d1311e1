// The end of an outbox while messages are under way, and relays that take some recipients only.
#include <atomic>
#include <future>
#include <stdexcept>

#include "outbox_fixture.hpp"

namespace postroad {
namespace {

// The relay has the message and owes the reply when the program ends.
TEST_F(OutboxTest, ItsEndWaitsForRepliesThatAreOwed) {
  testing::Server server;
  std::promise<void> dot;
  std::promise<void> end;
  auto ended = end.get_future().share();
  std::atomic<int> dots = 0;
  server.decide_by([&](Stage stage, std::string_view, std::uint64_t) -> testing::Act {
    if (stage == Stage::end_of_data && ++dots == 1) {
      dot.set_value();
      ended.wait_for(patience);
    }
    return {};
  });
  auto made = options(server.url());
  made.stop_patience = patience;
  auto outbox = open(made);
  const auto id = outbox->submit(mail("b@y.example"));
  ASSERT_TRUE(id);
  dot.get_future().wait();
  auto gone = std::async(std::launch::async, [&] { outbox.reset(); });
  EXPECT_EQ(gone.wait_for(50ms), std::future_status::timeout);
  end.set_value();
  gone.wait();
  outbox = open(std::move(made));
  ASSERT_TRUE(outbox->wait(*id, patience));
  EXPECT_EQ(outbox->status(*id)->recipients[0].outcome, Outcome::accepted);
  EXPECT_EQ(server.received().size(), 1U) << "a second copy";
}

TEST_F(OutboxTest, ItsEndDoesNotWaitForAMessageThatIsNotSent) {
  for (const auto stage : {Stage::connect, Stage::mail, Stage::rcpt, Stage::data}) {
    testing::Server server;
    std::promise<void> reached;
    std::atomic<bool> is_first = true;
    server.decide_by([&](Stage at, std::string_view, std::uint64_t) -> testing::Act {
      if (at != stage) return {};
      if (is_first.exchange(false)) reached.set_value();
      return {testing::Act::Kind::stall, {}};
    });
    auto made = options(server.url());
    made.folder = folder_ + "/" + std::to_string(static_cast<int>(stage));
    made.stop_patience = 60s;
    auto outbox = open(made);
    const auto id = outbox->submit(mail("b@y.example"));
    ASSERT_TRUE(id);
    reached.get_future().wait();
    auto gone = std::async(std::launch::async, [&] { outbox.reset(); });
    EXPECT_EQ(gone.wait_for(patience), std::future_status::ready) << static_cast<int>(stage);
    server.decide_by({});
    outbox = open(std::move(made));
    ASSERT_TRUE(outbox->wait(*id, patience));
    EXPECT_EQ(outbox->status(*id)->recipients[0].attempts, 1U) << "the one that was cut is none";
  }
}

TEST_F(OutboxTest, AReplyThatDoesNotComeBeforeItsEndLeavesANote) {
  testing::Server server;
  std::promise<void> dot;
  std::atomic<int> dots = 0;
  server.decide_by([&](Stage stage, std::string_view, std::uint64_t) -> testing::Act {
    if (stage != Stage::end_of_data || ++dots > 1) return {};
    dot.set_value();
    return {testing::Act::Kind::stall, {}};
  });
  auto made = options(server.url());
  made.stop_patience = 50ms;
  std::promise<std::string> note;
  made.on_outcome = [&](const OutboxStatus& status) {
    note.set_value(status.recipients[0].note);
    throw std::runtime_error("the program's own");
  };
  auto outbox = open(std::move(made));
  ASSERT_TRUE(outbox->submit(mail("b@y.example")));
  dot.get_future().wait();
  outbox.reset();
  EXPECT_NE(note.get_future().get().find("may have been delivered"), std::string::npos);
}

// RFC 5321 section 4.5.3.1.10.
TEST_F(OutboxTest, RecipientsBeyondTheServersLimitGoInFurtherTransactionsAtOnce) {
  testing::Server server;
  std::atomic<int> recipients = 0;
  server.decide_by([&](Stage stage, std::string_view, std::uint64_t) -> testing::Act {
    if (stage == Stage::mail) recipients = 0;
    if (stage == Stage::rcpt && ++recipients > 10)
      return {testing::Act::Kind::answer, {452, {4, 5, 3}, "too many recipients"}};
    return {};
  });
  auto made = options(server.url());
  made.initial_retry_delay = made.max_retry_delay = 1h;
  const auto outbox = open(std::move(made));
  auto message = Message{}.from("a@x.example").subject("hi").text("hello");
  for (int i = 0; i < 35; ++i) message.to("r" + std::to_string(i) + "@y.example");
  const auto id = outbox->submit(message);
  ASSERT_TRUE(id && outbox->wait(*id, patience));
  EXPECT_EQ(server.received().size(), 4U);
  const auto status = outbox->status(*id);
  for (const auto& one : status->recipients) {
    EXPECT_EQ(one.outcome, Outcome::accepted);
    EXPECT_EQ(one.attempts, 1U);
  }
}

TEST_F(OutboxTest, ATransactionThatTakesNobodyIsFollowedByTheRetryDelay) {
  testing::Server server;
  std::atomic<int> times = 0;
  server.decide_by([&](Stage stage, std::string_view, std::uint64_t) -> testing::Act {
    if (stage != Stage::rcpt) return {};
    ++times;
    return {testing::Act::Kind::answer, {452, {4, 2, 2}, "mailbox full"}};
  });
  auto made = options(server.url());
  made.initial_retry_delay = made.max_retry_delay = 1h;
  std::promise<void> deferred;
  made.on_outcome = [&](const OutboxStatus&) { deferred.set_value(); };
  const auto outbox = open(std::move(made));
  const auto id = outbox->submit(mail("b@y.example"));
  ASSERT_TRUE(id);
  ASSERT_EQ(deferred.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_FALSE(outbox->wait(*id, 200ms));
  EXPECT_EQ(times, 1);
}

}  // namespace
}  // namespace postroad
