// The carrier over a pool against a real server: which replies concern the relay as a whole, and
// which one sender or recipient.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <postroad/testing.hpp>

#include "net/resolve.hpp"
#include "outbox/pool_carrier.hpp"
#include "spool/memory.hpp"

namespace postroad::outbox {
namespace {

struct PoolCarrierTest : ::testing::Test {
  postroad::testing::Server server;
  std::unique_ptr<spool::Spool> spool = spool::make_memory_spool();
  queue::Part part;
  std::optional<PoolCarrier> carrier;

  PoolCarrierTest() { use(server.url()); }
  void use(const std::string& url) {
    PoolCarrierSettings settings;
    settings.urls = {url};
    settings.pool.initial_pause = settings.pool.max_pause = settings.pool.patience = {};
    carrier.emplace(*spool, std::move(settings));
  }
  std::future<queue::Attempt> begin(const std::string& sender) {
    auto incoming = spool->begin();
    EXPECT_TRUE((*incoming)->append("Subject: hi\r\n\r\nhello\r\n"));
    part = {};
    part.id = (*incoming)->id();
    part.envelope.reverse_path = sender;
    part.envelope.recipients.emplace_back().address = "b@y.example";
    part.recipients = {0};
    (*incoming)->commit(part.envelope, {});
    const auto ended = std::make_shared<std::promise<queue::Attempt>>();
    carrier->carry(part, [ended](queue::Attempt attempt) { ended->set_value(std::move(attempt)); });
    return ended->get_future();
  }
  queue::Attempt send(const std::string& sender) { return begin(sender).get(); }
};

TEST_F(PoolCarrierTest, ARefusalOfOneSenderIsNoFailureOfTheSite) {
  for (const int code : {450, 451, 452}) {
    server.at(Stage::mail, "noisy@x.example").refuse({code, {4, 7, 1}, "too many messages"});
    const auto attempt = send("noisy@x.example");
    EXPECT_EQ(attempt.recipients.at(0).outcome, Outcome::deferred);
    EXPECT_FALSE(attempt.site_failure) << *attempt.site_failure;
  }
  server.at(Stage::mail, "bad@x.example").refuse({550, {5, 7, 1}, "not you"});
  const auto refused = send("bad@x.example");
  EXPECT_EQ(refused.recipients.at(0).outcome, Outcome::refused);
  EXPECT_FALSE(refused.site_failure);
  EXPECT_EQ(send("a@x.example").recipients.at(0).outcome, Outcome::accepted);
}

TEST_F(PoolCarrierTest, A421ToASenderIsAFailureOfTheSite) {
  server.at(Stage::mail).refuse({421, {4, 3, 2}, "closing"});
  const auto attempt = send("a@x.example");
  EXPECT_EQ(attempt.recipients.at(0).outcome, Outcome::deferred);
  EXPECT_TRUE(attempt.site_failure);
}

// With the real getaddrinfo: tests/scenarios/test_stop.py, where a user may make a mount namespace.
TEST_F(PoolCarrierTest, AStopDoesNotWaitForANameThatIsNotAnswered) {
  const auto asked = std::make_shared<std::promise<void>>();
  std::promise<void> release;
  net::set_name_lookup([asked, released = release.get_future().share()](
                           const std::string&) -> Result<std::vector<boost::asio::ip::address>> {
    asked->set_value();
    released.wait();
    return fail(Fault::resolve, {}, "released");
  });
  use("smtp://mail.example");
  auto attempt = begin("a@x.example");
  asked->get_future().wait();
  const auto began = std::chrono::steady_clock::now();
  carrier->begin_stop();
  carrier->stop(began + std::chrono::seconds(60));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
  EXPECT_FALSE(attempt.get().recipients.at(0).outcome) << "it was not tried";
  release.set_value();
  net::set_name_lookup({});
}

}  // namespace
}  // namespace postroad::outbox
