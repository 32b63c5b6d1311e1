// Lines in every chunking, at the limit, and with each kind of end.
#include "proto/smtp/server/line_reader.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace postroad::smtp {
namespace {

using Found = LineReader::Found;
using Lines = std::vector<std::pair<Found, std::string>>;

Lines read(std::string_view text, std::size_t piece, bool accept_bare_lf = false,
           std::size_t limit = 16) {
  LineReader reader;
  Lines lines;
  while (!text.empty()) {
    auto input = text.substr(0, piece);
    text.remove_prefix(input.size());
    do {
      const auto line = reader.take(input, limit, accept_bare_lf);
      if (line.found != Found::nothing) lines.emplace_back(line.found, std::string(line.text));
    } while (!input.empty());
  }
  return lines;
}

TEST(LineReader, GivesTheSameLinesInEveryChunking) {
  const std::string text = "NOOP\r\n\r\n a b \r\nx\ny\r\n" + std::string(30, 'z') + "\r\nQUIT\r\n";
  const Lines strict{{Found::line, "NOOP"}, {Found::line, ""},  {Found::line, " a b "},
                     {Found::bare_lf, ""},  {Found::line, "y"}, {Found::too_long, ""},
                     {Found::line, "QUIT"}};
  auto lenient = strict;
  lenient[3] = {Found::line, "x"};
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    EXPECT_EQ(read(text, piece), strict) << piece;
    EXPECT_EQ(read(text, piece, true), lenient) << piece;
  }
}

TEST(LineReader, TellsABareLfAtTheEndOfALineThatIsTooLong) {
  const std::string text = std::string(30, 'z') + "\nQUIT\r\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    EXPECT_EQ(read(text, piece).front().first, Found::bare_lf) << piece;
    EXPECT_EQ(read(text, piece, true).front().first, Found::too_long) << piece;
  }
}

TEST(LineReader, TakesALineOfTheLimitAndNoLongerOne) {
  const std::string fits(14, 'a');  // and CRLF: 16 bytes
  for (std::size_t piece = 1; piece <= 20; ++piece) {
    EXPECT_EQ(read(fits + "\r\n", piece).front().first, Found::line) << piece;
    EXPECT_EQ(read(fits + "a\r\n", piece).front().first, Found::too_long) << piece;
  }
}

TEST(LineReader, StopsAtABdatThatIsTooLongBeforeItsEnd) {
  const std::string text = "BDAT 7 " + std::string(30, ' ');
  for (std::size_t piece = 1; piece <= text.size(); ++piece)
    EXPECT_EQ(read(text, piece).front().first, Found::bdat_too_long) << piece;
  for (std::size_t first = 1; first < 10; ++first) {
    LineReader reader;
    auto begin = std::string_view(text).substr(0, first);
    auto rest = std::string_view(text).substr(first);
    EXPECT_EQ(reader.take(begin, 16, false).found, Found::nothing);
    EXPECT_EQ(reader.take(rest, 16, false).found, Found::bdat_too_long) << first;
  }
}

}  // namespace
}  // namespace postroad::smtp
