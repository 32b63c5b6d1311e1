// Options of a message on a command line: Row4 and Row5 are rows of
// tests/transcripts/guards.md, a value that breaks out of its line, and one that does so once a
// code point is narrowed to a byte.
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "proto/smtp/mail_parameters.hpp"

namespace postroad::smtp {
namespace {

using namespace std::string_literals;

Parameter parameter_of(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

// The result of reading parameters: "unknown", "wrong: …" or the options written again.
template <class Options>
std::string read(std::string_view words, Options& options) {
  for (const auto word : split(words, ' ')) {
    const auto taken = take_parameter(parameter_of(word), Offered::all(), options);
    if (!taken.known) return "unknown";
    if (!taken.error.empty()) return "wrong: " + taken.error;
  }
  return {};
}

// No byte of a command line ends the line or a word of it, except the space before each parameter.
void expect_one_line(const std::string& line, const std::string& what) {
  for (const char c : line) ASSERT_FALSE(is_control(c)) << what;
  for (const auto word : split(std::string_view(line).substr(line.empty() ? 0 : 1), ' '))
    ASSERT_TRUE(word.starts_with("ENVID=") || word.starts_with("AUTH=") ||
                word.starts_with("ORCPT="))
        << what << line;
}

// Puts `value` into each text of the options; what can be written is one line and reads back the
// same.
void put_everywhere(const std::string& value, const std::string& what) {
  MailOptions transactions[2];
  transactions[0].envelope_id = value;
  transactions[1].submitter = value;
  for (const auto& options : transactions) {
    if (!wrong_with(options).empty()) continue;
    std::string line;
    append_parameters(options, line);
    expect_one_line(line, what);
    MailOptions again;
    ASSERT_EQ(read(line.substr(line.empty() ? 0 : 1), again), "") << what << line;
    ASSERT_EQ(again, options) << what << line;
  }
  const RecipientOptions recipients[] = {{{}, value, "a@b.example"},
                                         {{}, "rfc822", value},
                                         {{}, "utf-8", value},
                                         {{}, "x-other", value}};
  for (const auto& options : recipients) {
    if (!wrong_with(options).empty()) continue;
    for (const bool utf8 : {false, true}) {
      std::string line;
      append_parameters(options, utf8, line);
      if (line.empty()) continue;
      expect_one_line(line, what);
      RecipientOptions again;
      ASSERT_EQ(read(line.substr(1), again), "") << what << line;
      ASSERT_EQ(again.original, options.original) << what << line;
    }
  }
}

TEST(Row4, NoByteOfAValueEndsTheLine) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    for (const auto& value : {one, "a" + one, one + "a", "a" + one + "b", one + one})
      put_everywhere(value, std::to_string(byte));
  }
  for (const auto& value : {"a\r\nRCPT TO:<x@y.example>"s, "a\r\n.\r\n"s, "a\nb"s, "a\rb"s, "a\0b"s,
                            "a b"s, "+0D+0A"s, "\\x{0D}\\x{0A}"s, "%0D%0A"s}) {
    put_everywhere(value, value);
    const bool breaks = std::any_of(value.begin(), value.end(), is_line_breaker);
    MailOptions mail;
    mail.envelope_id = value;
    EXPECT_EQ(breaks, !wrong_with(mail).empty()) << value;
    mail = {};
    mail.submitter = value;
    EXPECT_EQ(breaks, !wrong_with(mail).empty()) << value;
    EXPECT_EQ(breaks, !wrong_with(RecipientOptions{{}, "rfc822", value}).empty()) << value;
    EXPECT_FALSE(wrong_with(RecipientOptions{{}, value, "x"}).empty()) << value;
  }
}

std::string utf8_of(std::uint32_t point) {
  if (point < 0x80) return {static_cast<char>(point)};
  if (point < 0x800)
    return {static_cast<char>(0xc0 | point >> 6), static_cast<char>(0x80 | (point & 0x3f))};
  return {static_cast<char>(0xe0 | point >> 12), static_cast<char>(0x80 | (point >> 6 & 0x3f)),
          static_cast<char>(0x80 | (point & 0x3f))};
}

// U+010A, U+560D and their like have CR or LF in a byte of their number: written as they are, as
// \x{…}, or read from it, none of them becomes one.
TEST(Row5, NoCodePointBecomesALineBreakWhenItIsNarrowed) {
  constexpr char hex[] = "0123456789ABCDEF";
  for (std::uint32_t point = 0; point <= 0xffff; ++point) {
    put_everywhere(utf8_of(point), std::to_string(point));
    if (HasFatalFailure()) return;
    const std::string escape{'\\',
                             'x',
                             '{',
                             hex[point >> 12],
                             hex[point >> 8 & 15],
                             hex[point >> 4 & 15],
                             hex[point & 15],
                             '}'};
    RecipientOptions options;
    const auto why = read("ORCPT=utf-8;" + escape, options);
    const bool may = point >= 0x20 && point != 0x7f && (point < 0xd800 || point > 0xdfff);
    ASSERT_EQ(why.empty(), may) << escape;
    if (may) {
      ASSERT_EQ(options.original, utf8_of(point)) << escape;
    }
  }
}

}  // namespace
}  // namespace postroad::smtp
