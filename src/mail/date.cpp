// Dates; see date.hpp.
#include "mail/date.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace postroad::mail {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::seconds;
using std::chrono::system_clock;

std::string format_date(system_clock::time_point when) {
  static constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed",
                                                            "Thu", "Fri", "Sat"};
  static constexpr std::array<std::string_view, 12> months{
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto midnight = floor<days>(when);
  const std::chrono::year_month_day day{midnight};
  const std::chrono::hh_mm_ss time{floor<seconds>(when - midnight)};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} +0000",
                     weekdays[std::chrono::weekday{midnight}.c_encoding()],
                     static_cast<unsigned>(day.day()),
                     months[static_cast<unsigned>(day.month()) - 1], static_cast<int>(day.year()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
}

bool is_date(system_clock::time_point when) noexcept {
  const std::chrono::year_month_day day{floor<days>(when)};
  return day.year() >= std::chrono::year{1900} && day.year() <= std::chrono::year{9999};
}

}  // namespace postroad::mail
