// TLS sessions that are resumed: by two handshakes with our own server.
#include "net/tls_sessions.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>

#include "net/stream.hpp"
#include "net/testing/test_certificates.hpp"
#include "net/tls.hpp"

namespace postroad::net {
namespace {

using namespace std::chrono_literals;

class Resumption : public ::testing::Test {
 protected:
  // The server says a word, so that the client reads the sessions that come before it (TLS 1.3).
  Result<proto::TlsFacts> shake_hands(const SessionPlace& place) {
    asio::io_context context;
    tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
    tcp::socket socket(context);
    socket.connect(acceptor.local_endpoint());
    Stream ours(std::move(socket));
    Stream theirs(acceptor.accept());
    const auto until = proto::Clock::now() + 20s;
    std::optional<Result<proto::TlsFacts>> facts;
    TlsPeer peer{"localhost"};
    peer.sessions = place;
    const auto as_client = [&]() -> awaitable<void> {
      facts = co_await ours.handshake_client(client, peer, until);
      char word[8];
      (void)co_await ours.read(word, until);
      ours.close();
    };
    const auto as_server = [&]() -> awaitable<void> {
      (void)co_await theirs.handshake_server(server, until);
      (void)co_await theirs.write("word", until);
      theirs.close();
    };
    asio::co_spawn(context, as_client(), asio::detached);
    asio::co_spawn(context, as_server(), asio::detached);
    context.run();
    return std::move(*facts);
  }

  TestCertificates certificates;
  TlsContext server =
      TlsContext::server({.certificate = certificates.make(Certificate::good), .key = {}}).value();
  TlsContext client = TlsContext::client({.ca_file = certificates.ca_file()}).value();
};

TEST_F(Resumption, TheSecondHandshakeResumesTheSession) {
  const SessionPlace place{std::make_shared<TlsSessions>(), "localhost"};
  const auto first = shake_hands(place);
  ASSERT_TRUE(first) << first.error();
  EXPECT_FALSE(first->resumed);
  const auto second = shake_hands(place);
  ASSERT_TRUE(second) << second.error();
  EXPECT_TRUE(second->resumed);
  EXPECT_TRUE(second->verified);
}

TEST_F(Resumption, AnotherKeyIsAnotherPeer) {
  const auto sessions = std::make_shared<TlsSessions>();
  ASSERT_TRUE(shake_hands({sessions, "one"}));
  EXPECT_FALSE(shake_hands({sessions, "other"})->resumed);
  EXPECT_TRUE(shake_hands({sessions, "one"})->resumed);
}

TEST_F(Resumption, WithoutAPlaceNothingIsResumed) {
  ASSERT_TRUE(shake_hands({}));
  EXPECT_FALSE(shake_hands({})->resumed);
}

}  // namespace
}  // namespace postroad::net
