// Client options from the flags of send and talk. Not here: the flags as typed (tests/scenarios).
#include "cli/flags/server_flags.hpp"

#include <gtest/gtest.h>

namespace postroad::cli {
namespace {

using namespace std::chrono_literals;

TEST(ServerFlags, ATimeoutHoldsForTheFinalDotThoughItIsTheDefault) {
  ServerFlags flags;
  EXPECT_EQ(client_options(flags).timeouts.command, default_timeout);
  EXPECT_EQ(client_options(flags).timeouts.end_of_data, ClientTimeouts{}.end_of_data);
  flags.timeout = default_timeout;
  EXPECT_EQ(client_options(flags).timeouts.end_of_data, default_timeout);
  flags.timeout = 1s;
  EXPECT_EQ(client_options(flags).timeouts.connect, 1s);
  EXPECT_EQ(client_options(flags).timeouts.end_of_data, 1s);
}

}  // namespace
}  // namespace postroad::cli
