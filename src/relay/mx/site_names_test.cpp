// The names of sites: which domains share one, and how long that is believed.
#include "relay/mx/site_names.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace postroad::relay::mx {
namespace {

using namespace std::chrono_literals;

using Names = std::vector<std::string>;

Names sorted(Names names) {
  std::sort(names.begin(), names.end());
  return names;
}

std::string name_of(Names names) { return name_of_hosts(sorted(std::move(names))); }

TEST(SiteName, IsRolledUp) {
  EXPECT_EQ(name_of({}), "");
  EXPECT_EQ(name_of({"mx.example.org"}), "mx.example.org");
  EXPECT_EQ(name_of({"google"}), "google.") << "no group has a dot";
  EXPECT_EQ(name_of({"mx2.example.org", "mx1.example.org"}), "(mx1|mx2).example.org");
  EXPECT_EQ(name_of({"a.east.example.org", "b.west.example.org"}), "(a.east|b.west).example.org");
  EXPECT_EQ(name_of({"mx.example.org", "backup.example.net"}),
            "(backup.example.net|mx.example.org)");
}

TEST(SiteName, TheSharedDomainIsNeverAWholeHost) {
  EXPECT_EQ(name_of({"mail.l.example.com", "alt1.mail.l.example.com", "alt2.mail.l.example.com"}),
            "(alt1.mail|alt2.mail|mail).l.example.com");
  EXPECT_EQ(name_of({"notexample.org", "mx.example.org"}), "(mx.example.org|notexample.org)");
}

TEST(SiteName, ALongOneIsCutAndStaysUnique) {
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i)
    names.push_back(std::string(40, static_cast<char>('a' + i)) + ".org");
  const auto name = name_of(names);
  names.back() = std::string(40, 'z') + ".org";
  EXPECT_LE(name.size(), 200U);
  EXPECT_LE(name_of(names).size(), 200U);
  EXPECT_NE(name, name_of(names));
}

const SiteNames::Time begun{1000h};

TEST(SiteNames, DomainsWithTheSameHostsAreOneSite) {
  SiteNames names({});
  EXPECT_EQ(names.find("a.example", begun).site, "mx:a.example");
  EXPECT_FALSE(names.find("a.example", begun).is_current);
  names.learn("a.example", sorted({"mx1.p.example", "mx2.p.example"}), 300s, begun);
  names.learn("b.example", sorted({"mx2.p.example", "mx1.p.example"}), 300s, begun);
  EXPECT_EQ(names.find("a.example", begun).site, "mx:(mx1|mx2).p.example");
  EXPECT_EQ(names.find("b.example", begun).site, "mx:(mx1|mx2).p.example");
  EXPECT_TRUE(names.find("b.example", begun + 299s).is_current);
}

TEST(SiteNames, AnOldNameHoldsUntilTheNextAnswer) {
  SiteNames names({});
  names.learn("a.example", sorted({"mx.p.example"}), 0s, begun);
  EXPECT_TRUE(names.find("a.example", begun + 59s).is_current) << "a minute at least";
  const auto later = begun + 61s;
  EXPECT_EQ(names.find("a.example", later).site, "mx:mx.p.example");
  EXPECT_FALSE(names.find("a.example", later).is_current);
  names.learn("a.example", {}, 0s, later);
  EXPECT_EQ(names.find("a.example", later).site, "mx:mx.p.example") << "the DNS failed";
  EXPECT_TRUE(names.find("a.example", later).is_current);
}

TEST(SiteNames, OfADomainThatTheDnsDoesNotKnowIsItsOwn) {
  SiteNames names({});
  names.learn("no.example", {}, 0s, begun);
  EXPECT_FALSE(names.find("no.example", begun).is_known) << "a failure tells nothing";
  EXPECT_EQ(names.find("no.example", begun).site, "mx:no.example");
  EXPECT_TRUE(names.find("[192.0.2.1]", begun).is_current);
}

TEST(SiteNames, AGroupIsOneSite) {
  const std::vector<NamedGroup> groups = {
      {"big", GroupMatch::make({"big.example", ".big.example", "mx:.mx.example"}).value()},
      {"late", GroupMatch::make({"big.example"}).value()}};
  SiteNames names(groups);
  EXPECT_EQ(names.find("big.example", begun).site, "mx:big");
  EXPECT_TRUE(names.find("x.big.example", begun).is_current) << "no query is needed";
  names.learn("a.example", sorted({"one.mx.example", "two.mx.example"}), 60s, begun);
  EXPECT_EQ(names.find("a.example", begun).site, "mx:big");
  names.learn("b.example", sorted({"one.mx.example", "elsewhere.example"}), 60s, begun);
  EXPECT_EQ(names.find("b.example", begun).site, "mx:(elsewhere.example|one.mx.example)")
      << "all hosts must match";
}

TEST(SiteNames, AreForgottenRatherThanGrowWithoutLimit) {
  SiteNames names({});
  for (int i = 0; i < 50'001; ++i)
    names.learn(std::to_string(i) + ".example", sorted({"mx.example"}), 60s, begun);
  EXPECT_FALSE(names.find("0.example", begun).is_current);
  EXPECT_TRUE(names.find("50000.example", begun).is_current);
}

TEST(GroupMatch, TellsWhichEntryIsWrong) {
  for (const auto* entry : {"", ".", "*", "a..example", "mx:", "mx:*.example", "ann@a.example"}) {
    const auto made = GroupMatch::make({"ok.example", entry});
    ASSERT_FALSE(made) << entry;
    EXPECT_NE(made.error().detail.find("mx:.example.org"), std::string::npos);
  }
}

}  // namespace
}  // namespace postroad::relay::mx
