// Tunnels against a scripted proxy: each reply in every chunking, every refusal code, and no byte
// of the server that follows the reply is lost. Row24 is the row of secrets in
// tests/transcripts/guards.md.
#include "proto/proxy/tunnel.hpp"

#include <gtest/gtest.h>

namespace postroad::proxy {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using proto::Wish;

TunnelOptions socks(std::string host, std::string user = {}, std::string password = {}) {
  return {Kind::socks5, "proxy.example:1080", std::move(host),
          587,          std::move(user),      Secret(std::move(password))};
}
TunnelOptions http(std::string host, std::string user = {}, std::string password = {}) {
  return {Kind::http, "proxy.example:3128", std::move(host),
          587,        std::move(user),      Secret(std::move(password))};
}

struct Said {
  std::string bytes;
  std::string secrets;  // bytes that no trace may show
};

// All that the machine wants to send now, one byte at a time where `slow`.
Said say(TunnelMachine& machine, bool slow = false) {
  Said said;
  for (;;) {
    const auto action = machine.next({});
    if (action.wish != Wish::send) return said;
    const auto part = action.bytes.substr(0, slow ? 1 : action.bytes.size());
    said.bytes += part;
    if (action.secret) said.secrets += part;
    machine.sent(part.size());
  }
}

// Plays the replies, each after the machine has sent its part; returns these parts.
std::vector<std::string> play(TunnelMachine& machine, const std::vector<std::string>& answers,
                              std::size_t step = std::string::npos) {
  std::vector<std::string> said;
  for (const auto& answer : answers) {
    said.push_back(say(machine, step == 1).bytes);
    for (std::size_t at = 0; at < answer.size(); at += step) {
      machine.received(std::string_view(answer).substr(at, step));
      if (step == std::string::npos) break;
    }
  }
  said.push_back(say(machine).bytes);
  return said;
}

std::string fault(const TunnelMachine& machine) {
  return machine.error() ? machine.error()->text() : "none";
}

const std::string ok_v4 = "\x05\x00\x00\x01\x7f\x00\x00\x01\x02\x4b"s;
const std::string ok_v6 = "\x05\x00\x00\x04"s + std::string(16, '\1') + "\x02\x4b";
const std::string ok_name = "\x05\x00\x00\x03\x04host\x02\x4b"s;
const std::string ok_empty_name = "\x05\x00\x00\x03\x00\x02\x4b"s;
const std::string greeting = "220 mail.example ESMTP\r\n";

TEST(Socks5, NamesAndAddressesAreUnchanged) {
  const std::string v4 = "\x05\x01\x00\x01\xc0\x00\x02\x01\x02\x4b"s;
  const std::string v6 =
      "\x05\x01\x00\x04\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01\x02\x4b";
  for (const auto& [host, request] :
       {std::pair{"mail.example"s, "\x05\x01\x00\x03\x0cmail.example\x02\x4b"s},
        std::pair{"192.0.2.1"s, v4}, std::pair{"2001:db8::1"s, v6}}) {
    TunnelMachine machine(socks(host));
    EXPECT_EQ(play(machine, {"\x05\x00"s, ok_v4}), (std::vector{"\x05\x01\x00"s, request, ""s}));
    EXPECT_EQ(fault(machine), "none");
    EXPECT_EQ(machine.next({}).wish, Wish::done);
  }
}

TEST(Socks5, ALoginIsSentOnlyOnRequest) {
  TunnelMachine machine(socks("mail.example", "ann", "s3cret"));
  const auto said = play(machine, {"\x05\x02"s, "\x01\x00"s, ok_v4});
  EXPECT_EQ(said[0], "\x05\x02\x00\x02"s);
  EXPECT_EQ(said[1], "\x01\x03"s + "ann" + "\x06" + "s3cret");
  EXPECT_EQ(said[2], "\x05\x01\x00\x03\x0cmail.example\x02\x4b"s);
  EXPECT_EQ(fault(machine), "none");

  TunnelMachine unasked(socks("mail.example", "ann", "s3cret"));
  for (const auto& part : play(unasked, {"\x05\x00"s, ok_v4}))
    EXPECT_EQ(part.find("s3cret"), std::string::npos);
  EXPECT_EQ(fault(unasked), "none");
}

TEST(Row24, TheLoginAtAProxyIsSecretAndInNoError) {
  TunnelMachine machine(socks("mail.example", "ann", "s3cret"));
  EXPECT_EQ(say(machine).secrets, "");
  machine.received("\x05\x02"s);
  EXPECT_NE(say(machine).secrets.find("s3cret"), std::string::npos);
  machine.received("\x01\x00"s);
  EXPECT_EQ(say(machine).secrets, "");

  TunnelMachine refused(socks("mail.example", "ann", "s3cret"));
  play(refused, {"\x05\x02"s, "\x01\x01"s});
  EXPECT_EQ(fault(refused), "proxy.example:1080 PROXY: the proxy refused the user or the password");

  TunnelMachine by_http(http("mail.example", "ann", "s3cret"));
  EXPECT_NE(say(by_http).secrets.find("YW5uOnMzY3JldA=="), std::string::npos);  // ann:s3cret
}

TEST(Socks5, EveryReplyInEveryChunking) {
  for (const auto& answer : {ok_v4, ok_v6, ok_name, ok_empty_name}) {
    for (std::size_t step = 1; step < 40; ++step) {
      for (const auto& behind : {""s, greeting, "\x05"s, std::string(3000, 'x')}) {
        TunnelMachine machine(socks("mail.example", "ann", "s3cret"));
        play(machine, {"\x05\x02"s, "\x01\x00"s, answer + behind}, step);
        EXPECT_EQ(fault(machine), "none") << step;
        EXPECT_EQ(machine.rest(), behind) << step;
        EXPECT_EQ(machine.next({}).wish, Wish::done) << step;
      }
    }
  }
}

TEST(Socks5, EveryRefusalCodeHasItsText) {
  const std::vector<std::string> reasons{"",
                                         "the proxy failed",
                                         "the proxy's rules do not allow it",
                                         "the network cannot be reached",
                                         "the host cannot be reached",
                                         "the connection was refused",
                                         "TTL expired",
                                         "the proxy does not support CONNECT",
                                         "the proxy does not support this address type"};
  for (unsigned code = 1; code < 256; ++code) {
    const std::string answer = "\x05"s + static_cast<char>(code);
    // With the address of RFC 1928, and from proxies that omit it and close.
    for (const auto& tail : {"\x00\x01\0\0\0\0\0\0"s, ""s}) {
      TunnelMachine machine(socks("mail.example"));
      play(machine, {"\x05\x00"s, answer + tail});
      machine.closed();
      ASSERT_EQ(fault(machine), "proxy.example:1080 PROXY: " +
                                    (code < reasons.size() ? reasons[code] : "an unknown reason"));
      EXPECT_EQ(machine.error()->fault, Fault::connect);
      EXPECT_EQ(machine.next({}).wish, Wish::done);
    }
  }
}

TEST(Socks5, MalformedSocksReplies) {
  struct {
    std::vector<std::string> answers;
    std::string words;
    std::string user;
  } const rows[] = {
      {{"\x04\x5a"s}, "the proxy does not speak SOCKS5", ""},
      {{greeting}, "the proxy does not speak SOCKS5", ""},
      {{"\x05\xff"s}, "the proxy requires a user and a password", ""},
      {{"\x05\xff"s}, "accepts none of the authentication methods", "ann"},
      {{"\x05\x02"s}, "the proxy requires a user and a password", ""},
      {{"\x05\x01"s},
       "accepts none of the authentication methods",
       "ann"},  // GSSAPI was not offered
      {{"\x05\x00"s, "\x04\x00\x00\x01\x7f"s}, "the proxy does not speak SOCKS5", ""},
      {{"\x05\x00"s, "\x05\x00\x00\x02\x7f"s}, "an unknown address type", ""},
      {{"\x05\x00"s, "\x05\x00\x00\x00\x7f"s}, "an unknown address type", ""},
  };
  for (const auto& row : rows) {
    TunnelMachine machine(socks("mail.example", row.user, "s3cret"));
    play(machine, row.answers);
    EXPECT_NE(fault(machine).find(row.words), std::string::npos) << fault(machine);
    EXPECT_EQ(machine.error()->stage, Stage::proxy);
  }
}

// A proxy that closes at any point, in both protocols.
TEST(Tunnel, AProxyThatClosesIsReported) {
  const std::string socks_answers = "\x05\x02\x01\x00"s + ok_v4;
  const std::string http_answer = "HTTP/1.1 200 fine\r\n\r\n";
  for (const auto kind : {Kind::socks5, Kind::http}) {
    const auto& all = kind == Kind::http ? http_answer : socks_answers;
    for (std::size_t n = 0; n < all.size(); ++n) {
      TunnelMachine machine(kind == Kind::http ? http("mail.example", "ann", "x")
                                               : socks("mail.example", "ann", "x"));
      for (std::size_t i = 0; i < n; ++i) {
        say(machine);
        machine.received(std::string_view(all).substr(i, 1));
      }
      say(machine);
      machine.closed();
      EXPECT_NE(fault(machine).find("PROXY: the proxy closed the connection"), std::string::npos);
    }
  }
}

TEST(Tunnel, ALostConnectionNamesTheProxy) {
  TunnelMachine machine(http("mail.example"));
  machine.failed(fail(Fault::timeout, {}, "no answer in time"));
  EXPECT_EQ(fault(machine), "proxy.example:3128 PROXY: no answer in time");
  EXPECT_EQ(machine.error()->fault, Fault::timeout);
  // After the reply, the bytes belong to the server.
  TunnelMachine through(http("mail.example"));
  play(through, {"HTTP/1.0 200 \r\n\r\n"});
  through.closed();
  through.failed(fail(Fault::timeout, {}, "no answer in time"));
  EXPECT_EQ(fault(through), "none");
}

TEST(HttpConnect, NamesAndAddressesAreUnchanged) {
  for (const auto& [host, target] :
       {std::pair{"mail.example"s, "mail.example:587"s}, std::pair{"192.0.2.1"s, "192.0.2.1:587"s},
        std::pair{"2001:db8::1"s, "[2001:db8::1]:587"s}}) {
    TunnelMachine machine(http(host));
    EXPECT_EQ(say(machine).bytes,
              "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n");
  }
  TunnelMachine machine(http("mail.example", "ann", "s3cret"));
  EXPECT_EQ(say(machine).bytes,
            "CONNECT mail.example:587 HTTP/1.1\r\nHost: mail.example:587\r\n"
            "Proxy-Authorization: Basic YW5uOnMzY3JldA==\r\n\r\n");
}

TEST(HttpConnect, EveryReplyInEveryChunking) {
  for (const auto& answer :
       {"HTTP/1.1 200 Connection established\r\n\r\n"s, "HTTP/1.0 200\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nProxy-Agent: x\r\nVia: 1.1 y\r\n\r\n"s, "HTTP/1.1 204 \r\n\r\n"s}) {
    for (std::size_t step = 1; step < 60; ++step) {
      for (const auto& behind : {""s, greeting, "\r\n\r\n"s}) {
        TunnelMachine machine(http("mail.example"));
        play(machine, {answer + behind}, step);
        EXPECT_EQ(fault(machine), "none") << answer << step;
        EXPECT_EQ(machine.rest(), behind) << answer << step;
      }
    }
  }
}

TEST(HttpConnect, RefusalsKeepTheProxysText) {
  for (const auto line :
       {"HTTP/1.1 407 Proxy Authentication Required"sv, "HTTP/1.1 403 Forbidden"sv,
        "HTTP/1.1 502 Bad Gateway"sv, "HTTP/1.1 301 Moved"sv, "HTTP/1.1 100 Continue"sv,
        "HTTP/2 200 OK"sv, "HTTP/1.1 2000 OK"sv, "HTTP/1.1 20"sv, "HTTP/1.1"sv, "SSH-2.0-x"sv,
        "220 mail.example ESMTP"sv, ""sv}) {
    TunnelMachine machine(http("mail.example"));
    play(machine, {std::string(line) + "\r\nContent-Length: 0\r\n\r\n"});
    EXPECT_EQ(fault(machine), "proxy.example:3128 PROXY: the proxy replied " + std::string(line));
  }
  // The proxy's text is escaped.
  TunnelMachine machine(http("mail.example"));
  play(machine, {"HTTP/1.1 403 \x1b[2Jgone\r\n\r\n"});
  EXPECT_EQ(fault(machine).find('\x1b'), std::string::npos);
}

TEST(HttpConnect, AnEndlessReplyIsGivenUp) {
  for (const auto& endless :
       {std::string(10'000, 'x'), "HTTP/1.1 200 OK\r\n" + std::string(10'000, 'x'),
        std::string(10'000, '\n')}) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{1000}, endless.size()}) {
      TunnelMachine machine(http("mail.example"));
      say(machine);
      for (std::size_t at = 0; at < endless.size() && !machine.error(); at += step)
        machine.received(std::string_view(endless).substr(at, step));
      EXPECT_EQ(fault(machine), "proxy.example:3128 PROXY: the proxy's reply is too long");
      EXPECT_LE(machine.rest().size(), 8192 + step);
    }
  }
}

// The limit counts the proxy's reply, not the server's bytes in the same packet.
TEST(Tunnel, ALongServerGreetingIsNotAnEndlessProxyReply) {
  const std::string much(20'000, 'x');
  TunnelMachine machine(http("mail.example"));
  play(machine, {"HTTP/1.1 200 OK\r\n\r\n" + much});
  EXPECT_EQ(fault(machine), "none");
  EXPECT_EQ(machine.rest(), much);
}

// Values that would end the request.
TEST(Tunnel, ValuesThatDoNotFitTheProxyProtocolAreRefused) {
  for (const auto& host :
       {""s, "a b"s, "a\r\nX: y"s, "a\nb"s, "a\0b"s, "a\tb"s, std::string(256, 'a')}) {
    for (const auto kind : {Kind::socks5, Kind::http}) {
      auto options = http(host);
      options.kind = kind;
      TunnelMachine machine(options);
      EXPECT_EQ(machine.next({}).wish, Wish::done);
      ASSERT_TRUE(machine.error());
      EXPECT_EQ(machine.error()->fault, Fault::input);
    }
  }
  for (const auto& options : {socks("mail.example", std::string(256, 'u'), "p"),
                              socks("mail.example", "u", std::string(256, 'p'))}) {
    TunnelMachine machine(options);
    EXPECT_EQ(machine.next({}).wish, Wish::done);
  }
  TunnelMachine longest(socks(std::string(255, 'a'), std::string(255, 'u'), std::string(255, 'p')));
  play(longest, {"\x05\x02"s, "\x01\x00"s, ok_v4});
  EXPECT_EQ(fault(longest), "none");
}

// A line break in a user or a password stays inside base64, or within its length.
TEST(Tunnel, ALineBreakInALoginInjectsNothing) {
  TunnelMachine machine(http("mail.example", "ann\r\nX: y", "p\r\n\r\n"));
  const auto said = say(machine).bytes;
  EXPECT_EQ(said.find("X: y"), std::string::npos);
  EXPECT_EQ(said.find("\r\n\r\n"), said.size() - 4);
}

}  // namespace
}  // namespace postroad::proxy
