// date-time of RFC 5322; see date.hpp. The parser splits the text into words first, so that
// comments and whitespace may occur anywhere.
#include "mail/header/date.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <vector>

#include "base/text.hpp"

namespace postroad::mail {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::seconds;
using std::chrono::system_clock;

namespace {

constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Words and colons, without comments and other punctuation.
std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::size_t most = 20;
  std::vector<std::string_view> words;
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size() && words.size() < most;) {
    const char c = text[i];
    if (c == '(') ++depth;
    if (c == ')' && depth > 0) --depth;
    const auto begin = i;
    while (depth == 0 && i < text.size() && (is_alnum(text[i]) || text[i] == '+' || text[i] == '-'))
      ++i;
    if (i > begin) {
      words.push_back(text.substr(begin, i - begin));
      continue;
    }
    if (depth == 0 && c == ':') words.push_back(text.substr(i, 1));
    ++i;
  }
  return words;
}

std::optional<int> number_of(std::string_view word, std::size_t most_digits) {
  if (word.size() > most_digits) return std::nullopt;
  const auto number = parse_number(word);
  return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

// Minutes east of UTC.
std::optional<int> zone_of(std::string_view word) {
  static constexpr std::array<std::pair<std::string_view, int>, 10> names{{{"UT", 0},
                                                                           {"GMT", 0},
                                                                           {"UTC", 0},
                                                                           {"EST", -300},
                                                                           {"EDT", -240},
                                                                           {"CST", -360},
                                                                           {"CDT", -300},
                                                                           {"MST", -420},
                                                                           {"MDT", -360},
                                                                           {"PST", -480}}};
  for (const auto& [name, minutes] : names) {
    if (iequals(name, word)) return minutes;
  }
  if (iequals(word, "PDT")) return -420;
  if (word.size() == 1 && is_alpha(word.front())) return 0;  // §4.3: military zones are unreliable
  if (word.size() != 5 || (word[0] != '+' && word[0] != '-')) return std::nullopt;
  const auto number = number_of(word.substr(1), 4);
  if (!number || *number % 100 > 59) return std::nullopt;
  const int minutes = *number / 100 * 60 + *number % 100;
  return word[0] == '-' ? -minutes : minutes;
}

}  // namespace

std::optional<system_clock::time_point> parse_date(std::string_view text) {
  auto words = words_of(text);
  std::size_t at = 0;
  if (!words.empty() && std::any_of(weekdays.begin(), weekdays.end(),
                                    [&](auto day) { return istarts_with(words[0], day); }))
    ++at;
  if (words.size() < at + 6 || words[at + 4] != ":") return std::nullopt;
  const auto day = number_of(words[at], 2);
  const auto month = std::find_if(months.begin(), months.end(),
                                  [&](auto name) { return iequals(name, words[at + 1]); });
  auto year = number_of(words[at + 2], 4);
  const auto hour = number_of(words[at + 3], 2);
  const auto minute = number_of(words[at + 5], 2);
  if (!day || month == months.end() || !year || !hour || !minute) return std::nullopt;
  if (words[at + 2].size() == 2) *year += *year < 50 ? 2000 : 1900;
  if (words[at + 2].size() == 3) *year += 1900;
  at += 6;
  std::optional<int> second = 0;
  if (at + 1 < words.size() && words[at] == ":") {
    second = number_of(words[at + 1], 2);
    at += 2;
  }
  const auto zone = at < words.size() ? zone_of(words[at]) : std::optional(0);
  if (!second || !zone || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::year_month_day date{
      std::chrono::year(*year),
      std::chrono::month(static_cast<unsigned>(month - months.begin() + 1)),
      std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < 1900) return std::nullopt;
  const auto when = std::chrono::sys_days(date) + std::chrono::hours(*hour) +
                    std::chrono::minutes(*minute - *zone) + seconds(*second);
  // The clock counts nanoseconds in 64 bits, which end in the year 2262.
  if (when > floor<seconds>(system_clock::time_point::max())) return std::nullopt;
  return when;
}

std::string format_date(system_clock::time_point when) {
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
