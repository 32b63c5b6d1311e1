// The learnt number of messages on one connection.
#include "relay/mx/learnt_counts.hpp"

#include <gtest/gtest.h>

namespace postroad::relay::mx {
namespace {

using namespace std::chrono_literals;

const LearntCounts::Time begun{1000h};

TEST(LearntCounts, OnceMayBeARestartOfTheHost) {
  LearntCounts learnt;
  learnt.note("mx.example", 2, begun);
  EXPECT_EQ(learnt.limit("mx.example", 100, begun), 100U);
  learnt.note("mx.example", 2, begun);
  EXPECT_EQ(learnt.limit("mx.example", 100, begun), 2U);
  EXPECT_EQ(learnt.limit("mx.example", 1, begun), 1U) << "the configured limit still holds";
  EXPECT_EQ(learnt.limit("other.example", 100, begun), 100U);
}

TEST(LearntCounts, AnotherNumberBeginsAnew) {
  LearntCounts learnt;
  learnt.note("mx.example", 2, begun);
  learnt.note("mx.example", 2, begun);
  learnt.note("mx.example", 5, begun);
  EXPECT_EQ(learnt.limit("mx.example", 100, begun), 100U);
}

TEST(LearntCounts, IsForgottenAfterADay) {
  LearntCounts learnt;
  learnt.note("mx.example", 2, begun);
  learnt.note("mx.example", 2, begun);
  EXPECT_EQ(learnt.limit("mx.example", 100, begun + 25h), 100U);
}

}  // namespace
}  // namespace postroad::relay::mx
