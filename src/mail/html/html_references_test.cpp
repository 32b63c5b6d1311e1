// Finding and replacing the references of an HTML text.
#include "mail/html/html_references.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace postroad::mail {
namespace {

std::string found(std::string_view html) {
  std::string out;
  for (const auto one : find_references(html)) out += (out.empty() ? "" : "|") + std::string(one);
  return out;
}

TEST(HtmlReferences, FindsReferences) {
  struct Row {
    std::string_view html, references;
  };
  const Row rows[] = {
      {"<img src=\"a.png\">", "a.png"},
      {"<IMG SRC='a.png'><img src=b.png>", "a.png|b.png"},
      {"<img alt=x src = \"a b.png\" >", "a b.png"},
      {"<img\nsrc=a.png\nalt=x>", "a.png"},
      {"<td background=\"bg.gif\"><video poster=p.jpg>", "bg.gif|p.jpg"},
      {"<p style=\"background: url(x.png)\">", "x.png"},
      {"<style>a{b:URL( 'y.png' )} c{d:url(\"z.png\")}</style>", "y.png|z.png"},
      {"<img/src=a.png>", "a.png"},
      {"<img alt=\"\"src=a.png>", "a.png"},
      {"<img data-src=a.png><img asrc=b.png>", ""},
      {"<img src=\"open", ""},
      {"<img src=", ""},
      {"<img src=\"\">", ""},
      {"url(", ""},
      {"src=a.png", ""},
      {"", ""},
  };
  for (const auto& row : rows) EXPECT_EQ(found(row.html), row.references) << row.html;
}

TEST(HtmlReferences, ReplacesKnownReferences) {
  const auto renamed = [](std::string_view name) {
    return name == "a.png" ? std::string("cid:1@x") : std::string();
  };
  EXPECT_EQ(replace_references("<img src=\"a.png\"><img src=b.png><p style='x:url(a.png)'>a.png",
                               renamed),
            "<img src=\"cid:1@x\"><img src=b.png><p style='x:url(cid:1@x)'>a.png");
  EXPECT_EQ(replace_references("", renamed), "");
}

TEST(HtmlReferences, LocalReferencesAreRelativePaths) {
  for (const auto* one : {"a.png", "img/a.png", "./a.png", "../a.png", "a b.png", "a.png?x=1:2"})
    EXPECT_TRUE(is_local_reference(one)) << one;
  for (const auto* one : {"", "#top", "/a.png", "//host/a.png", "https://x/a.png", "cid:a@b",
                          "data:image/png;base64,AA", "C:\\a.png", "javascript:x"})
    EXPECT_FALSE(is_local_reference(one)) << one;
}

TEST(HtmlReferences, HostileTextTakesLinearTime) {
  for (const std::string_view piece : {" src=\"", " src='", "url(", " src=", " src  ", "url('"}) {
    std::string html;
    while (html.size() < 1'000'000) html += piece;
    const auto begin = std::chrono::steady_clock::now();
    (void)find_references(html);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2)) << piece;
  }
}

}  // namespace
}  // namespace postroad::mail
