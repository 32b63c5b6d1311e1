// The reply parser over every split and every limit, and the writer.
// Row16, Row17 and Row50 are rows of tests/transcripts/guards.md: endless replies, replies cut or
// joined at any byte, terminal escapes in replies.
#include "proto/smtp/reply.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace postroad::smtp {
namespace {

struct Parsed {
  std::vector<Reply> replies;
  std::string error;
  bool inside = false;
};

Parsed parse_in(const std::vector<std::string>& pieces, ReplyLimits limits = {}) {
  ReplyParser parser(limits);
  Parsed parsed;
  for (const auto& piece : pieces) {
    std::string_view input = piece;
    while (!input.empty()) {
      auto reply = parser.parse(input);
      if (!reply) {
        parsed.error = reply.error().detail;
        return parsed;
      }
      if (*reply) parsed.replies.push_back(std::move(**reply));
    }
  }
  parsed.inside = parser.is_inside();
  return parsed;
}

TEST(Row17, RepliesMeanTheSameInEverySplit) {
  const std::string bytes =
      "220 hi\r\n250-mx\r\n250-\r\n250 2.1.0 \xe6\xb8\xac\xe8\xa9\xa6\r\n354\r\n550-5.1.1 a\n550 "
      "5.1.1 b\n";
  const auto whole = parse_in({bytes});
  ASSERT_EQ(whole.error, "");
  ASSERT_EQ(whole.replies.size(), 4U);
  EXPECT_EQ(whole.replies[0], (Reply{220, {}, "hi"}));
  EXPECT_EQ(whole.replies[1], (Reply{250, {2, 1, 0}, "mx\n\n\xe6\xb8\xac\xe8\xa9\xa6"}));
  EXPECT_EQ(whole.replies[2], (Reply{354, {}, ""}));
  EXPECT_EQ(whole.replies[3], (Reply{550, {5, 1, 1}, "a\nb"}));
  for (std::size_t i = 0; i <= bytes.size(); ++i) {
    for (std::size_t j = i; j <= bytes.size(); ++j) {
      const auto cut = parse_in({bytes.substr(0, i), bytes.substr(i, j - i), bytes.substr(j)});
      ASSERT_EQ(cut.error, "");
      ASSERT_EQ(cut.replies, whole.replies) << i << ' ' << j;
      ASSERT_FALSE(cut.inside);
    }
  }
}

TEST(Row17, HalfAReplyIsNone) {
  for (const std::string_view half :
       {"2", "250", "250 ok", "250 ok\r", "250-ok\r\n", "250-ok\r\n250"}) {
    const auto parsed = parse_in({std::string(half)});
    EXPECT_TRUE(parsed.replies.empty()) << half;
    EXPECT_TRUE(parsed.inside) << half;
    EXPECT_EQ(parsed.error, "");
  }
}

TEST(Row16, LinesThatAreNoReply) {
  for (const std::string_view bad :
       {"\r\n", "   \r\n", "25\r\n", "2500 x\r\n", "250x\r\n", "ok\r\n", "199 x\r\n", "600 x\r\n",
        "000 x\r\n", "-50 x\r\n", "2 0 x\r\n", "250-a\r\nok\r\n", "250-a\r\n251 b\r\n",
        "250-a\r\n550 b\r\n", "250-a\r\n\r\n"}) {
    const auto parsed = parse_in({std::string(bad)});
    EXPECT_FALSE(parsed.error.empty()) << bad;
    EXPECT_TRUE(parsed.replies.empty()) << bad;
  }
}

TEST(Row16, EveryLimitStopsAndAllowsWhatIsBelow) {
  const ReplyLimits limits{.line = 10, .lines = 3, .total = 20};
  EXPECT_EQ(parse_in({"250 12345\r\n"}, limits).replies.size(), 1U);  // ten bytes with the CR
  EXPECT_NE(parse_in({"250 1234567\r\n"}, limits).error, "");
  EXPECT_NE(parse_in({"250 1234567"}, limits).error, "")
      << "an endless line is found before its end";
  EXPECT_EQ(parse_in({"250-\r\n250-\r\n250 \r\n"}, limits).replies.size(), 1U);
  EXPECT_NE(parse_in({"250-\r\n250-\r\n250-\r\n250 \r\n"}, limits).error, "");
  EXPECT_NE(parse_in({"250-12345\r\n250-12345\r\n250 12345\r\n"}, limits).error, "");
}

TEST(Row16, TheLimitsBelongToOneReply) {
  std::string many;
  for (int i = 0; i < 100; ++i) many += "250-a\r\n250 b\r\n";
  EXPECT_EQ(parse_in({many}, {.line = 10, .lines = 2, .total = 20}).replies.size(), 100U);
}

TEST(EnhancedStatus, IsTakenOnlyWhereItFitsTheCode) {
  const auto eaten = [](std::string_view text, int code) {
    const auto status = eat_enhanced_status(text, code);
    return (status ? status->text() : std::string("none")) + '|' + std::string(text);
  };
  EXPECT_EQ(eaten("2.1.0 Ok", 250), "2.1.0|Ok");
  EXPECT_EQ(eaten("5.7.11", 538), "5.7.11|");
  EXPECT_EQ(eaten("4.999.999 x", 450), "4.999.999|x");
  for (const std::string_view none :
       {"5.1.1 x", "2.1 x", "2.1.0x", "2..0 x", "2.1.1000 x", "", ".", "2", "2.1.", "x"}) {
    EXPECT_EQ(eaten(none, 250), "none|" + std::string(none));
  }
  EXPECT_EQ(eaten("3.0.0 x", 334), "none|3.0.0 x");
}

TEST(Row4, NoTextBreaksALineOfAReply) {
  std::string out;
  format({250, {2, 1, 5}, std::string("a\r\rb\0c\nd", 8)}, out);
  EXPECT_EQ(out, "250-2.1.5 a  b c\r\n250 2.1.5 d\r\n");
}

TEST(Reply, WrittenAndReadIsTheSame) {
  for (const auto& reply :
       {Reply{250, {2, 0, 0}, "Ok"}, Reply{354, {}, ""}, Reply{214, {2, 0, 0}, "a\n\nb\n"},
        Reply{451, {4, 3, 0}, "\xe6\xb8\xac"}, Reply{220, {}, "a\nb"}}) {
    std::string out;
    format(reply, out);
    EXPECT_EQ(parse_in({out}).replies, std::vector<Reply>{reply}) << out;
  }
}

TEST(Reply, ALineWithoutACodeIsTheTextAlone) {
  EXPECT_EQ((Reply{0, {}, "abandoned"}).one_line(), "abandoned");
  EXPECT_EQ((Reply{250, {2, 0, 0}, "Ok"}).one_line(), "250 2.0.0 Ok");
  EXPECT_EQ(Reply{}.one_line(), "");
}

TEST(Row50, OneLineIsShortAndHoldsNoControl) {
  const Reply evil{550,
                   {5, 7, 1},
                   "\x1b[2J\x07\n\xc2\x9b"
                   "31m\r" +
                       std::string(100000, 'x')};
  const auto line = evil.one_line();
  EXPECT_LT(line.size(), 1200U);
  EXPECT_TRUE(line.starts_with("550 5.7.1 \\x1b[2J\\x07 \\xc2\\x9b31m\\x0dxxx"))
      << line.substr(0, 60);
  for (const char c : line) EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f);
}

}  // namespace
}  // namespace postroad::smtp
