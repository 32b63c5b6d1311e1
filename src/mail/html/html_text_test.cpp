// HTML to text, and escaping.
#include "mail/html/html_text.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "mail/read/test_messages.hpp"

namespace postroad::mail {
namespace {

TEST(HtmlText, KeepsTheWords) {
  struct Row {
    std::string_view html, text;
  };
  const Row rows[] = {
      {"plain", "plain"},
      {"<p>one</p><p>two</p>", "one\n\ntwo\n"},
      {"a<br>b<br/>c", "a\nb\nc"},
      {"a <b>bold</b> word", "a bold word"},
      {"  many \r\n\t spaces  ", "many spaces"},
      {"<a title=\"x > y\" href='#'>link</a>", "link"},
      {"a<!-- no <b> -->b", "ab"},
      {"a<script>if (a < b) x('</p>')</script>b", "ab"},
      {"<STYLE>p{}</STYLE><title>t</title>b", "b"},
      {"1 < 2 &amp;&lt;&gt;&quot;&apos;", "1 < 2 &<>\"'"},
      {"&uuml;&euro;&#252;&#xFC;&#x1F600;", "ü€üü😀"},
      {"&unknown; & &; &#; &#x; &#xZZ;", "&unknown; & &; &#; &#x; &#xZZ;"},
      {"&#0;&#xD800;&#x110000;&#99999999999;", "���&#99999999999;"},
      {"a&#10;b&#13;c", "a b�c"},
      {"<script>never closed", ""},
      {"<!-- never closed", ""},
      {"cut <a href=\"x", "cut"},
      {"", ""},
  };
  for (const auto& row : rows) EXPECT_EQ(html_to_text(row.html), row.text) << row.html;
}

TEST(HtmlText, IsUtf8ForEveryCharacterReference) {
  for (std::uint32_t code = 0; code < 0x110010; code += code < 0x3000 ? 1 : 257) {
    const auto text = html_to_text("&#" + std::to_string(code) + ";");
    ASSERT_TRUE(is_utf8(text)) << code;
    ASSERT_EQ(text.find_first_of(std::string_view("\r\n\0", 3)), std::string::npos) << code;
  }
}

TEST(HtmlText, EscapedTextRoundTrips) {
  EXPECT_EQ(escape_html("<a b=\"c\" d='e'>&"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
  for (char32_t point = 0x21; point < 0x3000; ++point) {
    if (point == 0x7f || (point >= 0x80 && point < 0xa0)) continue;
    const auto text = "x" + utf8(point) + "y";
    ASSERT_EQ(html_to_text(escape_html(text)), text);
  }
}

}  // namespace
}  // namespace postroad::mail
