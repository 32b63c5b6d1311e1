// Checks a message for problems before it is sent. Each finding has its line, the reason and the
// remedy. Not here: whether a spam filter accepts the message; the `lint` verb
// (cli/verbs/lint.cpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::mail {

enum class LintLevel : std::uint8_t {
  error,    ///< servers refuse the message, or recipients see something else than intended
  warning,  ///< it works with some servers and mail programs and fails with others
  note,     ///< it could be better
};

struct LintFinding {
  LintLevel level = LintLevel::error;
  std::string_view code;  ///< a fixed name, such as "long-line"; a literal
  std::size_t line = 0;   ///< from 1; 0: the whole message
  std::string why;        ///< what is wrong and why it matters
  std::string remedy;     ///< what to do
};

/// Further findings with the same code are dropped.
inline constexpr std::size_t max_findings_of_one_code = 20;

/// Checks `bytes`, a message with CRLF line ends or, as in a file, with LF line ends. The findings
/// are in the order of the lines. Never fails; linear time.
std::vector<LintFinding> lint(std::string_view bytes);

/// "error", "warning", "note".
std::string_view to_string(LintLevel level) noexcept;

}  // namespace postroad::mail
