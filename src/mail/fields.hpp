// The header at the front of a message taken apart into fields (RFC 5322 §2.2), without copying.
// Takes CRLF and LF line ends, since mail is read from files too. What is not a field ends the
// header, as it does for every mail program that has to show something. Not here: what a field
// means (address_list.hpp, parameters.hpp, words.hpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postroad::mail {

/// Views into the message: valid as long as its octets.
struct Field {
  std::string_view name;   ///< without the colon and blanks before it
  std::string_view body;   ///< behind the colon, folded as it came, with its line end
  std::string_view whole;  ///< all lines of the field with their line ends

  /// Unfolded, without blanks at the ends; CR, LF and NUL that are left become blanks.
  [[nodiscard]] std::string value() const;
};

/// The first field of that name, case ignored; null when there is none. Valid as long as `fields`.
const Field* find_field(const std::vector<Field>& fields, std::string_view name) noexcept;

struct FieldBlock {
  std::vector<Field> fields;
  std::size_t end =
      0;  ///< where the fields end and the separating empty line, if there is one, begins
  std::size_t body = 0;   ///< where the body begins
  bool complete = false;  ///< an empty line, or the end of the octets, came after the last field

  /// The first field of that name, case ignored; null when there is none. Valid as long as this
  /// block.
  [[nodiscard]] const Field* find(std::string_view name) const noexcept;
};

/// Linear time. Reads at most `limit` octets of header; what follows counts as body.
FieldBlock split_fields(std::string_view octets, std::size_t limit = 1024 * 1024);

/// Whether `name` is a field name: printable ASCII without colon and blank (RFC 5322 §2.2).
bool is_field_name(std::string_view name) noexcept;

}  // namespace postroad::mail
