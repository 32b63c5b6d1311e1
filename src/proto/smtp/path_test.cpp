// Tables of paths, parameters and xtext; the mailbox grammar has its tests in mail/. Row33 is the
// row of open relays: a path must have one meaning.
#include "proto/smtp/path.hpp"

#include <gtest/gtest.h>

namespace postroad::smtp {
namespace {

std::string eaten(std::string_view text, PathRules rules = {}) {
  const auto path = eat_path(text, rules);
  if (!path) return "error: " + path.error().detail;
  return path->text() + (text.empty() ? "" : "|" + std::string(text));
}

TEST(Path, IsTakenFromTheFront) {
  EXPECT_EQ(eaten("<a@x.example>"), "a@x.example");
  EXPECT_EQ(eaten("<a@x.example> SIZE=1"), "a@x.example| SIZE=1");
  EXPECT_EQ(eaten("<a@[192.0.2.1]>"), "a@[192.0.2.1]");
  EXPECT_EQ(eaten("<a@[IPv6:2001:db8::1]>"), "a@[IPv6:2001:db8::1]");
  EXPECT_EQ(eaten("<\"a b\"@x.example>"), "\"a b\"@x.example");
  EXPECT_EQ(eaten("<\"plain\"@x.example>"), "plain@x.example");
  EXPECT_EQ(eaten("<postmaster>"), "postmaster");
  EXPECT_EQ(eaten("<PostMaster>"), "PostMaster");
}

TEST(Path, NullAndBareOnlyWhereTheRulesAllowThem) {
  EXPECT_EQ(eaten("<>", {.null = true}), "");
  EXPECT_TRUE(eaten("<>").starts_with("error"));
  EXPECT_EQ(eaten("a@x.example size=1", {.bare = true}), "a@x.example| size=1");
  EXPECT_TRUE(eaten("a@x.example").starts_with("error"));
  EXPECT_EQ(eaten("a@x.example>", {.bare = true}), "a@x.example|>");
}

TEST(Row33, ASourceRouteIsDroppedAndNothingElseIsReadTwice) {
  EXPECT_EQ(eaten("<@one.example:a@x.example>"), "a@x.example");
  EXPECT_EQ(eaten("<@one.example,@[192.0.2.1]:a@x.example>"), "a@x.example");
  EXPECT_EQ(eaten("<a%far.example@x.example>"), "a%far.example@x.example");
  EXPECT_EQ(eaten("<far.example!a@x.example>"), "far.example!a@x.example");
  EXPECT_EQ(eaten("<\"a@far.example\"@x.example>"), "\"a@far.example\"@x.example");
  EXPECT_EQ(eaten("<\"@one.example:a\"@x.example>"), "\"@one.example:a\"@x.example");
}

TEST(Path, Refusals) {
  for (const std::string_view bad : {"",
                                     "<",
                                     ">",
                                     "<a",
                                     "<a@",
                                     "<a@x",
                                     "<a>",
                                     "<@x.example>",
                                     "<@x.example:>",
                                     "<@:a@x.example>",
                                     "<a@x@y>",
                                     "<a b@x>",
                                     "< a@x.example>",
                                     "<a@x.example >",
                                     "<<a@x.example>>",
                                     "<a@x.example,b@x.example>",
                                     "<a@[1.2.3]>",
                                     "<a@[IPv6:::g]>",
                                     "<.a@x.example>",
                                     "<a@-x.example>",
                                     "<a@x.example.>",
                                     "<\"a@x.example>",
                                     "<@one.example@two.example>",
                                     "<(c)a@x.example>"}) {
    EXPECT_TRUE(eaten(bad, {.null = true}).starts_with("error"))
        << bad << " gave " << eaten(bad, {.null = true});
  }
}

TEST(Row4, NoControlCharacterPasses) {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    if (c >= 0x20 && c != 0x7f) continue;
    const std::string local = std::string("<a") + byte + "b@x.example>";
    const std::string quoted = std::string("<\"a\\") + byte + "b\"@x.example>";
    const std::string domain = std::string("<a@x") + byte + ".example>";
    EXPECT_TRUE(eaten(local).starts_with("error")) << c;
    EXPECT_TRUE(eaten(quoted).starts_with("error")) << c;
    EXPECT_TRUE(eaten(domain).starts_with("error")) << c;
  }
}

TEST(Row6, WrittenPathsAreReadTheSame) {
  for (const std::string_view local :
       {"a", "a b", "a\"b", "a\\b", "", ".", "a@b", "> SIZE=1", "測試", "a..b", " ", "("}) {
    const Mailbox mailbox{std::string(local), "x.example"};
    const auto text = '<' + mailbox.text() + '>';
    std::string_view rest = text;
    const auto again = eat_path(rest, {});
    ASSERT_TRUE(again) << text;
    EXPECT_EQ(again->local, local);
    EXPECT_EQ(rest, "") << text;
  }
}

TEST(Parameters, AreViewsInTheirOrder) {
  const auto parameters = parse_parameters("  SIZE=10 SMTPUTF8  x-y=1+2Bz ", 16);
  ASSERT_TRUE(parameters);
  ASSERT_EQ(parameters->size(), 3U);
  EXPECT_EQ((*parameters)[0].keyword, "SIZE");
  EXPECT_EQ((*parameters)[0].value, "10");
  EXPECT_EQ((*parameters)[1].keyword, "SMTPUTF8");
  EXPECT_EQ((*parameters)[1].value, std::nullopt);
  EXPECT_EQ((*parameters)[2].value, "1+2Bz");
  EXPECT_TRUE(parse_parameters("", 16)->empty());
  EXPECT_TRUE(parse_parameters("   ", 16)->empty());
}

TEST(Parameters, Refusals) {
  for (const std::string_view bad : {"SIZE=1", " =1", " SIZE=", " A=1=2", " -A", " A A", " a=1 A=2",
                                     " A_B", " \xc3\xa9", " A=\x01"}) {
    EXPECT_FALSE(parse_parameters(bad, 16)) << bad;
  }
  EXPECT_TRUE(parse_parameters(" A B C", 3));
  EXPECT_FALSE(parse_parameters(" A B C D", 3));
  EXPECT_FALSE(parse_parameters(" A", 0));
}

TEST(Xtext, EveryByteComesBack) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  const auto encoded = encode_xtext(all);
  for (const char c : encoded) EXPECT_TRUE(c > ' ' && c < 0x7f && c != '=') << c;
  EXPECT_EQ(decode_xtext(encoded), all);
  EXPECT_EQ(encode_xtext("e=mc2@example.com"), "e+3Dmc2@example.com");
  EXPECT_EQ(decode_xtext(""), "");
  for (const std::string_view bad :
       {"+", "+3", "a+3", "+3d", "+GG", "a b", "a=b", "\xff", "\x01"}) {
    EXPECT_EQ(decode_xtext(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace postroad::smtp
