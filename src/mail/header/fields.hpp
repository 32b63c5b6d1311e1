// The header at the front of a message taken apart into fields (RFC 5322 §2.2), without copying.
// Takes CRLF and LF line ends, since mail is read from files too. What is not a field ends the
// header, as it does for every mail program that has to show something. Not here: what a field
// means (postroad/address.hpp, parameters.hpp, words.hpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <postroad/mail_part.hpp>

namespace postroad::mail {

/// The first field of that name, case ignored; null when there is none. Valid as long as `fields`.
const HeaderField* find_field(const std::vector<HeaderField>& fields,
                              std::string_view name) noexcept;

struct FieldBlock {
  std::vector<HeaderField> fields;
  std::size_t end =
      0;  ///< where the fields end and the separating empty line, if there is one, begins
  std::size_t body = 0;   ///< where the body begins
  bool complete = false;  ///< an empty line, or the end of the octets, came after the last field

  /// The first field of that name, case ignored; null when there is none. Valid as long as this
  /// block.
  [[nodiscard]] const HeaderField* find(std::string_view name) const noexcept;
};

/// Linear time. Reads at most `limit` octets of header; what follows counts as body.
FieldBlock split_fields(std::string_view octets, std::size_t limit = 1024 * 1024);

/// Whether `name` is a field name: printable ASCII without colon and blank (RFC 5322 §2.2).
bool is_field_name(std::string_view name) noexcept;

}  // namespace postroad::mail
