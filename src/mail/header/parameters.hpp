// Parser of values with parameters: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2183,
// RFC 2231).
//
//   value *( ";" attribute "=" ( token / quoted-string ) )
//   attribute*N*=utf-8''%E6%B8%AC      ; sections in order of N, bytes percent-encoded
//
// The parser is tolerant: it skips invalid text. Linear time. `max_parameters` bounds the memory
// for a field of a megabyte. Not here: writing parameters (fold.hpp).
#pragma once

#include <string_view>

#include <postroad/mail_part.hpp>

namespace postroad::mail {

inline constexpr std::size_t max_parameters = 200;

/// Parses `text`, the unfolded body of a field. Never fails.
ParameterizedValue parse_parameterized(std::string_view text);

}  // namespace postroad::mail
