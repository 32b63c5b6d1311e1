// Values with parameters: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231).
//
//   value *( ";" attribute "=" ( token / quoted-string ) )
//   attribute*N*=utf-8''%E6%B8%AC      ; sections in order of N, octets percent-encoded
//
// For reading, so tolerant: what makes no sense is passed over. Written by fold.hpp. Linear time;
// at most `max_parameters` are kept, so that a field of a megabyte makes no list of a million.
#pragma once

#include <string_view>

#include <postroad/mail_part.hpp>

namespace postroad::mail {

inline constexpr std::size_t max_parameters = 200;

/// `text` is the field's unfolded value.
ParameterizedValue parse_parameterized(std::string_view text);

}  // namespace postroad::mail
