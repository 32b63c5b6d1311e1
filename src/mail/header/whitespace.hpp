// White space in headers and bodies: ASCII only.
#pragma once

namespace postroad::mail {

/// WSP (RFC 5234 appendix B.1).
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
/// WSP, CR or LF: what folded text has between words.
constexpr bool is_whitespace(char c) noexcept { return is_blank(c) || c == '\r' || c == '\n'; }

}  // namespace postroad::mail
