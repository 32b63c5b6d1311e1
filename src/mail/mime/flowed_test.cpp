// Breaking and joining lines of format=flowed (RFC 3676).
#include "mail/mime/flowed.hpp"

#include <gtest/gtest.h>

#include <random>

#include "base/text.hpp"

namespace postroad::mail {
namespace {

TEST(Flowed, BreaksLongLinesAfterABlank) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "word" + std::to_string(i) + ' ';
  text.pop_back();
  const auto flowed = flow(text + "\r\n");
  for (const auto line : split(flowed, '\n')) EXPECT_LE(line.size(), 74U) << line;
  EXPECT_GT(split(flowed, '\n').size(), 3U);
  EXPECT_EQ(unflow(flowed), text + "\r\n");
}

TEST(Flowed, SpaceStuffsSpecialLines) {
  EXPECT_EQ(flow(" indented\r\n> a mark\r\nFrom here\r\nplain\r\n"),
            "  indented\r\n > a mark\r\n From here\r\nplain\r\n");
  EXPECT_EQ(unflow("  indented\r\n > a mark\r\n From here\r\n"),
            " indented\r\n> a mark\r\nFrom here\r\n");
}

TEST(Flowed, NeverDividesAWord) {
  const std::string url = "https://example.org/" + std::string(200, 'x');
  EXPECT_EQ(flow(url + "\r\n"), url + "\r\n");
  EXPECT_EQ(flow("see " + url + " there\r\n"), "see \r\n" + url + " \r\nthere\r\n");
}

TEST(Flowed, CountsCharactersNotBytes) {
  std::string text;
  for (int i = 0; i < 10; ++i) text += "測試測試測 ";
  text.pop_back();  // 59 columns, 159 bytes
  EXPECT_EQ(flow(text + "\r\n"), text + "\r\n");
}

TEST(Flowed, RemovesTrailingBlanksThatWouldJoinLines) {
  EXPECT_EQ(flow("one  \r\ntwo\r\n"), "one\r\ntwo\r\n");
  EXPECT_EQ(flow("   \r\nx\r\n"), "\r\nx\r\n");
}

TEST(Flowed, KeepsTheSignatureSeparator) {
  EXPECT_EQ(flow("text\r\n-- \r\nme\r\n"), "text\r\n-- \r\nme\r\n");
  EXPECT_EQ(unflow("text \r\n-- \r\nme\r\n"), "text \r\n-- \r\nme\r\n");
  const std::string word(71, 'x');
  const auto text = word + " -- " + word + "\r\n";
  EXPECT_EQ(unflow(flow(text)), text);
}

TEST(Flowed, JoinsQuotesOfEqualDepth) {
  EXPECT_EQ(unflow("> one \r\n> two\r\n>> other \r\nmine\r\n"),
            "> one two\r\n>> other \r\nmine\r\n");
  EXPECT_EQ(unflow("open "), "open \r\n");
  EXPECT_EQ(unflow(""), "");
}

TEST(Flowed, UnflowRestoresTheText) {
  constexpr std::string_view words[] = {
      "a",    "-- ", ">",  "From ", "測試", "long-word-of-some-size",
      "\r\n", " ",   "  ", "x y z", "--",   ">>"};
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    const auto count = random() % 60;
    for (std::size_t i = 0; i < count; ++i) {
      text += words[random() % std::size(words)];
      text += random() % 3 == 0 ? "" : " ";
    }
    text += "\r\n";
    std::string kept;  // trailing spaces are not kept
    for (auto line : split(text, '\n')) {
      if (line.ends_with('\r')) line.remove_suffix(1);
      const bool mark = line == "-- ";
      while (!mark && line.ends_with(' ')) line.remove_suffix(1);
      kept += std::string(line) + "\r\n";
    }
    kept.erase(kept.size() - 2);
    ASSERT_EQ(unflow(flow(text)), kept) << round;
  }
}

TEST(Flowed, ABreakNeverMakesASignatureSeparator) {
  const auto link = "-- " + std::string(80, 'x');
  EXPECT_EQ(flow(link + "\r\n"), link + "\r\n");
  EXPECT_EQ(flow(link + " more\r\n"), link + " \r\nmore\r\n");
  const auto behind = std::string(70, 'w') + " " + link + "\r\n";
  EXPECT_EQ(unflow(flow(behind)), behind);
}

TEST(Flowed, DelSpRemovesTheBlankOfABreak) {
  EXPECT_EQ(unflow("\xe9\x95\xb7 \r\n\xe9\x95\xb7\r\n", true), "\xe9\x95\xb7\xe9\x95\xb7\r\n");
  EXPECT_EQ(unflow("two  \r\nwords\r\n-- \r\nme\r\n", true), "two words\r\n-- \r\nme\r\n");
  EXPECT_EQ(unflow("> a \r\n> b\r\n", true), "> ab\r\n");
}

}  // namespace
}  // namespace postroad::mail
