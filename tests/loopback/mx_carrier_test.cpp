// The carrier to mail exchangers against real servers at loopback addresses, with a scripted DNS.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <postroad/testing.hpp>
#include <thread>

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
  queue::Handling handling;  // of the messages that begin() makes
  std::string site;          // the same
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
    part.handling = handling;
    part.site = site;
    (*incoming)->commit(part.envelope, {});
    return carry();
  }
  std::future<queue::Attempt> carry() {
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

// The owner of the domain may answer the second query otherwise than the first.
TEST_F(MxCarrierTest, HostsOfAnotherSiteSayNothingAboutTheSite) {
  exchangers({"127.0.0.3"});
  site = "mx:big.example";
  const auto first = send();
  EXPECT_FALSE(first.recipients[0].outcome)
      << "not tried: it goes to its own site: " << first.recipients[0].note;
  EXPECT_TRUE(first.is_elsewhere);
  EXPECT_EQ(carrier->site_of("y.example").site, "mx:mx0.y.example");
  const auto second = carry().get();
  EXPECT_EQ(second.recipients[0].outcome, Outcome::deferred) << "once: no loop";
  EXPECT_TRUE(second.site_failure);
  EXPECT_TRUE(second.is_elsewhere);
  site = "mx:mx0.y.example";
  EXPECT_FALSE(send().is_elsewhere);
}

TEST_F(MxCarrierTest, AFailureOfTheDnsSaysNothingAboutTheSite) {
  resolver->script().fail("y.example", RecordType::mx);
  site = "mx:big.example";
  const auto attempt = send();
  EXPECT_EQ(attempt.recipients[0].outcome, Outcome::deferred);
  EXPECT_TRUE(attempt.is_elsewhere);
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

// A reply that decides about the message is not followed by another host.
TEST_F(MxCarrierTest, AReplyAboutTheMessageIsFinal) {
  const GreetingHost second("127.0.0.2", server.port(), "554 5.7.1 not asked\r\n");
  exchangers({"127.0.0.1", "127.0.0.2"});
  server.at(Stage::rcpt, "b@y.example").refuse({550, {5, 1, 1}, "no such user"});
  auto attempt = send();
  EXPECT_EQ(attempt.recipients[0].outcome, Outcome::refused);
  EXPECT_EQ(attempt.recipients[1].outcome, Outcome::accepted);
  EXPECT_FALSE(attempt.site_failure);
  server.at(Stage::mail).refuse({451, {4, 7, 1}, "greylisted"});
  attempt = send();
  EXPECT_EQ(attempt.recipients[0].outcome, Outcome::deferred);
  EXPECT_FALSE(attempt.site_failure);
  server.at(Stage::mail).accept();
  server.at(Stage::end_of_data).keep_and_cut();
  EXPECT_EQ(send().recipients[1].outcome, Outcome::unknown);
  EXPECT_EQ(second.connections(), 0);
}

TEST_F(MxCarrierTest, A421OrALostConnectionAtMailIsFollowedByTheNext) {
  const GreetingHost second("127.0.0.2", server.port(), "554 5.7.1 asked\r\n");
  exchangers({"127.0.0.1", "127.0.0.2"});
  server.at(Stage::mail).refuse({421, {4, 3, 2}, "closing"});
  EXPECT_NE(send().recipients[0].note.find("asked"), std::string::npos);
  EXPECT_EQ(second.connections(), 1);
}

// The host that failed comes last for some minutes: a host that is down hides no other one.
TEST_F(MxCarrierTest, TheNextMessageBeginsWithAHostThatDidNotFail) {
  const GreetingHost first("127.0.0.2", server.port(), "421 4.3.2 not now\r\n");
  exchangers({"127.0.0.2", "127.0.0.1"});
  send();
  send();
  EXPECT_EQ(first.connections(), 1);
  EXPECT_EQ(server.received().size(), 2U);
}

TEST_F(MxCarrierTest, ADomainWithoutMailIsRefusedAtOnce) {
  resolver->script().records("y.example", RecordType::mx, {dns::mx_data(0, ".")});
  const auto attempt = send();
  EXPECT_EQ(attempt.recipients[1].outcome, Outcome::refused);
  EXPECT_EQ(attempt.recipients[1].note,
            "5.1.10 y.example accepts no mail: it has a null MX record");
  EXPECT_FALSE(attempt.site_failure);
}

TEST_F(MxCarrierTest, AStopEndsAQuery) {
  resolver->hold();
  auto attempt = begin();
  while (resolver->queries().empty()) std::this_thread::yield();
  carrier->begin_stop();
  EXPECT_FALSE(attempt.get().recipients[0].outcome) << "it was not tried";
}

TEST_F(MxCarrierTest, AStopEndsASessionBeforeItsFinalDot) {
  exchangers({"127.0.0.1"});
  server.at(Stage::rcpt).stall();
  auto attempt = begin();
  while (server.sessions() == 0) std::this_thread::yield();
  carrier->begin_stop();
  EXPECT_FALSE(attempt.get().recipients[0].outcome) << "it was not tried";
}

TEST_F(MxCarrierTest, AStopWaitsForTheReplyToTheFinalDot) {
  exchangers({"127.0.0.1"});
  std::promise<void> dot, reply;
  server.decide_by(
      [&, may_reply = reply.get_future().share()](Stage stage, std::string_view, std::uint64_t) {
        if (stage == Stage::end_of_data) {
          dot.set_value();
          may_reply.wait();
        }
        return testing::Act{};
      });
  auto attempt = begin();
  dot.get_future().wait();
  carrier->begin_stop();
  reply.set_value();
  carrier->stop(std::chrono::steady_clock::now() + std::chrono::seconds(20));
  EXPECT_EQ(attempt.get().recipients[0].outcome, Outcome::accepted);
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

TEST_F(MxCarrierTest, AFailedHandshakeIsFollowedByASessionWithoutTls) {
  const BrokenTlsHost host("127.0.0.2", server.port());
  exchangers({"127.0.0.2"});
  const auto attempt = send();
  EXPECT_EQ(attempt.recipients[0].outcome, Outcome::accepted) << attempt.recipients[0].note;
  EXPECT_EQ(host.messages(), 1);
  carrier.reset();  // with its idle connection, whose end the host waits for
}

TEST_F(MxCarrierTest, ButNotForAMessageThatRequiresTls) {
  const BrokenTlsHost host("127.0.0.2", server.port());
  exchangers({"127.0.0.2"});
  handling.asked.require_tls = true;
  EXPECT_NE(send().recipients[0].outcome, Outcome::accepted);
  EXPECT_EQ(host.messages(), 0);
}

}  // namespace
}  // namespace postroad::relay::mx
