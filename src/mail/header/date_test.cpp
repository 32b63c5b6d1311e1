// Parsing and formatting date-time (RFC 5322 §3.3, §4.3).
#include "mail/header/date.hpp"

#include <gtest/gtest.h>

namespace postroad::mail {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

system_clock::time_point at(long long since) { return system_clock::time_point(seconds(since)); }

TEST(Date, FormatsInUtc) {
  EXPECT_EQ(format_date(at(0)), "Thu, 01 Jan 1970 00:00:00 +0000");
  EXPECT_EQ(format_date(at(1783415100)), "Tue, 07 Jul 2026 09:05:00 +0000");
  EXPECT_EQ(format_date(at(-1)), "Wed, 31 Dec 1969 23:59:59 +0000");
}

TEST(Date, ParsesEveryFormOfTheStandard) {
  struct Row {
    std::string_view text;
    long long since;
  };
  const Row rows[] = {
      {"Tue, 07 Jul 2026 09:05:00 +0000", 1783415100},
      {"7 Jul 2026 09:05:00 +0000", 1783415100},
      {"Tue, 7 JUL 2026 11:05 +0200", 1783415100},
      {"Tue, 07 Jul 2026 01:35:00 -0730", 1783415100},
      {"Tue, 07 Jul 2026 09:05:00 GMT", 1783415100},
      {"Tue, 07 Jul 2026 04:05:00 EST", 1783415100},
      {"Tue, 07 Jul 2026 02:05:00 pdt", 1783415100},
      {"Tue, 07 Jul 2026 09:05:00 Z", 1783415100},
      {"Tue, 07 Jul 2026 09:05:00", 1783415100},
      {"Tue , 07 (seven) Jul 2026 09 : 05 : 00 +0000 (UTC (so))", 1783415100},
      {"Tuesday, 07 Jul 26 09:05:00 +0000", 1783415100},
      {"\tTue,\r\n 07 Jul 2026 09:05:00 +0000\r\n", 1783415100},
      {"01 Jan 70 00:00 UT", 0},
      {"01 Jan 099 00:00 UT", 915148800},
      {"30 Jun 2015 23:59:60 +0000", 1435708800},
      {"29 Feb 2024 00:00 +0000", 1709164800},
  };
  for (const auto& row : rows) EXPECT_EQ(parse_date(row.text), at(row.since)) << row.text;
}

TEST(Date, RefusesInvalidDates) {
  for (const std::string_view text : {"",
                                      "yesterday",
                                      "Tue, 07 Jul 2026",
                                      "Tue, 32 Jul 2026 09:05:00 +0000",
                                      "00 Jul 2026 09:05:00 +0000",
                                      "29 Feb 2025 00:00 +0000",
                                      "07 Foo 2026 09:05:00 +0000",
                                      "07 Jul 2026 24:00:00 +0000",
                                      "07 Jul 2026 09:60:00 +0000",
                                      "07 Jul 2026 09:05:61 +0000",
                                      "07 Jul 2026 09:05:00 +0060",
                                      "07 Jul 2026 09:05:00 XYZ",
                                      "07 Jul 2026 09:05:00 +02",
                                      "2026-07-07T09:05:00Z",
                                      "07 Jul 02026 09:05:00 +0000",
                                      "07 Jul 1899 09:05:00 +0000",
                                      "07 Jul 5 09:05:00 +0000",
                                      "07 Jul 99999999999999999999 09:05",
                                      "-7 Jul 2026 09:05 +0000",
                                      "(07 Jul 2026 09:05",
                                      "07 Jul 2026 09",
                                      "Tue",
                                      "Tue, Tue, 07 Jul 2026 09:05"})
    EXPECT_FALSE(parse_date(text)) << text;
}

TEST(Date, RefusesDatesThatTheClockCannotHold) {
  EXPECT_TRUE(parse_date("01 Jan 2262 00:00:00 +0000"));
  EXPECT_FALSE(parse_date("01 Jan 2263 00:00:00 +0000"));
  EXPECT_FALSE(parse_date("31 Dec 9999 23:59:59 -9959"));
  EXPECT_TRUE(parse_date("01 Jan 1900 00:00:00 +9959"));
}

TEST(Date, ParsesWhatItFormats) {
  for (long long since = -2'000'000'000; since < 9'000'000'000; since += 12'345'677)
    ASSERT_EQ(parse_date(format_date(at(since))), at(since)) << since;
}

}  // namespace
}  // namespace postroad::mail
