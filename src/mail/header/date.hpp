// date-time of RFC 5322 §3.3 in UTC: "Tue, 07 Jul 2026 09:05:00 +0000". Reads no clock.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace postroad::mail {

/// `when` to the second; for years of four digits.
std::string format_date(std::chrono::system_clock::time_point when);
/// Reads a date-time, the obsolete forms of §4.3 too (two digits of a year, zone names, no seconds,
/// no day of the week) and comments. nullopt when it makes no sense, and for what lies behind the
/// end of the clock, which is in the year 2262. Linear time.
std::optional<std::chrono::system_clock::time_point> parse_date(std::string_view text);
/// Whether the year is one that a date field may hold, 1900 to 9999.
bool is_date(std::chrono::system_clock::time_point when) noexcept;

}  // namespace postroad::mail
