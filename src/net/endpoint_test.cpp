// Strings that are an address with a port, and strings that are not.
#include "net/endpoint.hpp"

#include <gtest/gtest.h>

#include "net/stream.hpp"

namespace postroad::net {
namespace {

TEST(ParseEndpoint, AddressAndPort) {
  for (const auto* text : {"192.0.2.1:25", "[2001:db8::1]:2525", "127.0.0.1:65535"})
    EXPECT_EQ(parse_endpoint(text)->port() != 0, true) << text;
  EXPECT_EQ(parse_endpoint("127.0.0.1:0")->port(), 0);
  EXPECT_EQ(parse_endpoint("192.0.2.1", 53)->port(), 53);
  EXPECT_EQ(parse_endpoint("2001:db8::1", 53)->port(), 53);
  EXPECT_EQ(parse_endpoint("[2001:db8::1]", 53)->address().to_string(), "2001:db8::1");
}

TEST(ParseEndpoint, AnythingElseIsRefused) {
  for (const auto* text :
       {"", ":", "[", "]", "[]", "[]:1", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536",
        "192.0.2.1:x", "2001:db8::1", "[192.0.2.1]:25", "mail.example:25", "[2001:db8::1:25",
        "2001:db8::1]:25", "192.0.2.1:25 "}) {
    const auto parsed = parse_endpoint(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().fault, Fault::input);
  }
}

}  // namespace
}  // namespace postroad::net
