// A server's reply to a command (RFC 5321 section 4.2). A reply is data whatever its code; errors
// are in error.hpp.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/version.hpp>

namespace postroad {

/// Enhanced status code, `class.subject.detail` (RFC 3463); class 0: the reply has none.
struct POSTROAD_EXPORT EnhancedStatus {
  std::uint8_t status_class = 0;
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;
  [[nodiscard]] bool is_given() const noexcept { return status_class != 0; }
  /// "5.1.1", or empty when none is given.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const EnhancedStatus&, const EnhancedStatus&) = default;
};

/// One reply with all its lines.
struct POSTROAD_EXPORT Reply {
  int code = 0;             ///< 200–559; 0: no reply
  EnhancedStatus status{};  ///< from the front of the text, where the server sends one (RFC 2034)
  std::string
      text;  ///< without code and status, lines separated by '\n'; the peer's bytes unchanged

  [[nodiscard]] bool is_success() const noexcept { return code >= 200 && code < 300; }
  [[nodiscard]] bool is_intermediate() const noexcept { return code >= 300 && code < 400; }
  [[nodiscard]] bool is_temporary_failure() const noexcept { return code >= 400 && code < 500; }
  [[nodiscard]] bool is_permanent_failure() const noexcept { return code >= 500 && code < 600; }
  /// The lines of `text`. The views are valid while this reply is unchanged.
  [[nodiscard]] std::vector<std::string_view> lines() const;
  /// Code, status and text on one line, safe to print: control characters are escaped, and the line
  /// is cut at about 1 KiB.
  [[nodiscard]] std::string one_line() const;
  /// Appends `one_line()` to `out`.
  void append_one_line(std::string& out) const;
  friend bool operator==(const Reply&, const Reply&) = default;
};

POSTROAD_EXPORT std::ostream& operator<<(std::ostream& out, const Reply& reply);

}  // namespace postroad
