// What is wrong with a message, or will be on its way: each with its line, why, and what to do.
// Not here: whether it gets through a filter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::mail {

enum class LintLevel : std::uint8_t {
  error,    ///< servers refuse it, or readers show something else
  warning,  ///< it works here and fails elsewhere
  note,     ///< it could be better
};

struct LintFinding {
  LintLevel level = LintLevel::error;
  std::string_view code;  ///< a word that stays the same: "long-line"
  std::size_t line = 0;   ///< from 1; 0: the message as a whole
  std::string why;
  std::string remedy;
};

inline constexpr std::size_t max_findings_of_one_code = 20;

/// `octets` as they would be sent, or as a file with LF line ends holds them. Linear time; in the
/// order of the lines. Of one code no more than `max_findings_of_one_code`.
std::vector<LintFinding> lint(std::string_view octets);

/// "error", "warning", "note".
std::string_view to_string(LintLevel level) noexcept;

}  // namespace postroad::mail
