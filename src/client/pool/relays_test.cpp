// The rate limit: the number of messages per time.
#include <gtest/gtest.h>

#include "client/pool/relays.hpp"

namespace postroad::client {
namespace {

using namespace std::chrono_literals;

TEST(Pace, NoWindowHasMoreThanWasAskedFor) {
  Pace pace(5, 1000ms);
  const Time begin{1h};
  std::vector<Time> gone;
  for (int i = 0; i < 40; ++i)
    gone.push_back(pace.take(std::max(begin, gone.empty() ? begin : gone.back())));
  for (std::size_t i = 5; i < gone.size(); ++i) EXPECT_GE(gone[i] - gone[i - 5], 1000ms) << i;
  EXPECT_EQ(gone[4], begin);
  EXPECT_EQ(gone[39], begin + 7s);
}

TEST(Pace, ZeroIsNoLimit) {
  Pace pace(0, 1000ms);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pace.take(Time{1h}), Time{1h});
}

}  // namespace
}  // namespace postroad::client
