// Tables for the text functions.
#include "base/text.hpp"

#include <gtest/gtest.h>

#include <array>

namespace postroad {
namespace {

TEST(Base64, RoundTripsAndIsStrict) {
  for (const std::string_view text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    EXPECT_EQ(base64_decode(base64_encode(text)), text);
  }
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
  for (const std::string_view bad :
       {"Zg", "Zg=", "Z===", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "====", "=Zg="}) {
    EXPECT_EQ(base64_decode(bad), std::nullopt) << bad;
  }
}

TEST(Printable, ShowsNoControlSequence) {
  EXPECT_EQ(printable("a\x1b[31mb\r\n"), "a\\x1b[31mb\\x0d\\x0a");
  EXPECT_EQ(printable("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\\xc2\\x9b2J");  // C1 CSI
  EXPECT_EQ(printable("\xff\xc0\x80"), "\\xff\\xc0\\x80");
  EXPECT_EQ(printable(std::string(10, 'x'), 4), "xxxx…");
}

TEST(Utf8, RefusesOverlongAndSurrogates) {
  EXPECT_TRUE(is_utf8("測試 \xf0\x9f\x93\xae"));
  for (const std::string_view bad :
       {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe6\xb8", "\x80"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(Nearest, FindsTheVerbThatWasMeant) {
  static constexpr std::array<std::string_view, 5> verbs{"HELO", "EHLO", "RSET", "MAIL", "QUIT"};
  EXPECT_EQ(nearest("REST", verbs), "RSET");
  EXPECT_EQ(nearest("quti", verbs), "QUIT");
  EXPECT_EQ(nearest("XYZZY", verbs), "");
}

TEST(ParseNumber, TakesWholeNumbersOnly) {
  EXPECT_EQ(parse_number("35"), 35U);
  for (const std::string_view bad : {"", "-1", "+1", "1 ", "0x1", "99999999999999999999"}) {
    EXPECT_EQ(parse_number(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace postroad
