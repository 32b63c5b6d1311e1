// The mailbox grammar of RFC 5321 §4.1.2: accepted forms, errors with their columns, limits.
#include "mail/address/mailbox.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace postroad {
namespace {

TEST(Mailbox, ParsesEveryFormOfRfc5321) {
  struct Row {
    std::string_view text, local, domain;
  };
  const Row rows[] = {
      {"test@163.com", "test", "163.com"},
      {"a.b+c=d@sub.example.org", "a.b+c=d", "sub.example.org"},
      {"\"a b\"@x", "a b", "x"},
      {"\"a\\\"b\\\\c\"@x", "a\"b\\c", "x"},
      {"\"a@b\"@here", "a@b", "here"},
      {"\"\"@x", "", "x"},
      {"a@[192.0.2.1]", "a", "[192.0.2.1]"},
      {"a@[IPv6:2001:db8::1]", "a", "[IPv6:2001:db8::1]"},
      {"測試@例子.測試", "測試", "例子.測試"},
      {"_x@_y.example", "_x", "_y.example"},
  };
  for (const auto& row : rows) {
    const auto mailbox = Mailbox::parse(row.text);
    ASSERT_TRUE(mailbox) << row.text << ' ' << mailbox.error();
    EXPECT_EQ(mailbox->local, row.local);
    EXPECT_EQ(mailbox->domain, row.domain);
    EXPECT_EQ(mailbox->text(), row.text);
  }
}

// Large providers gave such addresses to their users. A bare one is accepted and
// written as a Quoted-string, the form of RFC 5321.
TEST(Mailbox, TakesDotsInARowAndAtTheEnd) {
  for (const std::string text : {"a..b", "ab.", "a...b.."}) {
    const auto mailbox = Mailbox::parse(text + "@mobile.example");
    ASSERT_TRUE(mailbox) << mailbox.error();
    EXPECT_EQ(mailbox->local, text);
    EXPECT_EQ(mailbox->text(), '"' + text + "\"@mobile.example");
    EXPECT_EQ(Mailbox::parse(mailbox->text()).value(), *mailbox);
  }
}

TEST(Mailbox, ReportsErrorAndColumn) {
  struct Row {
    std::string text;
    std::string_view detail;
  };
  const std::string long_local(65, 'a');
  const Row rows[] = {
      {"", "the local part is missing (column 1)"},
      {"a", "expected @ after the local part (column 2)"},
      {"a@", "the domain is missing (column 3)"},
      {".a@x", "the local part begins with a dot (column 1)"},
      {"..@x", "the local part begins with a dot (column 1)"},
      {"a@x..y", "the domain contains an empty label (column 5)"},
      {"a@x.", "the domain ends with a dot (column 5)"},
      {"a@-x", "a label of the domain begins with a hyphen (column 3)"},
      {"a@x-", "the domain ends with a hyphen (column 5)"},
      {"a@b@c", "unexpected text after the domain (column 4)"},
      {"a@x y", "unexpected text after the domain (column 4)"},
      {"\"a@x", "the closing quote of the local part is missing (column 5)"},
      {"\"\xff\"@x", "the local part is not UTF-8 (column 3)"},
      {long_local + "@x", "the local part is longer than 64 bytes (column 65)"},
      {"\"" + long_local + "\"@x", "the local part is longer than 64 bytes (column 66)"},
      {"a@" + std::string(64, 'b'), "a label of the domain is longer than 63 bytes (column 66)"},
  };
  for (const auto& row : rows) {
    const auto mailbox = Mailbox::parse(row.text);
    ASSERT_FALSE(mailbox) << row.text;
    EXPECT_EQ(mailbox.error().fault, Fault::input);
    EXPECT_EQ(mailbox.error().detail, row.detail) << row.text;
  }
}

TEST(Mailbox, RefusesADomainOver255Bytes) {
  std::string domain;
  for (int i = 0; i < 127; ++i) domain += "a.";
  EXPECT_TRUE(Mailbox::parse("x@" + domain + "a"));
  EXPECT_FALSE(Mailbox::parse("x@" + domain + "a.b"));
}

TEST(Mailbox, RefusesInvalidAddressLiterals) {
  for (const std::string_view bad : {"a@[", "a@[]", "a@[1.2.3]", "a@[1.2.3.256]", "a@[IPv6:]",
                                     "a@[IPv6:1.2.3.4]", "a@[::1]", "a@[1.2.3.4]x"}) {
    EXPECT_FALSE(Mailbox::parse(bad)) << bad;
  }
  EXPECT_FALSE(Mailbox::parse(std::string_view("a@[1.2.3.4\0]", 12)));
}

TEST(Mailbox, ComparesDomainsCaseInsensitively) {
  EXPECT_EQ(*Mailbox::parse("a@EXAMPLE.org"), *Mailbox::parse("a@example.ORG"));
  EXPECT_FALSE(*Mailbox::parse("A@x") == *Mailbox::parse("a@x"));
  EXPECT_TRUE(Mailbox{}.is_null());
  EXPECT_EQ(Mailbox{}.text(), "");
  EXPECT_TRUE(Mailbox::parse("ä@x")->needs_utf8());
  EXPECT_FALSE(Mailbox::parse("a@x")->needs_utf8());
}

// Row 4: an address never contains a control character, quoted or not.
TEST(Row4, NoControlByteInAMailbox) {
  for (int byte = 0; byte < 0x100; ++byte) {
    const char c = static_cast<char>(byte);
    if (!is_control(c)) continue;
    for (const auto& text : {std::string("a") + c + "@x", std::string("a@x") + c,
                             std::string("\"") + c + "\"@x", std::string("\"\\") + c + "\"@x",
                             std::string("a@[1.2.3.4") + c + "]", std::string("a@x") + c + "y"}) {
      EXPECT_FALSE(Mailbox::parse(text)) << byte;
    }
  }
}

// Row 6: a local part that needs quotes is written with them, so that no part of it can be taken
// for a route or a parameter.
TEST(Row6, AQuotedLocalPartStaysQuoted) {
  for (const std::string_view local :
       {"a@b", "a b", "a> SIZE=1", "a,b", "", "a\"b", ".", "a.", "\"a\""}) {
    const Mailbox mailbox{std::string(local), "example.org"};
    const auto text = mailbox.text();
    EXPECT_EQ(text.front(), '"') << text;
    const auto again = Mailbox::parse(text);
    ASSERT_TRUE(again) << text;
    EXPECT_EQ(again->local, local);
    EXPECT_EQ(again->domain, "example.org");
    EXPECT_TRUE(local.empty() || Mailbox({std::string(local), ""}).text().front() == '"');
  }
}

}  // namespace
}  // namespace postroad
