// A host with several addresses: the client tries each until one serves (RFC 5321 section 5.1).
#include <gtest/gtest.h>

#include <boost/asio/ip/address.hpp>
#include <postroad/client.hpp>
#include <postroad/testing.hpp>
#include <string>
#include <vector>

#include "greeting_host.hpp"
#include "net/resolve.hpp"
#include "pool_support.hpp"

namespace postroad {
namespace {

namespace asio = boost::asio;

/// Listens on 127.0.0.2 at the port of a server on 127.0.0.1, under one name.
class FirstAddress {
 public:
  FirstAddress(std::uint16_t port, std::string greeting)
      : host_("127.0.0.2", port, std::move(greeting)) {
    net::set_name_lookup([](const std::string&) {
      return Result<std::vector<asio::ip::address>>(
          {asio::ip::make_address("127.0.0.2"), asio::ip::make_address("127.0.0.1")});
    });
  }
  FirstAddress(const FirstAddress&) = delete;
  FirstAddress& operator=(const FirstAddress&) = delete;
  ~FirstAddress() { net::set_name_lookup({}); }

 private:
  GreetingHost host_;
};

std::string url_of(const testing::Server& server) {
  return "smtp://two.example:" + std::to_string(server.port());
}

TEST(Addresses, TheNextIsTriedWhenOneDoesNotServe) {
  for (const auto* greeting : {"421 4.3.2 not now\r\n", "220", "554-\r\n", ""}) {
    testing::Server server;
    const FirstAddress first(server.port(), greeting);
    ClientOptions options;
    if (*greeting == 0) options.timeouts.command = 1s;
    Client client(url_of(server), options);
    const auto report = client.send(mail("b@y.example"));
    ASSERT_TRUE(report) << "greeting '" << greeting << "': " << report.error();
    EXPECT_TRUE(report->all_accepted());
    EXPECT_EQ(server.received().size(), 1U);
  }
}

TEST(Addresses, ARefusalOrAnotherProtocolHoldsForTheHost) {
  for (const auto* greeting : {"554 5.7.1 no\r\n", "HTTP/1.1 400 Bad Request\r\n"}) {
    testing::Server server;
    const FirstAddress first(server.port(), greeting);
    Client client(url_of(server));
    EXPECT_FALSE(client.send(mail("b@y.example"))) << greeting;
    EXPECT_EQ(server.sessions(), 0U);
  }
}

TEST(Addresses, TheServersReplyIsReportedWhenNoneServes) {
  testing::Server server;
  server.at(Stage::connect).refuse({421, {4, 3, 2}, "second"});
  const FirstAddress first(server.port(), "421 4.3.2 first\r\n");
  Client client(url_of(server));
  const auto report = client.send(mail("b@y.example"));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().reply_code, 421);
  EXPECT_NE(report.error().detail.find("second"), std::string::npos) << report.error();
  EXPECT_EQ(server.sessions(), 1U);
}

}  // namespace
}  // namespace postroad
