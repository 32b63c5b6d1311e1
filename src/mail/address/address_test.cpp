// Address lists (RFC 5322 §3.4): accepted forms, errors with their columns, limits.
#include <postroad/address.hpp>

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "mail/read/test_messages.hpp"

namespace postroad::mail {
namespace {

std::string shown(std::string_view list, AddressRules rules = {}) {
  const auto parsed = parse_address_list(list, rules);
  if (!parsed) return "! " + parsed.error().detail;
  std::string out;
  for (const auto& address : *parsed) {
    out += (out.empty() ? "" : " | ") + address.name + '=' + address.mailbox.text();
  }
  return out;
}

TEST(AddressList, ParsesCommonForms) {
  struct Row {
    std::string_view list, meaning;
  };
  const Row rows[] = {
      {"test <test@163.com>", "test=test@163.com"},
      {"test@gmail.com, friend@example.org", "=test@gmail.com | =friend@example.org"},
      {" ,, a@b , ", "=a@b"},
      {"", ""},
      {"<a@b>", "=a@b"},
      {"\"Doe, J.\" <j@x>", "Doe, J.=j@x"},
      {"J. R. Doe <j@x>", "J. R. Doe=j@x"},
      {"\"say \\\"hi\\\"\" <j@x>", "say \"hi\"=j@x"},
      {"Jo \"the, man\" Doe <j@x>", "Jo the, man Doe=j@x"},
      {"李四 <li@x>", "李四=li@x"},
      {"a@b (Old Style)", "Old Style=a@b"},
      {"(c1) a (c2(nested)) <(c3) a@b (c4)>(c5), c@d", "a=a@b | =c@d"},
      {"Team: a@b, C <c@d>;, e@f", "=a@b | C=c@d | =e@f"},
      {"undisclosed-recipients:;", ""},
      {"<@relay.example,@two.example:a@b>", "=a@b"},
      {"\"a b\"@x, \"c,d\" <\"e@f\"@g>", "=\"a b\"@x | c,d=\"e@f\"@g"},
      {"a @ b", "=a@b"},
      {"a\r\n <a@b>,\r\n\tc@d", "a=a@b | =c@d"},
      {"a@[IPv6:::1]", "=a@[IPv6:::1]"},
  };
  for (const auto& row : rows) EXPECT_EQ(shown(row.list), row.meaning) << row.list;
}

TEST(AddressList, ReportsErrorAndColumn) {
  struct Row {
    std::string_view list, detail;
  };
  const Row rows[] = {
      {"root", "! expected @ after the local part (column 5)"},
      {"a@b c@d", "! expected a comma before the next address (column 5)"},
      {"a b", "! expected @ after the local part (column 3)"},
      {"x <a@b", "! the closing angle bracket is missing (column 7)"},
      {"x <>", "! no address between the angle brackets (column 4)"},
      {"\"x <a@b>", "! the closing quote of a name is missing (column 9)"},
      {"(x a@b", "! the closing parenthesis of a comment is missing (column 7)"},
      {"G: a@b", "! the closing semicolon of a group is missing (column 7)"},
      {"a@b <c@d>", "! a display name with @ must be quoted: \"a@b\" <a@b> (column 5)"},
      {"a@b, @c", "! the local part is missing (column 6)"},
      {"<a@b>>", "! expected a comma before the next address (column 6)"},
      {"G: H: a@b;;", "! expected @ after the local part (column 5)"},
      {"\xff@b", "! the local part is not UTF-8 (column 2)"},
  };
  for (const auto& row : rows) EXPECT_EQ(shown(row.list), row.detail) << row.list;
}

TEST(AddressList, AcceptsALocalPartAloneOnlyIfAllowed) {
  EXPECT_EQ(shown("root, Cron <daemon>, a@b", {.unqualified = true}), "=root | Cron=daemon | =a@b");
  EXPECT_EQ(shown("Cron <daemon>").front(), '!');
  EXPECT_EQ(shown("\"\"", {.unqualified = true}).front(), '!');
}

// Row 26: nesting is limited and time is linear: a quadratic parser needs hours for these lists.
TEST(Row26, DeepAndLongListsAreCheap) {
  const std::size_t n = 1'000'000;
  EXPECT_EQ(shown(std::string(n, '(')), "! comments are nested deeper than 16 (column 17)");
  const std::string repeated[] = {
      "(",   "()",  "(\\", "<",    "\"", "\"\" ",          ",",      ":", "a:", "a:;",  ";", "@",
      "@a,", "<@a", "a ",  "a@b,", "=?", "=?utf-8?q?a?= ", "=?a?q?", "[", "a(", "a@b(", "\\"};
  for (const auto& piece : repeated) {
    std::string list;
    while (list.size() + piece.size() <= n) list += piece;
    const auto parsed = parse_address_list(list);
    if (parsed) {
      EXPECT_LE(parsed->size(), max_addresses);
    }
  }
  EXPECT_TRUE(parse_address_list(std::string(max_address_list, ',')));
  EXPECT_FALSE(parse_address_list(std::string(max_address_list + 1, ',')));
  std::string many = "a@b";
  for (std::size_t i = 1; i < max_addresses; ++i) many += ",a@b";
  EXPECT_EQ(parse_address_list(many)->size(), max_addresses);
  EXPECT_FALSE(parse_address_list(many + ",a@b"));
}

// Row 49: a decoded encoded-word is displayed and never parsed.
TEST(Row49, ADecodedNameIsNeverParsedAgain) {
  EXPECT_EQ(shown("=?utf-8?q?evil=40x=2C_b=40c?= <c@d>"), "evil@x, b@c=c@d");
  EXPECT_EQ(shown("=?utf-8?b?PGV2aWxAeD4=?= <c@d>"), "<evil@x>=c@d");
  EXPECT_EQ(shown("=?utf-8?q?evil=40x?="), "! expected @ after the local part (column 21)");
  // In a local part it is not decoded.
  EXPECT_EQ(shown("=?utf-8?q?a=40b?=@c"), "==?utf-8?q?a=40b?=@c");
  // Nested encoded-words are decoded once, quoted ones not at all.
  EXPECT_EQ(shown("=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3F=3D?= <c@d>"), "=?utf-8?q?a?==c@d");
  EXPECT_EQ(shown("\"=?utf-8?q?a?=\" <c@d>"), "=?utf-8?q?a?==c@d");
  // Line ends in a decoded name become spaces.
  EXPECT_EQ(shown("=?utf-8?q?a=0D=0ABcc=3A_x?= <c@d>"), "a  Bcc: x=c@d");
  EXPECT_EQ(shown("a%b@c, a!b@c, \"a%b\"@c"), "=a%b@c | =a!b@c | =a%b@c");
}

TEST(AddressList, KeepsGroupNamesIfAskedTo) {
  const auto list =
      parse_address_list("team: a@x, \"B, b\" <b@x>;, nobody:;, c@x", {.groups = true});
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 4U);
  EXPECT_EQ((*list)[0].group, "team");
  EXPECT_EQ((*list)[1].group, "team");
  EXPECT_EQ((*list)[2].group, "nobody");
  EXPECT_TRUE((*list)[2].mailbox.is_null());
  EXPECT_EQ((*list)[3].group, "");
  EXPECT_EQ(parse_address_list("team: a@x;, nobody:;")->size(), 1U);
}

TEST(AddressList, TolerantParsingKeepsTheReadableEntries) {
  const auto names = [](std::string_view text) {
    std::string out;
    const auto list = parse_address_list(text, {.tolerant = true});
    if (!list) return "error " + list.error().detail;
    for (const auto& one : *list) out += one.mailbox.text() + ' ';
    return out;
  };
  EXPECT_EQ(names("a@x, broken, b@x"), "a@x b@x ");
  EXPECT_EQ(names("a@x b@x, c@x"), "a@x c@x ");
  EXPECT_EQ(names("\"a, b\" <no>, <c@x"), "");
  EXPECT_EQ(names("team: a@x, ??, b@x"), "a@x b@x ");
  EXPECT_EQ(names("<a@x>>, (b, c@x"), "a@x ");
  EXPECT_EQ(names(";;;,,,\"open"), "");
  EXPECT_EQ(names(std::string(100'000, '<')), "");
}

TEST(Address, TextParsesBackToTheSameAddress) {
  const Mailbox mailbox{"a", "x.example"};
  EXPECT_EQ((Address{"", mailbox}.text()), "a@x.example");
  EXPECT_EQ((Address{"J. R. Doe", mailbox}.text()), "J. R. Doe <a@x.example>");
  EXPECT_EQ((Address{"Doe, \"J\"", mailbox}.text()), "\"Doe, \\\"J\\\"\" <a@x.example>");
  EXPECT_EQ((Address{"=?utf-8?q?x?=", mailbox}.text()), "\"=?utf-8?q?x?=\" <a@x.example>");
  for (const auto& ends :
       std::vector<std::string>{"\r", "\n", std::string(1, '\0'), "=?\r\nBcc: b@y"}) {
    const Address address{"x" + ends + "y", mailbox};
    EXPECT_TRUE(Message{}.to(address.text()).error()) << printable(address.text());
  }
  for (char32_t point = 0x20; point < 0x3000; ++point) {
    if (point == 0x7f) continue;
    const std::string middle = mail::utf8(point);
    for (const auto& name : {"x" + middle + "y", middle + middle + "=?", "a b" + middle}) {
      const Address address{name, mailbox};
      const auto list = parse_address_list(address.text() + ", b@y");
      ASSERT_TRUE(list && list->size() == 2) << address.text();
      EXPECT_EQ(list->front().name, trim(name)) << address.text();
      EXPECT_EQ(list->front().mailbox, mailbox);
    }
  }
}

}  // namespace
}  // namespace postroad::mail
