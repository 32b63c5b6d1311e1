// Tables for sizes and times: accepted values, their shortest form, and the messages for the
// others. Not here: options that have units (file_test.cpp).
#include "config/units.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postroad::config {
namespace {

TEST(Size, ParsesAndFormatsBack) {
  const struct {
    std::string_view text;
    std::uint64_t bytes;
    std::string_view shortest;
  } cases[] = {{"35MiB", 35ULL << 20, "35MiB"},
               {"10kB", 10'000, "10kB"},
               {"4096", 4096, "4KiB"},
               {"0", 0, "0"},
               {"512B", 512, "512"},
               {"1025", 1025, "1025"},
               {"1gb", 1'000'000'000, "1GB"},
               {"1024KiB", 1 << 20, "1MiB"},
               {"8388607TiB", 8388607ULL << 40, "8388607TiB"}};
  for (const auto& c : cases) {
    ASSERT_TRUE(parse_size(c.text)) << c.text;
    EXPECT_EQ(parse_size(c.text)->bytes, c.bytes) << c.text;
    EXPECT_EQ(format(Size{c.bytes}), c.shortest);
    EXPECT_EQ(parse_size(format(Size{c.bytes}))->bytes, c.bytes);
  }
}

TEST(Size, RefusesWithTheRightForm) {
  for (const std::string_view bad :
       {"", "MiB", "35 MiB", "-1", "1.5MiB", "35M", "0x10", "35MiBB", " 35"}) {
    ASSERT_FALSE(parse_size(bad)) << bad;
    EXPECT_THAT(parse_size(bad).error().text(), testing::HasSubstr("such as 35MiB or 10kB"));
  }
  for (const std::string_view big : {"8388608TiB", "99999999999999999999"})
    EXPECT_FALSE(parse_size(big)) << big;
}

TEST(Duration, ParsesAndFormatsBack) {
  const struct {
    std::string_view text;
    std::int64_t ms;
    std::string_view shortest;
  } cases[] = {{"250ms", 250, "250ms"},   {"30s", 30'000, "30s"},
               {"5min", 300'000, "5min"}, {"1h", 3'600'000, "1h"},
               {"4d", 345'600'000, "4d"}, {"2w", 1'209'600'000, "2w"},
               {"90s", 90'000, "90s"},    {"1h30min", 5'400'000, "90min"},
               {"0s", 0, "0s"},           {"1s250ms", 1250, "1250ms"}};
  for (const auto& c : cases) {
    ASSERT_TRUE(parse_duration(c.text)) << c.text;
    EXPECT_EQ(parse_duration(c.text)->count(), c.ms) << c.text;
    EXPECT_EQ(format(Duration{c.ms}), c.shortest);
  }
}

TEST(Duration, RefusesWithTheRightForm) {
  for (const std::string_view bad :
       {"", "s", "30 s", "-1s", "1.5h", "30sec", "30min1h", "1s1s", "1h30"}) {
    ASSERT_FALSE(parse_duration(bad)) << bad;
    EXPECT_THAT(parse_duration(bad).error().text(),
                testing::HasSubstr("such as 30s, 5min or 1h30min"))
        << bad;
  }
  EXPECT_THAT(parse_duration("30").error().text(),
              testing::StartsWith("30: a duration without its unit"));
  EXPECT_FALSE(parse_duration("15250284453w"));
}

TEST(Rate, RoundTrip) {
  const struct {
    const char* text;
    Rate rate;
    const char* shown;
  } table[] = {
      {"600/h", {600, std::chrono::hours(1)}, "600/h"},
      {"20/10min", {20, std::chrono::minutes(10)}, "20/10min"},
      {"1/1s", {1, std::chrono::seconds(1)}, "1/s"},
      {"2GiB/h", {2ULL << 30, std::chrono::hours(1)}, "2GiB/h"},
      {"none", {}, "none"},
  };
  for (const auto& row : table) {
    const auto rate = parse_rate(row.text);
    ASSERT_TRUE(rate) << row.text;
    EXPECT_EQ(*rate, row.rate) << row.text;
    EXPECT_EQ(format(*rate), row.shown);
  }
  for (const auto* bad : {"", "600", "600/", "/h", "0/h", "5/0s", "x/h", "5/h/h", "-1/h", "5/ h"})
    EXPECT_FALSE(parse_rate(bad)) << bad;
}

}  // namespace
}  // namespace postroad::config
