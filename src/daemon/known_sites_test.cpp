// Remembered sites as text and back.
#include "daemon/known_sites.hpp"

#include <gtest/gtest.h>

namespace postroad::daemon {
namespace {

TEST(KnownSites, AreReadAsTheyWereWritten) {
  const std::vector<queue::SiteFacts> sites{
      {.name = "mx:a.example", .is_held = true},
      {.name = "smtp://b.example:25 as \"ann\n\"", .limit = 7, .is_learnt = true},
      {.name = "mx:usual.example", .limit = 2},
      {.name = "mx:c.example", .is_held = true, .limit = 3, .is_learnt = true},
      {.name = "mx:waits.example",
       .reason = "421 4.7.28 unusual rate (row a)",
       .waits_until = 1'800'000'600'000,
       .limit = 2}};
  const auto read = parse_sites(format_sites(sites));
  ASSERT_EQ(read.size(), 4U);
  EXPECT_EQ(read[0].name, "mx:a.example");
  EXPECT_TRUE(read[0].is_held);
  EXPECT_EQ(read[0].limit, 0U);
  EXPECT_EQ(read[1].name, sites[1].name);
  EXPECT_FALSE(read[1].is_held);
  EXPECT_EQ(read[1].limit, 7U);
  EXPECT_TRUE(read[2].is_held);
  EXPECT_EQ(read[2].limit, 3U);
  EXPECT_EQ(read[3].waits_until, 1'800'000'600'000);
  EXPECT_EQ(read[3].reason, sites.back().reason);
}

TEST(KnownSites, ADamagedLineHidesNoOther) {
  const auto read = parse_sites("%zz limit=1\n\n limit=2\nmx:a limit=x later=1\nmx:b paused\n");
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].name, "mx:a");
  EXPECT_EQ(read[0].limit, 0U);
  EXPECT_TRUE(read[1].is_held);
}

}  // namespace
}  // namespace postroad::daemon
