// Templates: escaping by context, refused placeholders, and hostile values in every context.
#include <gtest/gtest.h>

#include <postroad/message.hpp>
#include <postroad/template.hpp>

#include "base/text.hpp"
#include "mail/html/html_context.hpp"

namespace postroad {
namespace {

std::string filled(std::string_view source, const Template::Values& values) {
  const auto made = Template::html(source);
  if (!made) return "error: " + made.error().text();
  const auto text = made->fill(values);
  return text ? *text : "error: " + text.error().text();
}

TEST(Template, TextIsInsertedUnchanged) {
  const auto made = Template::text("Dear {{ name }}, {{{{x}} <{{a.b-c_1}}> {{name}}\n");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->names(), (std::vector<std::string>{"name", "a.b-c_1"}));
  EXPECT_EQ(*made->fill({{"name", "<&\">"}, {"a.b-c_1", ""}}), "Dear <&\">, {{x}} <> <&\">\n");
  EXPECT_EQ(*Template::text("")->fill({}), "");
  EXPECT_EQ(*Template::text("no place }} {")->fill({}), "no place }} {");
}

TEST(Template, HtmlIsEscapedByContext) {
  const Template::Values values{{"x", "<a&b \"c' d>"}, {"u", "https://x/?a=1&b"}, {"p", "a/b c?"}};
  struct Row {
    std::string_view source, text;
  };
  const Row rows[] = {
      {"<p>{{x}}</p>", "<p>&lt;a&amp;b &quot;c&#39; d&gt;</p>"},
      {"<p title=\"{{x}}\">", "<p title=\"&lt;a&amp;b &quot;c&#39; d&gt;\">"},
      {"<p title='-{{x}}'>", "<p title='-&lt;a&amp;b &quot;c&#39; d&gt;'>"},
      {"<a href=\"{{u}}\">", "<a href=\"https://x/?a=1&amp;b\">"},
      {"<a href=\" {{u}}\">", "<a href=\" https://x/?a=1&amp;b\">"},
      {"<a href='https://x/{{p}}?q={{x}}'>",
       "<a href='https://x/a%2Fb%20c%3F?q=%3Ca%26b%20%22c%27%20d%3E'>"},
      {"<a href=\"mailto:{{p}}\">", "<a href=\"mailto:a%2Fb%20c%3F\">"},
      {"<a href=\"{{u}}{{p}}\">", "<a href=\"https://x/?a=1&amp;ba%2Fb%20c%3F\">"},
      {"{{raw:x}}{{x}}", "<a&b \"c' d>&lt;a&amp;b &quot;c&#39; d&gt;"},
      {"<script>f()</script>{{p}}<!-- c -->{{p}}", "<script>f()</script>a/b c?<!-- c -->a/b c?"},
      {"1 < 2 {{p}} <3 {{p}}", "1 < 2 a/b c? <3 a/b c?"},
      {"<img alt=x\n src=\"cid:{{p}}\">", "<img alt=x\n src=\"cid:a%2Fb%20c%3F\">"},
  };
  for (const auto& row : rows) EXPECT_EQ(filled(row.source, values), row.text) << row.source;
}

TEST(Template, RefusesPlaceholdersWithLineAndColumn) {
  struct Row {
    std::string_view source, where, why;
  };
  const Row rows[] = {
      {"a\nb {{x", "line 2, column 3", "not closed"},
      {"{{}}", "line 1, column 1", "invalid placeholder name"},
      {"{{a b}}", "line 1, column 1", "invalid placeholder name"},
      {"\n\n {{ä}}", "line 3, column 2", "invalid placeholder name"},
      {"<{{x}}>", "line 1, column 2", "inside a tag"},
      {"<p {{x}}>", "line 1, column 4", "inside a tag"},
      {"<p\n{{x}}=\"1\">", "line 2, column 1", "inside a tag"},
      {"<p class={{x}}>", "line 1, column 10", "must be quoted"},
      {"<p class=a{{x}}>", "line 1, column 11", "must be quoted"},
      {"</{{x}}>", "line 1, column 3", "inside a tag"},
      {"<p onclick=\"f('{{x}}')\">", "line 1, column 16", "script or style attribute"},
      {"<p STYLE=\"color:{{x}}\">", "line 1, column 17", "script or style attribute"},
      {"<iframe srcdoc=\"{{x}}\">", "line 1, column 17", "script or style attribute"},
      {"<img srcset='{{x}}'>", "line 1, column 14", "script or style attribute"},
      {"<a href=\"javascript:f('{{x}}')\">", "line 1, column 24", "URL of another scheme"},
      {"<a href=\" JavaScript:{{x}}\">", "line 1, column 22", "URL of another scheme"},
      {"<a href=\"data:text/html,{{x}}\">", "line 1, column 25", "URL of another scheme"},
      {"<a href=\"{{x}}:{{y}}\">", "line 1, column 16", "URL of another scheme"},
      {"<script>{{x}}</script>", "line 1, column 9", "in a script"},
      {"<STYLE>a{b:{{x}}}</STYLE>", "line 1, column 12", "in a script"},
      {"<!-- {{x}} -->", "line 1, column 6", "a comment"},
      {"<!doctype {{x}}>", "line 1, column 11", "a comment"},
      {"<noscript>{{x}}", "line 1, column 11", "in a script"},
      {"<p title=\"{{raw:x}}\">", "line 1, column 11", "between tags"},
  };
  for (const auto& row : rows) {
    const auto made = Template::html(row.source);
    ASSERT_FALSE(made) << row.source;
    EXPECT_EQ(made.error().fault, Fault::input);
    EXPECT_EQ(made.error().where, "template " + std::string(row.where)) << row.source;
    EXPECT_NE(made.error().detail.find(row.why), std::string::npos) << made.error();
  }
  EXPECT_FALSE(Template::text("{{" + std::string(101, 'x') + "}}"));
  EXPECT_FALSE(Template::text("{{raw:x}}"));
}

TEST(Template, ReportsMissingValuesAndUrlsWithTheirLine) {
  EXPECT_EQ(filled("a\n{{x}}", {}), "error: template line 2: no value for {{x}}");
  for (const auto* url : {"javascript:f()", "JAVASCRIPT:f()", " javascript:f()", "java\nscript:f()",
                          "data:text/html,x", "vbscript:x", "x\x01:y", "blob:x", "file:///etc"}) {
    const auto text = filled("<a href=\"{{x}}\">", {{"x", url}});
    EXPECT_TRUE(text.starts_with("error: template line 1: the value of x is not an allowed URL"))
        << text;
  }
  for (const auto* url : {"", "a/b", "/x:y", "?a:b", "#c:d", "HTTPS://x", "mailto:a@b", "tel:+1"})
    EXPECT_FALSE(filled("<a href=\"{{x}}\">", {{"x", url}}).starts_with("error")) << url;
}

// The sequence of contexts that an HTML parser sees.
std::string places_of(std::string_view html) {
  mail::HtmlContext context;
  std::string out;
  for (const char c : html) {
    context.take(std::string_view(&c, 1));
    auto place = static_cast<char>('0' + static_cast<int>(context.place()));
    if (place == '2') place = '3';  // the start and the rest of a URL do not differ for a parser
    if (out.empty() || out.back() != place) out += place;
  }
  return out;
}

TEST(Template, AHostileValueNeverChangesTheStructure) {
  const std::string_view sources[] = {
      "<p>{{x}}</p>",
      "<p title=\"{{x}}\">t</p>",
      "<p title='{{x}}'>t</p>",
      "<a href=\"{{x}}\">t</a>",
      "<a href='{{x}}'>t</a>",
      "<a href=\"https://x/{{x}}\">t</a>",
      "<a href='https://x/?a={{x}}&b={{x}}'>t</a>",
      "<textarea>{{x}}</textarea>",
      "<p>{{x}}{{x}}</p>",
  };
  const std::string_view values[] = {
      "\"><script>f()</script>",
      "'><img src=x onerror=f()>",
      "</p><p>",
      "<!--",
      "-->",
      "<",
      ">",
      "\"",
      "'",
      "&quot;>",
      "&#34;><b>",
      "&lt;b&gt;",
      "]]>",
      "<![CDATA[",
      "{{x}}",
      "{{raw:x}}",
      "\" onmouseover=\"f()",
      "' style='x:expression(f())",
      "\x00<b>",
      "javascript:f()",
      "java&#115;cript:f()",
      "\xef\xbc\x9c"
      "b\xef\xbc\x9e",
      "+ADw-script+AD4-",
      "\xf0<b>",
      "</textarea><b>",
      "`",
      "=",
      "/",
      "\\\"",
      "%22%3E%3Cb%3E",
  };
  for (const auto source : sources) {
    const auto expected = places_of(filled(source, {{"x", "harmless"}}));
    for (const auto value : values) {
      const auto made = Template::html(source);
      ASSERT_TRUE(made);
      const auto text = made->fill({{"x", std::string(value)}});
      if (!text) continue;
      EXPECT_EQ(places_of(*text), expected) << *text;
      EXPECT_EQ(text->find("href=\"javascript:"), std::string::npos) << *text;
    }
  }
}

// Row 4: a value in a subject template cannot end the line.
TEST(Row4, AFilledSubjectIsCheckedByItsSetter) {
  const auto subject = Template::text("Hello {{name}}");
  EXPECT_TRUE(Message{}.subject(*subject->fill({{"name", "a\r\nBcc: x@y"}})).error());
  EXPECT_FALSE(Message{}.subject(*subject->fill({{"name", "\u760dBcc: x\u760a"}})).error());
}

}  // namespace
}  // namespace postroad
