// The PROXY header, read and written: vectors of the specification, every prefix of a header, every
// wrong byte of it.
#include "proto/proxy/header.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace postroad::proxy {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr std::string_view signature = "\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A"sv;

std::string v2(std::string_view version_and_family, std::string_view rest) {
  std::string out(signature);
  out += version_and_family;
  out += static_cast<char>(rest.size() >> 8);
  out += static_cast<char>(rest.size() & 0xff);
  return out += rest;
}

// 192.0.2.1:4711 to 192.0.2.2:25.
constexpr std::string_view v4_addresses = "\xC0\x00\x02\x01\xC0\x00\x02\x02\x12\x67\x00\x19"sv;
constexpr std::string_view v6_addresses =
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
    "\x12\x67\x00\x19"sv;

const Header v4_header{false, false, "192.0.2.1", 4711, "192.0.2.2", 25};
const Header v6_header{false, true, "2001:db8::1", 4711, "2001:db8::2", 25};

// "more", "error", or the header and the rest.
std::string read(std::string_view input) {
  const auto whole = input;
  const auto header = parse(input);
  if (!header) {
    EXPECT_EQ(header.error().fault, Fault::protocol);
    return "error";
  }
  if (!*header) {
    EXPECT_EQ(input, whole) << "nothing is taken before the header is whole";
    return "more";
  }
  const auto& got = **header;
  const auto rest = '|' + std::string(input);
  if (got.is_local) return "local" + rest;
  return got.source + ' ' + std::to_string(got.source_port) + ' ' + got.destination + ' ' +
         std::to_string(got.destination_port) + (got.is_v6 ? " v6" : " v4") + rest;
}

// Headers of each kind, with their content.
const std::vector<std::pair<std::string, std::string>>& whole_headers() {
  static const std::vector<std::pair<std::string, std::string>> all{
      {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
       "255.255.255.255 65535 255.255.255.255 65535 v4"},
      {"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
       "192.168.0.1 56324 192.168.0.11 443 v4"},
      {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
       "65535 65535\r\n",
       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
       "65535 v6"},
      {"PROXY TCP6 ::1 ::1 0 0\r\n", "::1 0 ::1 0 v6"},
      {"PROXY UNKNOWN\r\n", "local"},
      {"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
       "local"},
      {v2("\x21\x11", v4_addresses), "192.0.2.1 4711 192.0.2.2 25 v4"},
      {v2("\x21\x21", v6_addresses), "2001:db8::1 4711 2001:db8::2 25 v6"},
      {v2("\x20\0"sv, ""), "local"},
      {v2("\x20\x11", v4_addresses), "local"},
      {v2("\x21\0"sv, "whatever"), "local"},             // UNSPEC
      {v2("\x21\x12", v4_addresses), "local"},           // UDP
      {v2("\x21\x31", std::string(216, 'x')), "local"},  // AF_UNIX
      // PP2_TYPE_ALPN and PP2_TYPE_NOOP after the addresses.
      {v2("\x21\x11", std::string(v4_addresses) + "\x01\x00\x02h2"s + "\x04\x00\x03..."s),
       "192.0.2.1 4711 192.0.2.2 25 v4"},
  };
  return all;
}

TEST(ProxyHeader, LeavesTheBytesBehindIt) {
  for (const auto& [bytes, meaning] : whole_headers()) {
    EXPECT_EQ(read(bytes), meaning + '|') << bytes;
    EXPECT_EQ(read(bytes + "EHLO x\r\n"), meaning + "|EHLO x\r\n") << bytes;
    EXPECT_EQ(read(bytes + bytes), meaning + '|' + bytes) << bytes;
  }
}

TEST(ProxyHeader, EveryPrefixNeedsMore) {
  for (const auto& [bytes, meaning] : whole_headers()) {
    for (std::size_t n = 0; n < bytes.size(); ++n)
      EXPECT_EQ(read(std::string_view(bytes).substr(0, n)), "more") << bytes << ' ' << n;
  }
}

// Any changed byte: refused, incomplete, or read with addresses of their family.
TEST(ProxyHeader, EveryWrongByteIsRefusedOrHarmless) {
  for (const auto& [bytes, meaning] : whole_headers()) {
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        auto wrong = bytes;
        wrong[at] = static_cast<char>(value);
        std::string_view input = wrong;
        const auto header = parse(input);
        if (!header || !*header || (*header)->is_local) continue;
        const int family = (*header)->is_v6 ? AF_INET6 : AF_INET;
        char binary[16];
        ASSERT_EQ(::inet_pton(family, (*header)->source.c_str(), binary), 1) << wrong;
        ASSERT_EQ(::inet_pton(family, (*header)->destination.c_str(), binary), 1) << wrong;
      }
    }
  }
}

// The first wrong byte is enough: a client without a header is not waited for.
TEST(ProxyHeader, AMalformedStartIsRefusedAtOnce) {
  for (const auto begin : {"PROXY "sv, signature}) {
    for (std::size_t at = 0; at < begin.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        std::string front(begin.substr(0, at));
        front += static_cast<char>(value);
        const bool other = at == 0 && (front == "P" || front == "\r");
        EXPECT_EQ(read(front), front[at] == begin[at] || other ? "more" : "error") << at << value;
      }
    }
  }
}

TEST(ProxyHeader, Refusals) {
  for (const auto& wrong : {
           "EHLO client.example\r\n"s,
           "\x16\x03\x01\x02\x00\x01"s,  // TLS
           "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"s,
           "PROXY\r\n"s,
           "PROXY \r\n"s,
           "PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n"s,
           "PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n"s,
           "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n"s,
           "PROXY TCP4\r\n"s,
           "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"s,
           "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"s,
           "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"s,
           "PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n"s,
           "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"s,
           "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n"s,
           "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"s,
           "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"s,
           "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"s,
           "PROXY TCP4 192.0.2.1 192.0.2.2 x 2\r\n"s,
           "PROXY TCP4 192.0.2.1 192.0.2.256 1 2\r\n"s,
           "PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"s,
           "PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n"s,
           "PROXY TCP4 ::1 ::1 1 2\r\n"s,
           "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"s,
           "PROXY TCP6 [::1] ::1 1 2\r\n"s,
           "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n"s,
           v2("\x11\x11", v4_addresses),  // version 1 in the form of version 2
           v2("\x31\x11", v4_addresses),  // version 3
           v2("\x22\x11", v4_addresses),  // a command that is not assigned
           v2("\x2f\x11", v4_addresses),
           v2("\x21\x11", v4_addresses.substr(1)),  // too short for its family
           v2("\x21\x21", v4_addresses),
           v2("\x21\x11", ""),
       }) {
    EXPECT_EQ(read(wrong), "error") << wrong;
  }
}

// The system reads addresses up to a NUL: bytes after it must not be ignored.
TEST(ProxyHeader, ANulHidesNothing) {
  EXPECT_EQ(read("PROXY TCP4 192.0.2.1\0x 192.0.2.2 1 2\r\n"sv), "error");
  EXPECT_EQ(read("PROXY TCP4 192.0.2.1 192.0.2.2\0\0 1 2\r\n"sv), "error");
  EXPECT_EQ(read("PROXY TCP4 192.0.2.1 192.0.2.2 1\0 2\r\n"sv), "error");
}

TEST(ProxyHeader, NoneIsLongerThanItsLimit) {
  const std::string front = "PROXY UNKNOWN ";
  const auto line = [&](std::size_t bytes) {
    return front + std::string(bytes - front.size() - 2, 'x') + "\r\n";
  };
  EXPECT_EQ(read(line(107)), "local|");
  EXPECT_EQ(read(line(108)), "error");
  EXPECT_EQ(read(std::string_view(line(108)).substr(0, 106)), "more");
  EXPECT_EQ(read(std::string_view(line(200)).substr(0, 107)), "error");

  const auto padded = [](std::size_t bytes) {
    return v2("\x21\x11", std::string(v4_addresses) + std::string(bytes - 16 - 12, 'x'));
  };
  EXPECT_EQ(read(padded(most_bytes)), "192.0.2.1 4711 192.0.2.2 25 v4|");
  EXPECT_EQ(read(padded(most_bytes + 1)), "error");
}

// A length of 65,535 is refused at once, without waiting and without reserving memory.
TEST(ProxyHeader, ADeclaredLengthReservesNoMemory) {
  EXPECT_EQ(read(std::string(signature) + "\x21\x11\xff\xff"), "error");
  EXPECT_EQ(read(std::string(signature) + "\x20\x01\xff\xff"), "error");
  EXPECT_EQ(read(std::string(signature) + "\x21\x11\x0f"), "more");
}

TEST(ProxyHeader, WrittenAndReadAgain) {
  const Header local{.is_local = true};
  for (const auto& header : {v4_header, v6_header, local}) {
    for (const auto format : {&format_v1, &format_v2}) {
      const auto bytes = format(header);
      ASSERT_TRUE(bytes);
      std::string_view input = *bytes;
      const auto again = parse(input);
      ASSERT_TRUE(again && *again) << *bytes;
      EXPECT_EQ(**again, header) << *bytes;
      EXPECT_EQ(input, "");
    }
  }
  EXPECT_EQ(*format_v1(v4_header), "PROXY TCP4 192.0.2.1 192.0.2.2 4711 25\r\n");
  EXPECT_EQ(*format_v1(v6_header), "PROXY TCP6 2001:db8::1 2001:db8::2 4711 25\r\n");
  EXPECT_EQ(*format_v1(local), "PROXY UNKNOWN\r\n");
  EXPECT_EQ(*format_v2(v4_header), v2("\x21\x11", v4_addresses));
  EXPECT_EQ(*format_v2(v6_header), v2("\x21\x21", v6_addresses));
  EXPECT_EQ(*format_v2(local), v2("\x20\0"sv, ""));
}

TEST(ProxyHeader, MalformedAddressesAreNotWritten) {
  for (const auto& text : {"mail.example"s, ""s, "192.0.2.1\r\nMAIL"s, "192.0.2.1 192.0.2.2"s,
                           "::1"s, "192.0.2.1\0x"s}) {
    auto header = v4_header;
    header.source = text;
    EXPECT_FALSE(format_v1(header)) << text;
    EXPECT_FALSE(format_v2(header)) << text;
    header = v4_header;
    header.destination = text;
    const auto written = format_v1(header);
    ASSERT_FALSE(written) << text;
    EXPECT_EQ(written.error().fault, Fault::input);
    EXPECT_FALSE(format_v2(header)) << text;
  }
}

}  // namespace
}  // namespace postroad::proxy
