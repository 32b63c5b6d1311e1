// Replies of greylisting hosts, as they are seen.
#include "queue/retry_hint.hpp"

#include <gtest/gtest.h>

namespace postroad::queue {
namespace {

using namespace std::chrono_literals;

TEST(RetryHint, IsATimeInAReplyThatAsksForAnotherTry) {
  using Hint = std::optional<std::chrono::milliseconds>;
  const std::vector<std::pair<const char*, Hint>> cases{
      {"450 4.2.0 Greylisted, see http://example.org/300.html, come back in 300 seconds", 300s},
      {"451 4.7.1 Greylisting in action, please come back in 00:04:59", Hint{}},
      {"450 4.2.0 <a@b>: Recipient address rejected: Greylisted for 5 minutes", 5min},
      {"451 Please try again in 60s", 60s},
      {"451 try again later (retry in 2 min)", 2min},
      {"451 4.3.2 try again", Hint{}},
      {"451 4.7.1 retry after 0 seconds", Hint{}},
      {"451 4.7.1 retry after 3600 seconds", 1h},
      {"451 4.7.1 retry after 3601 seconds", Hint{}},
      {"451 4.7.1 retry after 99999999999999999999 seconds", Hint{}},
      {"451 4.7.1 you sent 300 messages, try again", Hint{}},
      {"451 4.7.1 limit of 10 connections in 60 seconds", Hint{}},
      {"550 5.7.1 greylisted, come back in 300 seconds", Hint{}},
      {"greylisted 300 seconds", Hint{}},
      {"450 greylist v2.300 seconds", Hint{}},
      {"450 4.2.0 greylisted 60", Hint{}},
      {"4", Hint{}},
      {"", Hint{}}};
  for (const auto& [reply, hint] : cases) EXPECT_EQ(retry_hint(reply), hint) << reply;
}

}  // namespace
}  // namespace postroad::queue
