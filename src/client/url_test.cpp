// Server URLs: the meaning of each, and the error for each that is invalid.
#include <gtest/gtest.h>

#include "client/url.hpp"

namespace postroad::client {
namespace {

TEST(Url, SaysHostPortTlsAndLogin) {
  const struct {
    const char* text;
    const char* server;
    Tls tls;
    const char* user;
    const char* password;
  } table[] = {
      {"smtp://mail.example", "mail.example:25", Tls::automatic, "", ""},
      {"mail.example:2525", "mail.example:2525", Tls::automatic, "", ""},
      {"SMTPS://mail.example", "mail.example:465", Tls::implicit, "", ""},
      {"smtps://mail.example:4650/", "mail.example:4650", Tls::implicit, "", ""},
      {"smtps://h?tls=required", "h:465", Tls::implicit, "", ""},
      {"smtp://test:secret@mail.example", "mail.example:587", Tls::automatic, "test", "secret"},
      {"smtp://t%40x:%3a%20%25@mail.example:25", "mail.example:25", Tls::automatic, "t@x", ": %"},
      {"smtp://a@b@mail.example", "mail.example:587", Tls::automatic, "a@b", ""},
      {"smtp://[2001:db8::1]", "[2001:db8::1]:25", Tls::automatic, "", ""},
      {"smtp://[2001:db8::1]:26", "[2001:db8::1]:26", Tls::automatic, "", ""},
      {"smtp://192.0.2.1", "192.0.2.1:25", Tls::automatic, "", ""},
      {"smtp://h?tls=never", "h:25", Tls::never, "", ""},
      {"smtp://h?tls=required", "h:25", Tls::required, "", ""},
  };
  for (const auto& row : table) {
    const auto url = parse_url(row.text);
    ASSERT_TRUE(url) << url.error();
    EXPECT_EQ(url->server(), row.server) << row.text;
    EXPECT_EQ(url->tls, row.tls) << row.text;
    EXPECT_EQ(url->user, row.user) << row.text;
    EXPECT_EQ(url->password.reveal(), row.password) << row.text;
  }
}

TEST(Url, AdmitsOldCiphersByTheirLongNameOnly) {
  EXPECT_FALSE(parse_url("smtp://h?tls=required")->insecure_allow_legacy_tls);
  const auto url = parse_url("smtp://h?insecure_allow_legacy_tls=yes&tls=required");
  ASSERT_TRUE(url) << url.error();
  EXPECT_TRUE(url->insecure_allow_legacy_tls);
  EXPECT_EQ(url->tls, Tls::required);
  EXPECT_FALSE(parse_url("smtp://h?insecure_allow_legacy_tls=maybe"));
}

TEST(Row19, AHostNameOfAnyLanguageIsLookedUpAndCheckedInItsAsciiForm) {
  EXPECT_EQ(parse_url("smtp://bücher.example").value().host, "xn--bcher-kva.example");
  EXPECT_EQ(parse_url("smtp://BÜCHER.example").value().host, "xn--bcher-kva.example");
  EXPECT_EQ(parse_url("smtp://測試.example").value().host, "xn--g6w251d.example");
  EXPECT_EQ(parse_url("smtp://faß.example").value().host, "xn--fa-hia.example");
}

TEST(Url, RefusesWithASentence) {
  for (const auto* text :
       {"http://h", "smtp://", "smtp://a..b", "smtp://.a", "smtp://a b", "smtp://h:0",
        "smtp://h:65536", "smtp://h:x", "smtp://[::1", "smtp://[::1]x", "smtp://h?tls=maybe",
        "smtps://h?tls=never", "smtps://h?tls=opportunistic", "smtp://h?x=y", "smtp://%zz@h",
        "smtp://b\xfc"
        "cher.example",
        "smtp://h\r\nQUIT", "smtp://ü..example"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().fault, Fault::input);
    EXPECT_NE(url.error().text().find("the form is smtp://"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace postroad::client
