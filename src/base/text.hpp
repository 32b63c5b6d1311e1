// Bytes and text: ASCII case, splitting, base64, escaping for a terminal, nearest word. ASCII only
// by design: protocol keywords are ASCII and must not change with the locale.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/export.hpp"

namespace postroad {

constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
constexpr char to_upper(char c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_alnum(char c) noexcept { return is_digit(c) || is_alpha(c); }
constexpr bool is_control(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
}
constexpr bool is_8bit(char c) noexcept { return static_cast<unsigned char>(c) >= 0x80; }
/// CR, LF or NUL: the bytes that end a line or a string and so must never come from a value.
constexpr bool is_line_breaker(char c) noexcept { return c == '\r' || c == '\n' || c == '\0'; }

POSTROAD_QUEUE_EXPORT std::string lower(std::string_view text);
std::string upper(std::string_view text);
POSTROAD_QUEUE_EXPORT bool iequals(std::string_view a, std::string_view b) noexcept;
bool istarts_with(std::string_view text, std::string_view prefix) noexcept;
/// Without spaces and tabs at the beginning and the end.
std::string_view trim(std::string_view text) noexcept;
std::vector<std::string_view> split(std::string_view text, char separator);
/// A whole decimal number, nothing before or after it; nullopt also when it does not fit.
POSTROAD_QUEUE_EXPORT std::optional<unsigned long long> parse_number(
    std::string_view text) noexcept;
/// Whether the bytes are UTF-8 (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF).
POSTROAD_QUEUE_EXPORT bool is_utf8(std::string_view text) noexcept;
/// Text that is safe to show: control characters and bytes that are not UTF-8 become \xNN.
/// Also C1 controls (U+0080–U+009F), which some terminals obey. Longer than `limit` bytes is cut
/// with "…".
POSTROAD_QUEUE_EXPORT std::string printable(std::string_view text, std::size_t limit = 4096);
/// Appends the same to `out`.
POSTROAD_QUEUE_EXPORT void append_printable(std::string& out, std::string_view text,
                                            std::size_t limit = 4096);

/// All but letters, digits and `- . _ ~` as %XX (RFC 3986 §2.1).
std::string percent_encode(std::string_view bytes);

std::string base64_encode(std::string_view bytes);
/// Writes the same at `out`, which has room for it: four characters per three bytes begun. Returns
/// where it ends.
char* write_base64(std::string_view bytes, char* out) noexcept;
/// Strict RFC 4648 §4: padding required, no whitespace, no stray bits; nullopt otherwise.
std::optional<std::string> base64_decode(std::string_view text);

/// The candidate nearest to `word` by edit distance with transposition, if it is close enough; case
/// is ignored. Empty when none is.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace postroad
