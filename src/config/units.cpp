// Sizes and durations to and from text: two tables of units and the loops over them. A sum is kept
// below 2^63, so that it also fits the signed numbers that bounds are written in. Not here: bounds
// (option.cpp). See units.hpp for the forms.
#include "config/units.hpp"

#include <array>
#include <limits>
#include <span>

#include "base/text.hpp"

namespace postroad::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();

// Largest first within each base: format takes the first that divides.
constexpr std::array<Unit, 9> size_units{{{"TiB", 1ULL << 40},
                                          {"GiB", 1ULL << 30},
                                          {"MiB", 1ULL << 20},
                                          {"KiB", 1ULL << 10},
                                          {"TB", 1'000'000'000'000},
                                          {"GB", 1'000'000'000},
                                          {"MB", 1'000'000},
                                          {"kB", 1'000},
                                          {"B", 1}}};
constexpr std::array<Unit, 6> time_units{{{"w", 604'800'000},
                                          {"d", 86'400'000},
                                          {"h", 3'600'000},
                                          {"min", 60'000},
                                          {"s", 1'000},
                                          {"ms", 1}}};

constexpr std::string_view size_form =
    "expected an integer and a unit such as 35MiB or 10kB, or bytes alone; units are B, kB, MB, "
    "GB, "
    "TB, KiB, MiB, GiB, TiB";
constexpr std::string_view time_form =
    "expected an integer and a unit such as 30s, 5min or 1h30min; units are ms, s, min, h, d, w";

constexpr Duration longest_period = std::chrono::hours(366 * 24);
constexpr std::string_view rate_form =
    "expected a number and a time such as 600/h, 20/10min or 2GiB/h, or none for no limit";

Error wrong(std::string_view text, std::string_view what, std::string_view form) {
  return fail(Fault::input, std::string(text), std::string(what) + "; " + std::string(form));
}

const Unit* find(std::span<const Unit> units, std::string_view name) {
  for (const auto& unit : units) {
    if (iequals(unit.name, name)) return &unit;
  }
  return nullptr;
}

// Takes the digits, or everything up to the next digit, from the front of `text`.
std::string_view take(std::string_view& text, bool digits) {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n]) == digits) ++n;
  const auto front = text.substr(0, n);
  text.remove_prefix(n);
  return front;
}

}  // namespace

Result<Size> parse_size(std::string_view text) {
  auto rest = text;
  const auto digits = take(rest, true);
  if (digits.empty()) return wrong(text, "not a size", size_form);
  const Unit* unit = find(size_units, rest.empty() ? "B" : rest);
  if (unit == nullptr) return wrong(text, "not a size", size_form);
  const auto number = parse_number(digits);
  if (!number || *number > largest / unit->factor) {
    return wrong(text, "size too large", "at most 8388607TiB are supported");
  }
  return Size{*number * unit->factor};
}

Result<Duration> parse_duration(std::string_view text) {
  if (text.empty()) return wrong(text, "not a duration", time_form);
  std::uint64_t total = 0;
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  for (auto rest = text; !rest.empty();) {
    const auto number = take(rest, true);
    const auto name = take(rest, false);
    if (!number.empty() && name.empty())
      return wrong(text, "a duration without its unit", time_form);
    const Unit* unit = find(time_units, name);
    if (number.empty() || unit == nullptr || unit->factor >= last) {
      return wrong(text, "not a duration", time_form);
    }
    const auto count = parse_number(number);
    if (!count || *count > (largest - total) / unit->factor) {
      return wrong(text, "duration too long", "at most 9223372036854775807ms are supported");
    }
    total += *count * unit->factor;
    last = unit->factor;
  }
  return Duration(static_cast<std::int64_t>(total));
}

Result<Rate> parse_rate(std::string_view text) {
  if (text == "none") return Rate{};
  const auto slash = text.find('/');
  const auto count = parse_size(text.substr(0, slash));
  const bool has_per = slash != std::string_view::npos && slash + 1 < text.size();
  auto per = has_per ? std::string(text.substr(slash + 1)) : std::string();
  if (has_per && !is_digit(per.front())) per.insert(0, 1, '1');
  const auto time = parse_duration(per);
  if (!count || !time || count->bytes == 0 || time->count() == 0)
    return wrong(text, "not a rate", rate_form);
  if (*time > longest_period)
    return wrong(text, "period too long", "the period of a rate is at most 366d");
  return Rate{count->bytes, *time};
}

std::string format(Size size) {
  std::string best = std::to_string(size.bytes);
  for (const auto& unit : size_units) {
    if (unit.factor == 1 || size.bytes == 0 || size.bytes % unit.factor != 0) continue;
    const auto text = std::to_string(size.bytes / unit.factor) + std::string(unit.name);
    if (text.size() <= best.size()) best = text;
  }
  return best;
}

std::string format(Duration duration) {
  const auto count = duration.count();
  if (count == 0) return "0s";
  for (const auto& unit : time_units) {
    const auto factor = static_cast<std::int64_t>(unit.factor);
    if (count % factor == 0) return std::to_string(count / factor) + std::string(unit.name);
  }
  return {};
}

std::string format(const Rate& rate) {
  if (rate.count == 0) return "none";
  constexpr std::uint64_t mebi = 1 << 20;
  const bool is_size = rate.count >= mebi && rate.count % mebi == 0;
  auto per = format(rate.per);
  if (per.size() > 1 && per.front() == '1' && !is_digit(per[1])) per.erase(0, 1);
  return (is_size ? format(Size{rate.count}) : std::to_string(rate.count)) + '/' + per;
}

}  // namespace postroad::config
