// The tables of the relay: local recipients, networks that may send, and times of retries.
#include "relay/local/directory.hpp"

#include <gtest/gtest.h>

#include "relay/local/rules.hpp"

namespace postroad::relay {
namespace {

DirectorySettings settings() {
  return {{"here.example", "also.example"},
          {"ann", "bob@here.example", "keeper"},
          {"team: ann, bob", "all@here.example: team, ann@here.example",
           "out: friend@elsewhere.example", "postmaster: ann"},
          ""};
}

std::string ends(const Directory& directory, const char* address) {
  std::string text;
  for (const auto& end : directory.resolve(Mailbox::parse(address).value()))
    text += (text.empty() ? "" : " ") + end.text();
  return text;
}

TEST(Directory, SaysWhereAMailEnds) {
  const auto directory = Directory::make(settings()).value();
  EXPECT_EQ(ends(directory, "ann@here.example"), "ann@here.example");
  EXPECT_EQ(ends(directory, "ANN@Also.Example"), "ANN@Also.Example");
  EXPECT_EQ(ends(directory, "team@also.example"), "ann@here.example bob@here.example");
  EXPECT_EQ(ends(directory, "all@here.example"), "ann@here.example bob@here.example");
  EXPECT_EQ(ends(directory, "out@here.example"), "friend@elsewhere.example");
  EXPECT_EQ(ends(directory, "bob@also.example"), "");
  EXPECT_EQ(ends(directory, "nobody@here.example"), "");
  EXPECT_EQ(ends(directory, "a@elsewhere.example"), "a@elsewhere.example");
}

TEST(Directory, CatchAllTakesTheRestOfTheLocalDomainsOnly) {
  auto with = settings();
  with.catch_all = "keeper@here.example";
  const auto directory = Directory::make(with).value();
  EXPECT_EQ(ends(directory, "nobody@also.example"), "keeper@here.example");
  EXPECT_EQ(ends(directory, "bob@here.example"), "bob@here.example");
  EXPECT_EQ(ends(directory, "a@elsewhere.example"), "a@elsewhere.example");
}

TEST(Directory, TagsAreTakenOff) {
  auto with = settings();
  with.plus = "+-";
  with.mailboxes.emplace_back("ann+own");
  const auto directory = Directory::make(with).value();
  EXPECT_EQ(ends(directory, "ann+lists@here.example"), "ann@here.example");
  EXPECT_EQ(ends(directory, "ann-a+b@here.example"), "ann@here.example");
  EXPECT_EQ(ends(directory, "ann+own@here.example"), "ann+own@here.example");
  EXPECT_EQ(ends(directory, "team+x@here.example"), "ann@here.example bob@here.example");
  EXPECT_EQ(ends(directory, "nobody+x@here.example"), "");
  EXPECT_EQ(ends(directory, "+ann@here.example"), "");
  EXPECT_EQ(ends(Directory::make(settings()).value(), "ann+lists@here.example"), "");
  with.plus = "@";
  EXPECT_FALSE(Directory::make(with));
}

// RFC 5321 §4.5.1, RFC 2142 §4.
TEST(Directory, PostmasterAndAbuseAreAlwaysThere) {
  EXPECT_EQ(ends(Directory::make(settings()).value(), "abuse@also.example"), "ann@here.example");
  auto bare = settings();
  bare.aliases = {};
  auto directory = Directory::make(bare).value();
  EXPECT_EQ(ends(directory, "Postmaster@here.example"), "ann@here.example");
  EXPECT_EQ(ends(directory, "ABUSE@here.example"), "ann@here.example");
  bare.aliases = {"abuse: bob@here.example"};
  EXPECT_EQ(ends(Directory::make(bare).value(), "abuse@here.example"), "bob@here.example");
  const auto aliases_only =
      Directory::make({{"here.example"}, {}, {"team: a@elsewhere.example"}, ""}).value();
  EXPECT_EQ(ends(aliases_only, "postmaster@here.example"), "a@elsewhere.example");
}

TEST(Directory, RefusesWhatWouldLoseMail) {
  const std::pair<std::string, std::string> table[] = {
      {"one: two", "has no mailbox"},
      {"one: one", "leads back to itself"},
      {"one: bbo@here.example", "has no mailbox"},
      {"one two", "the form name: address"},
      {"one: a@@b", "not an address"},
  };
  for (const auto& [alias, words] : table) {
    auto wrong = settings();
    wrong.aliases = {alias};
    const auto directory = Directory::make(wrong);
    ASSERT_FALSE(directory) << alias;
    EXPECT_NE(directory.error().text().find(words), std::string::npos) << directory.error();
  }
  auto wrong = settings();
  wrong.catch_all = "nobody@here.example";
  EXPECT_FALSE(Directory::make(wrong));
}

// Row 34: no address becomes a path.
TEST(Directory, ReportsEveryProblemWithItsSetting) {
  auto wrong = settings();
  wrong.aliases = {"no form", "a: a@@b, c@@d"};
  wrong.catch_all = "nobody";
  wrong.plus = "x";
  std::vector<std::string> found;
  (void)Directory::make(wrong, [&](std::string_view setting, const Error& error) {
    found.push_back(std::string(setting) + ": " + error.text());
  });
  EXPECT_EQ(found.size(), 5U);
  wrong = settings();
  wrong.aliases = {"x: bbo, bib"};
  wrong.mailboxes.push_back("eve@typo.example");
  wrong.catch_all = "nobody@here.example";
  found.clear();
  (void)Directory::make(
      wrong, [&](std::string_view setting, const Error&) { found.emplace_back(setting); });
  EXPECT_EQ(found, (std::vector<std::string>{"mailboxes", "aliases", "aliases", "catch_all"}));
}

TEST(Row34, AFoldersNameStaysAName) {
  const char* addresses[] = {"../../etc@x.example", "a/b@x.example",    ".hidden@x.example",
                             "\"a b\"@x.example",   "\"..\"@x.example", "ü@x.example",
                             "a%2fb@x.example"};
  for (const auto* text : addresses) {
    const auto mailbox = Mailbox::parse(text);
    const auto name = Directory::folder_of(mailbox ? *mailbox : Mailbox{text, "x.example"});
    EXPECT_EQ(name.find('/'), std::string::npos) << name;
    EXPECT_NE(name.front(), '.') << name;
    EXPECT_LE(name.size(), 200U);
  }
  const auto longer = std::string(300, 'a');
  EXPECT_LE(Directory::folder_of({longer, "x"}).size(), 200U);
  EXPECT_NE(Directory::folder_of({longer + "1", "x"}), Directory::folder_of({longer + "2", "x"}));
  EXPECT_NE(Directory::folder_of({"a%2fb", "x"}), Directory::folder_of({"a/b", "x"}));
}

}  // namespace
}  // namespace postroad::relay
