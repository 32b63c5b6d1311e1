// format=flowed both ways (RFC 3676): breaking, stuffing, joining, quotes, DelSp.
#include "mail/flowed.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace postroad::mail {
namespace {

TEST(Flowed, LinesAreBrokenBehindBlanksAndJoinedAgain) {
  std::string words;
  for (int i = 0; i < 40; ++i) words += "word" + std::to_string(i) + (i < 39 ? " " : "\r\n");
  const auto flowed = flow(words);
  EXPECT_GT(std::count(flowed.begin(), flowed.end(), '\n'), 3);
  EXPECT_EQ(unflow(flowed), words);
}

TEST(Flowed, WhatLooksLikeMoreIsStuffed) {
  EXPECT_EQ(flow(" a\r\n> b\r\nFrom c\r\n"), "  a\r\n > b\r\n From c\r\n");
  EXPECT_EQ(unflow("  a\r\n > b\r\n From c\r\n"), " a\r\n> b\r\nFrom c\r\n");
}

TEST(Flowed, ASignatureMarkDoesNotFlow) {
  EXPECT_EQ(flow("a \r\n-- \r\nb"), "a\r\n-- \r\nb\r\n");
  EXPECT_EQ(unflow("a \r\n-- \r\nb\r\n"), "a \r\n-- \r\nb\r\n");
}

TEST(Flowed, ABreakDoesNotMakeASignatureMark) {
  const auto link = "-- " + std::string(80, 'x');
  EXPECT_EQ(flow(link + "\r\n"), link + "\r\n");
  EXPECT_EQ(flow(link + " more\r\n"), link + " \r\nmore\r\n");
  const auto behind = std::string(70, 'w') + " " + link + "\r\n";
  EXPECT_EQ(unflow(flow(behind)), behind);
}

TEST(Flowed, QuotedLinesFlowWithinTheirDepth) {
  EXPECT_EQ(unflow("> a \r\n> b\r\n>> c \r\n> d\r\n"), "> a b\r\n>> c \r\n> d\r\n");
}

TEST(Flowed, DelSpTakesTheBlankOfTheBreakAway) {
  EXPECT_EQ(unflow("\xe9\x95\xb7 \r\n\xe9\x95\xb7\r\n", true), "\xe9\x95\xb7\xe9\x95\xb7\r\n");
  EXPECT_EQ(unflow("two  \r\nwords\r\n-- \r\nme\r\n", true), "two words\r\n-- \r\nme\r\n");
  EXPECT_EQ(unflow("> a \r\n> b\r\n", true), "> ab\r\n");
}

}  // namespace
}  // namespace postroad::mail
