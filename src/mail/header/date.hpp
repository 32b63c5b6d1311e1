// Parser and formatter of date-time (RFC 5322 §3.3): "Tue, 07 Jul 2026 09:05:00 +0000".
// Not here: the clock; callers pass the time.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace postroad::mail {

/// Formats `when` in UTC, to the second. `is_date(when)` must hold.
std::string format_date(std::chrono::system_clock::time_point when);
/// Parses a date-time, including comments and the obsolete forms of §4.3 (years of two or three
/// digits, zone names, no seconds, no day of the week). nullopt for an invalid date and for one
/// that system_clock cannot hold (from the year 2262). Linear time.
std::optional<std::chrono::system_clock::time_point> parse_date(std::string_view text);
/// Whether a date field can hold the year: 1900 to 9999.
bool is_date(std::chrono::system_clock::time_point when) noexcept;

}  // namespace postroad::mail
