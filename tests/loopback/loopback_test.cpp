// Both ends over real sockets and real TLS.
#include <gtest/gtest.h>
#include <postroad/async.hpp>
#include <postroad/client.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <future>

#include "harness.hpp"

namespace postroad::loopback {
namespace {

Message hello() {
  return Message{}
      .from("test <test@163.com>")
      .to("a@example.org, b@example.org")
      .subject("測試標題")
      .html("郵件內容");
}

smtp::ServerOptions with_auth(smtp::TlsMode tls) {
  smtp::ServerOptions options;
  options.tls = tls;
  options.auth = true;
  return options;
}

ClientOptions trusting() {
  ClientOptions options;
  options.tls.ca_file = Certificates::get().ca;
  return options;
}

TEST(Client, SendsAndReportsEachRecipient) {
  Harness harness;
  harness.policy.rcpt_replies["b@example.org"] = {550, {5, 1, 1}, "no such user"};
  Client client(harness.url());
  const auto report = client.send(hello());
  ASSERT_TRUE(report) << report.error();
  ASSERT_EQ(report->recipients.size(), 2U);
  EXPECT_EQ(report->recipients[0].outcome, Outcome::accepted);
  EXPECT_EQ(report->recipients[1].outcome, Outcome::refused);
  EXPECT_EQ(report->recipients[1].reply.one_line(), "550 5.1.1 no such user");
  ASSERT_EQ(harness.store.arrived().size(), 1U);
  EXPECT_EQ(harness.store.arrived()[0].reverse_path, "test@163.com");
  EXPECT_EQ(harness.store.arrived()[0].recipients, std::vector<std::string>{"a@example.org"});
}

TEST(Client, KeepsOneConnectionForManyMessages) {
  Harness harness;
  Client client(harness.url());
  for (int i = 0; i < 50; ++i) {
    const auto report = client.send(hello());
    ASSERT_TRUE(report) << report.error();
    ASSERT_TRUE(report->all_accepted()) << i << ": " << report->recipients[0].reply;
  }
  EXPECT_EQ(harness.store.arrived().size(), 50U);
  EXPECT_EQ(client.quit()->code, 221);
}

TEST(Client, SaysEveryPlainCommand) {
  Harness harness;
  Client client(harness.url());
  EXPECT_EQ(client.noop()->code, 250);
  EXPECT_EQ(client.reset()->code, 250);
  EXPECT_EQ(client.verify("postmaster")->code, 252);
  EXPECT_EQ(client.expand("staff")->code, 502);
  EXPECT_EQ(client.help()->code, 214);
  EXPECT_EQ(client.quit()->code, 221);
}

TEST(Client, LogsInOverStarttls) {
  Harness harness(with_auth(smtp::TlsMode::required), true);
  harness.policy.users["test"] = "secret";
  Client client(harness.url(), Login{"test", Secret("secret"), "LOGIN"}, trusting());
  const auto report = client.send(hello());
  ASSERT_TRUE(report) << report.error();
  EXPECT_TRUE(report->all_accepted());
  EXPECT_EQ(harness.store.arrived()[0].protocol, "ESMTPSA");
  EXPECT_EQ(harness.store.arrived()[0].login, "test");
}

TEST(Client, LogsInOverImplicitTls) {
  Harness harness(with_auth(smtp::TlsMode::implicit), true);
  harness.policy.users["test"] = "secret";
  Client client(harness.url("smtps"), Login{"test", Secret("secret"), {}}, trusting());
  const auto report = client.send(hello());
  ASSERT_TRUE(report) << report.error();
}

TEST(Client, AWrongPasswordNamesServerStageAndWords) {
  Harness harness(with_auth(smtp::TlsMode::offered), true);
  harness.policy.users["test"] = "secret";
  Client client(harness.url(), Login{"test", Secret("wrong"), "LOGIN"}, trusting());
  const auto report = client.send(hello());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().text(), client.server() + " PASSWORD: 535 5.7.8 authentication failed");
}

TEST(Row3, NoTlsWhereItIsRequiredSendsNothing) {
  Harness harness;
  Client client(harness.url(), Login{"test", Secret("secret"), {}});
  const auto report = client.send(hello());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fault, Fault::tls_required);
}

TEST(Row19, ACertificateThatIsNotTrustedOrNotForTheHostEndsIt) {
  Harness harness(with_auth(smtp::TlsMode::required), true);
  Client untrusting(harness.url());
  const auto refused = untrusting.connect();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::tls);
  Client other("smtp://localhost:" + std::to_string(harness.port), trusting());
  const auto named = other.connect();
  EXPECT_TRUE(named) << "the certificate names localhost too: " << named.error();
}

TEST(Client, AHostThatRefusesIsSaidSo) {
  Client client("smtp://127.0.0.1:1");
  const auto report = client.send(hello());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fault, Fault::connect);
  EXPECT_EQ(report.error().stage, Stage::connect);
}

// A port with implicit TLS waits for the client's handshake.
TEST(Client, AServerWithoutAGreetingMayExpectTls) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor silent(context, {boost::asio::ip::make_address("127.0.0.1"), 0});
  const auto server = "127.0.0.1:" + std::to_string(silent.local_endpoint().port());
  ClientOptions options;
  options.timeouts.command = std::chrono::milliseconds(50);
  Client client(server, options);
  const auto report = client.send(hello());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fault, Fault::timeout);
  EXPECT_EQ(report.error().text(),
            server +
                " CONNECT: no answer in time; the port may expect TLS from the first byte: "
                "use smtps://" +
                server);
}

TEST(Client, AWrongUrlIsToldByTheFirstCall) {
  Client client("http://example.org");
  const auto report = client.send(hello());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fault, Fault::input);
}

TEST(Row24, TheTraceHidesSecrets) {
  Harness harness(with_auth(smtp::TlsMode::offered), true);
  harness.policy.users["test"] = "hush-hush";
  std::string all;
  auto options = trusting();
  options.trace = [&](std::string_view arrow, std::string_view line) {
    all += std::string(arrow) + ' ' + std::string(line) + '\n';
  };
  for (const char* mechanism : {"PLAIN", "LOGIN"}) {
    Client client(harness.url(), Login{"test", Secret("hush-hush"), mechanism}, options);
    const auto report = client.send(hello());
    ASSERT_TRUE(report) << report.error();
  }
  EXPECT_EQ(all.find("hush"), std::string::npos);
  EXPECT_EQ(all.find("aHVzaC"), std::string::npos) << all;
  EXPECT_NE(all.find("AUTH PLAIN [hidden]"), std::string::npos) << all;
}

TEST(AsyncClient, CompletesByFutureCallbackAndCoroutine) {
  Harness harness;
  AsyncClient client(harness.url());
  auto future = client.async_send(hello(), boost::asio::use_future);
  std::promise<bool> called;
  boost::asio::io_context context;
  client.async_send(
      hello(), boost::asio::bind_executor(context.get_executor(), [&](Result<SendReport> report) {
        called.set_value(report && report->all_accepted());
      }));
  std::optional<int> code;
  boost::asio::co_spawn(context, client.async_command("NOOP", "", boost::asio::use_awaitable),
                        [&](std::exception_ptr, Result<Reply> reply) { code = reply->code; });
  context.run();
  EXPECT_TRUE(future.get());
  EXPECT_TRUE(called.get_future().get());
  EXPECT_EQ(code, 250);
  EXPECT_EQ(harness.store.arrived().size(), 2U);
}

TEST(AsyncClient, ACancelledCallSaysSo) {
  // A listener that sends no greeting: the call would wait for minutes.
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor silent(context, {boost::asio::ip::make_address("127.0.0.1"), 0});
  AsyncClient client("smtp://127.0.0.1:" + std::to_string(silent.local_endpoint().port()));
  std::promise<Result<Reply>> done;
  const auto ticket = client.start_command(
      "NOOP", "", [&](Result<Reply> reply) { done.set_value(std::move(reply)); });
  const auto held = silent.accept();
  client.cancel(ticket);
  const auto reply = done.get_future().get();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().fault, Fault::cancelled);
}

TEST(Server, StopsWithWordsAndEndsTheMessageUnderWay) {
  auto harness = std::make_unique<Harness>();
  Client client(harness->url());
  ASSERT_TRUE(client.connect());
  harness->server.stop(std::chrono::milliseconds(2000));
  const auto reply = client.noop();
  // The 421 was sent before the NOOP: the client reads that reply.
  if (reply) {
    EXPECT_EQ(reply->code, 421);
  }
}

}  // namespace
}  // namespace postroad::loopback
