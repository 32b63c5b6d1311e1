// Values with parameters: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231).
//
//   value *( ";" attribute "=" ( token / quoted-string ) )
//   attribute*N*=utf-8''%E6%B8%AC      ; sections in order of N, octets percent-encoded
//
// For reading, so tolerant: what makes no sense is passed over. Written by fold.hpp. Linear time;
// at most `max_parameters` are kept, so that a field of a megabyte makes no list of a million.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postroad::mail {

inline constexpr std::size_t max_parameters = 200;

struct ParameterizedValue {
  std::string value;  ///< "text/plain", "attachment": lower case, empty when there is none
  std::vector<std::pair<std::string, std::string>>
      parameters;  ///< lower-case name, decoded UTF-8 value

  /// The parameter of that name (lower case); empty when there is none. Valid as long as this
  /// object.
  [[nodiscard]] std::string_view find(std::string_view name) const noexcept;
};

/// `text` is the field's unfolded value.
ParameterizedValue parse_parameterized(std::string_view text);

}  // namespace postroad::mail
