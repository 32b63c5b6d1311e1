// Internationalized domain names (IDNA 2008), and that mapping never produces a special character.
#include "mail/address/idn.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "mail/address/mailbox.hpp"
#include "mail/read/test_messages.hpp"

namespace postroad::mail {
namespace {

TEST(Idn, ConvertsToALabels) {
  struct Row {
    std::string_view domain, ascii;
  };
  const Row rows[] = {
      {"example.org", "example.org"},
      {"EXAMPLE.org", "EXAMPLE.org"},
      {"münchen.example", "xn--mnchen-3ya.example"},
      {"MÜNCHEN.example", "xn--mnchen-3ya.example"},
      {"straße.example", "xn--strae-oqa.example"},
      {"例え.テスト", "xn--r8jz45g.xn--zckzah"},
      {"", ""},
      {"[192.0.2.1]", "[192.0.2.1]"},
  };
  for (const auto& row : rows) EXPECT_EQ(to_ascii_domain(row.domain), row.ascii) << row.domain;
}

TEST(Idn, RefusesInvalidNames) {
  for (const std::string_view domain :
       {".münchen.example", "münchen..example", "ü。。example", "-ü.example", "ü-.example",
        "\xff.example", "a\u200d.example", "a b\u00fc.example"})
    EXPECT_FALSE(to_ascii_domain(domain)) << domain;
  EXPECT_FALSE(to_ascii_domain(std::string_view("\u00fc\0.example", 11)));
}

TEST(Idn, ConvertsToULabels) {
  EXPECT_EQ(to_unicode_domain("xn--mnchen-3ya.example"), "münchen.example");
  EXPECT_EQ(to_unicode_domain("example.org"), "example.org");
  EXPECT_EQ(to_unicode_domain("xn--\xff"), "xn--\xff");
  EXPECT_EQ(to_unicode_domain("xn--a"), "xn--a");
}

// Row 5: full-width forms such as `>` (U+FF1E) and the ideographic space (U+3000) must not be
// mapped to their ASCII forms.
TEST(Row5, NoCharacterOfADomainIsNarrowed) {
  for (char32_t point = 0x80; point <= 0x10ffff; ++point) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const bool all = point < 0x3100 || (point >= 0xfe00 && point <= 0xffff);
    if (!all && point % 64 != 0 && (point & 0xff) != '\r' && (point & 0xff) != '\n') continue;
    const auto ascii = to_ascii_domain("x" + utf8(point) + "y.example");
    if (!ascii) continue;
    ASSERT_TRUE(is_domain(*ascii)) << std::uint32_t{point} << ' ' << *ascii;
  }
}

}  // namespace
}  // namespace postroad::mail
