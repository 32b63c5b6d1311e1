// The limit of a site by the time that its hosts take.
#include <gtest/gtest.h>

#include "queue/schedule.hpp"

namespace postroad::queue {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// A site whose hosts take `latency(limit)` per message.
template <class Latency>
std::size_t limit_after(Site& site, int messages, Latency latency) {
  const Time now{};
  for (int i = 0; i < messages; ++i) {
    const auto began = site.started(now);
    site.ended();
    site.worked(began, latency(site.limit()));
  }
  return site.limit();
}

TEST(SiteLatency, HostsThatAreQuickGetAll) {
  Site site({.most = 20, .initial = 2}, {});
  EXPECT_EQ(limit_after(site, 1000, [](std::size_t) { return 5ms; }), 20U);
}

TEST(SiteLatency, ShortTimesThatDifferAreNoise) {
  Site site({.most = 20, .initial = 2}, {});
  EXPECT_EQ(limit_after(site, 1000, [](std::size_t limit) { return milliseconds(2 * limit); }),
            20U);
}

TEST(SiteLatency, HostsThatBecomeSlowWithTheLoadGetLess) {
  Site site({.most = 20, .initial = 2}, {});
  const auto limit = limit_after(
      site, 3000, [](std::size_t n) { return n <= 6 ? 100ms : milliseconds(100 + 100 * (n - 6)); });
  EXPECT_GE(limit, 5U);
  EXPECT_LE(limit, 12U);
}

TEST(SiteLatency, HostsThatAreSlowForOtherReasonsGetAllInTheEnd) {
  Site site({.most = 20, .initial = 2}, {});
  limit_after(site, 1000, [](std::size_t) { return 100ms; });
  EXPECT_LT(limit_after(site, 200, [](std::size_t) { return 900ms; }), 20U);
  EXPECT_EQ(limit_after(site, 5000, [](std::size_t) { return 900ms; }), 20U);
}

TEST(SiteLatency, WithoutMeasurementsSuccessesCount) {
  Site site({.most = 20, .initial = 2}, {});
  EXPECT_EQ(limit_after(site, 1000, [](std::size_t) { return std::optional<milliseconds>(); }),
            20U);
}

}  // namespace
}  // namespace postroad::queue
