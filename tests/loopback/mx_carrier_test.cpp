// The carrier to mail exchangers against real servers at loopback addresses, with a scripted DNS.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <postroad/testing.hpp>

#include "dns/testing/scripted_resolver.hpp"
#include "greeting_host.hpp"
#include "relay/mx/mx_carrier.hpp"
#include "spool/memory.hpp"

namespace postroad::relay::mx {
namespace {

using dns::RecordType;

struct MxCarrierTest : ::testing::Test {
  testing::Server server;
  std::unique_ptr<spool::Spool> spool = spool::make_memory_spool();
  queue::Part part;
  dns::ScriptedResolver* resolver = nullptr;
  std::shared_ptr<MxCarrier> carrier;

  MxCarrierTest() { use(server.port()); }
  void use(std::uint16_t port) {
    MxSettings settings;
    settings.port = port;
    settings.rules.allowed = {net::Network::parse("127.0.0.0/8").value()};
    settings.helo_name = "me.example";
    settings.timeouts.command = std::chrono::seconds(5);
    carrier = MxCarrier::open(*spool, settings, [this](const auto&) {
                auto made = std::make_unique<dns::ScriptedResolver>();
                resolver = made.get();
                return Result<std::unique_ptr<dns::Resolver>>(std::move(made));
              }).value();
  }
  void exchangers(const std::vector<std::string>& addresses) {
    std::vector<std::string> records;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      const auto name = "mx" + std::to_string(i) + ".y.example";
      records.push_back(dns::mx_data(static_cast<std::uint16_t>(i), name));
      resolver->script().records(name, RecordType::a, {dns::address_data(addresses[i])});
    }
    resolver->script().records("y.example", RecordType::mx, records);
  }
  std::future<queue::Attempt> begin() {
    auto incoming = spool->begin();
    EXPECT_TRUE((*incoming)->append("Subject: hi\r\n\r\nhello\r\n"));
    part = {};
    part.id = (*incoming)->id();
    part.envelope.reverse_path = "a@x.example";
    part.envelope.recipients.emplace_back().address = "b@y.example";
    part.envelope.recipients.emplace_back().address = "c@Y.Example";
    part.recipients = {0, 1};
    (*incoming)->commit(part.envelope, {});
    const auto ended = std::make_shared<std::promise<queue::Attempt>>();
    carrier->carry(part, [ended](queue::Attempt attempt) { ended->set_value(std::move(attempt)); });
    return ended->get_future();
  }
  queue::Attempt send() { return begin().get(); }
  void expect_accepted(const queue::Attempt& attempt) {
    ASSERT_EQ(attempt.recipients.size(), 2U);
    for (const auto& one : attempt.recipients)
      EXPECT_EQ(one.outcome, Outcome::accepted) << one.note;
    EXPECT_FALSE(attempt.site_failure);
    EXPECT_EQ(server.received().size(), 1U);
  }
};

TEST_F(MxCarrierTest, TheFirstHostGetsTheMessage) {
  exchangers({"127.0.0.1"});
  expect_accepted(send());
  EXPECT_EQ(server.received()[0].envelope.recipients.size(), 2U);
  EXPECT_EQ(server.received()[0].bytes, "Subject: hi\r\n\r\nhello\r\n");
}

TEST_F(MxCarrierTest, AHostThatDoesNotServeIsFollowedByTheNext) {
  for (const auto* greeting :
       {"554 5.7.1 no\r\n", "421 4.3.2 not now\r\n", "HTTP/1.1 400 Bad\r\n"}) {
    testing::Server again;
    use(again.port());
    const GreetingHost first("127.0.0.2", again.port(), greeting);
    exchangers({"127.0.0.2", "127.0.0.1"});
    const auto attempt = send();
    EXPECT_EQ(attempt.recipients[0].outcome, Outcome::accepted) << attempt.recipients[0].note;
    EXPECT_EQ(again.received().size(), 1U);
  }
}

TEST_F(MxCarrierTest, AClosedPortIsFollowedByTheNext) {
  exchangers({"127.0.0.3", "127.0.0.4", "127.0.0.1"});
  expect_accepted(send());
}

TEST_F(MxCarrierTest, WhenNoHostServesTheMessageIsDeferred) {
  const GreetingHost first("127.0.0.2", server.port(), "554 5.7.1 first\r\n");
  exchangers({"127.0.0.2", "127.0.0.3"});
  const auto attempt = send();
  for (const auto& one : attempt.recipients) {
    EXPECT_EQ(one.outcome, Outcome::deferred)
        << "a refusal of the session is not one of the message";
    EXPECT_NE(one.note.find("mx0.y.example"), std::string::npos) << one.note;
    EXPECT_NE(one.note.find("first"), std::string::npos) << one.note;
    EXPECT_NE(one.note.find("mx1.y.example"), std::string::npos) << one.note;
  }
  EXPECT_TRUE(attempt.site_failure);
}

TEST_F(MxCarrierTest, ARefusedRecipientIsNotTriedAtTheNextHost) {
  exchangers({"127.0.0.1", "127.0.0.2"});
  server.at(Stage::rcpt, "b@y.example").refuse({550, {5, 1, 1}, "no such user"});
  const auto attempt = send();
  EXPECT_EQ(attempt.recipients[0].outcome, Outcome::refused);
  EXPECT_EQ(attempt.recipients[1].outcome, Outcome::accepted);
  EXPECT_FALSE(attempt.site_failure);
}

TEST_F(MxCarrierTest, A4yzToMailStaysAtThisHost) {
  const GreetingHost second("127.0.0.2", server.port(), "554 5.7.1 not asked\r\n");
  exchangers({"127.0.0.1", "127.0.0.2"});
  server.at(Stage::mail).refuse({451, {4, 7, 1}, "greylisted"});
  const auto attempt = send();
  EXPECT_EQ(attempt.recipients[0].outcome, Outcome::deferred);
  EXPECT_EQ(attempt.recipients[0].note.find("not asked"), std::string::npos);
  EXPECT_FALSE(attempt.site_failure);
}

TEST_F(MxCarrierTest, ALostConnectionAfterTheFinalDotIsUnknown) {
  exchangers({"127.0.0.1", "127.0.0.2"});
  server.at(Stage::end_of_data).keep_and_cut();
  EXPECT_EQ(send().recipients[0].outcome, Outcome::unknown);
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(MxCarrierTest, ADomainWithoutMailIsRefusedAtOnce) {
  resolver->script().records("y.example", RecordType::mx, {dns::mx_data(0, ".")});
  const auto attempt = send();
  EXPECT_EQ(attempt.recipients[1].outcome, Outcome::refused);
  EXPECT_EQ(attempt.recipients[1].note,
            "5.1.10 y.example accepts no mail: it has a null MX record");
  EXPECT_FALSE(attempt.site_failure);
}

TEST_F(MxCarrierTest, AFailureOfTheDnsDefersTheSite) {
  resolver->script().fail("y.example", RecordType::mx);
  const auto attempt = send();
  EXPECT_EQ(attempt.recipients[0].outcome, Outcome::deferred);
  EXPECT_TRUE(attempt.site_failure);
}

TEST_F(MxCarrierTest, AStopEndsAQueryAndAnIdleSession) {
  resolver->hold();
  auto attempt = begin();
  carrier->begin_stop();
  EXPECT_FALSE(attempt.get().recipients[0].outcome) << "it was not tried";
}

TEST_F(MxCarrierTest, AStopWaitsForTheReplyToTheFinalDot) {
  exchangers({"127.0.0.1"});
  server.at(Stage::end_of_data).stall();
  auto attempt = begin();
  ASSERT_TRUE(server.wait_for(0, std::chrono::seconds(20)));
  // Until the message was read whole it may end as not tried: both are right.
  carrier->stop(std::chrono::steady_clock::now() + std::chrono::milliseconds(50));
  const auto outcome = attempt.get().recipients[0].outcome;
  EXPECT_TRUE(!outcome || *outcome == Outcome::unknown);
}

struct MxTls : MxCarrierTest {
  void serve(testing::Certificate certificate) {
    testing::ServerOptions options;
    options.encryption = testing::Encryption::starttls;
    options.certificate = certificate;
    tls.emplace(options);
    use(tls->port());
    exchangers({"127.0.0.1"});
  }
  std::optional<testing::Server> tls;
};

TEST_F(MxTls, IsOpportunistic) {
  for (const auto certificate :
       {testing::Certificate::good, testing::Certificate::expired, testing::Certificate::other_name,
        testing::Certificate::self_signed}) {
    serve(certificate);
    const auto attempt = send();
    EXPECT_EQ(attempt.recipients[0].outcome, Outcome::accepted) << attempt.recipients[0].note;
    EXPECT_EQ(tls->sessions(), 1U);
  }
}

}  // namespace
}  // namespace postroad::relay::mx
