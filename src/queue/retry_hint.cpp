// See retry_hint.hpp.
#include "queue/retry_hint.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "base/text.hpp"

namespace postroad::queue {

namespace {

bool speaks_of_trying_again(std::string_view text) {
  constexpr std::array<std::string_view, 8> words{"greylist", "graylist",  "grey list", "try again",
                                                  "retry",    "come back", "try later", "delayed"};
  return std::any_of(words.begin(), words.end(), [text](std::string_view word) {
    return text.find(word) != std::string_view::npos;
  });
}

// Seconds in the unit at the beginning; 0: there is none.
int unit_at(std::string_view text) {
  if (text.starts_with(' ') || text.starts_with('-')) text.remove_prefix(1);
  const auto letters =
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_alpha) - text.begin());
  const auto word = text.substr(0, letters);
  for (const std::string_view unit : {"s", "sec", "secs", "second", "seconds"}) {
    if (word == unit) return 1;
  }
  for (const std::string_view unit : {"m", "min", "mins", "minute", "minutes"}) {
    if (word == unit) return 60;
  }
  return 0;
}

}  // namespace

std::optional<std::chrono::milliseconds> retry_hint(std::string_view reply) {
  if (!reply.starts_with('4')) return std::nullopt;
  std::string text(reply.substr(0, 1000));
  std::transform(text.begin(), text.end(), text.begin(), to_lower);
  if (!speaks_of_trying_again(text)) return std::nullopt;
  for (std::size_t at = 3; at < text.size();) {
    if (!is_digit(text[at])) {
      ++at;
      continue;
    }
    const bool is_part_of_word = text[at - 1] == '.' || is_alpha(text[at - 1]);
    int number = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), number);
    at = static_cast<std::size_t>(end - text.data());
    const int unit = unit_at(std::string_view(text).substr(at));
    if (error != std::errc() || is_part_of_word || unit == 0) continue;
    const std::chrono::seconds wait(static_cast<std::int64_t>(number) * unit);
    if (wait >= std::chrono::seconds(1) && wait <= std::chrono::hours(1)) return wait;
  }
  return std::nullopt;
}

}  // namespace postroad::queue
