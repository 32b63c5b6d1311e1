// Splits the header of a message into fields (RFC 5322 §2.2) without copying. Accepts CRLF and LF
// line ends, because messages are also read from files. A line that is not a field ends the header,
// as in other mail programs.
// Not here: parsing field bodies (postroad/address.hpp, parameters.hpp, words.hpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <postroad/mail_part.hpp>

namespace postroad::mail {

/// The first field `name` (case-insensitive); null if there is none. Valid as long as `fields`.
const HeaderField* find_field(const std::vector<HeaderField>& fields,
                              std::string_view name) noexcept;

/// A split header. Offsets are in bytes from the start of the input, which the fields view.
struct FieldBlock {
  std::vector<HeaderField> fields;
  std::size_t end = 0;    ///< end of the fields; an empty line, if any, begins here
  std::size_t body = 0;   ///< start of the body
  bool complete = false;  ///< an empty line or the end of the input follows the last field

  /// As find_field; valid as long as this block.
  [[nodiscard]] const HeaderField* find(std::string_view name) const noexcept;
};

/// Splits at most `limit` bytes of header; the rest counts as body. Linear time.
FieldBlock split_fields(std::string_view bytes, std::size_t limit = 1024 * 1024);

/// Whether `name` is a field name: printable ASCII without colon and space (RFC 5322 §3.6.8).
bool is_field_name(std::string_view name) noexcept;

}  // namespace postroad::mail
