// The server of an attempt as one text, and its parts again.
#include "queue/server_text.hpp"

#include <gtest/gtest.h>

namespace postroad::queue {
namespace {

TEST(ServerText, HasTheAddressBehindAName) {
  struct Case {
    const char *server, *address, *tls, *text, *host, *name;
  };
  for (const auto& one : {
           Case{"mx.example:25", "[192.0.2.1]:25", "TLSv1.3 X verified",
                "mx.example [192.0.2.1]:25 TLSv1.3 X verified", "mx.example [192.0.2.1]:25",
                "mx.example"},
           Case{"mx.example:25", "[192.0.2.1]:25", "", "mx.example [192.0.2.1]:25",
                "mx.example [192.0.2.1]:25", "mx.example"},
           Case{"mx.example:25", "", "TLSv1.2 Y not verified",
                "mx.example:25 TLSv1.2 Y not verified", "mx.example:25", "mx.example"},
           Case{"127.0.0.1:25", "[127.0.0.1]:25", "", "127.0.0.1:25", "127.0.0.1:25", "127.0.0.1"},
           Case{"[2001:db8::1]:25", "[IPv6:2001:db8::1]:25", "", "[2001:db8::1]:25",
                "[2001:db8::1]:25", "[2001:db8::1]"},
           Case{"", "", "", "", "", ""},
       }) {
    const auto text = format_server(one.server, one.address, one.tls);
    EXPECT_EQ(text, one.text);
    const auto parts = parse_server(text);
    EXPECT_EQ(parts.host, one.host);
    EXPECT_EQ(parts.name, one.name);
    EXPECT_EQ(parts.tls, one.tls);
  }
}

}  // namespace
}  // namespace postroad::queue
