// A mail that arrived, as a tree of MIME parts (RFC 2045, RFC 2046), for showing it.
// Not here: making one (compose.hpp), how it is taken apart (parse.hpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mail/fields.hpp"
#include "mail/parameters.hpp"

namespace postroad::mail {

/// One part. All views lead into the octets that were parsed and live as long as those.
struct Part {
  std::vector<Field> fields;  ///< in the order of the header
  ParameterizedValue type;    ///< of Content-Type; "text/plain" where none or nonsense is given
  ParameterizedValue
      disposition;          ///< of Content-Disposition; its value is empty where none is given
  std::string_view body;    ///< as it came, still transfer-encoded
  std::vector<Part> parts;  ///< of a multipart; the enclosed message of a message/rfc822
  bool cut = false;         ///< a limit ended the reading here: what lies deeper is in `body` only

  /// The first field of that name, case ignored, unfolded and with its encoded-words decoded: for
  /// showing, never for parsing (addresses: parse_address_list of the field's own value()). Empty
  /// when there is none.
  [[nodiscard]] std::string header(std::string_view name) const;
  /// The first field of that name as it came; null when there is none. Valid as long as this part.
  [[nodiscard]] const Field* find(std::string_view name) const noexcept;
  /// The body without its transfer encoding. Of a multipart, the body as it came.
  [[nodiscard]] std::string decoded() const;
  /// The decoded body as UTF-8, by the part's charset; octets that fit nowhere become U+FFFD.
  [[nodiscard]] std::string text() const;
  /// The file name by Content-Disposition or Content-Type, UTF-8; empty when there is none. It may
  /// hold slashes and dots: it is a name to show, not a path to write to.
  [[nodiscard]] std::string file_name() const;
  [[nodiscard]] bool is_multipart() const noexcept { return type.value.starts_with("multipart/"); }
  /// Whether a reader is to offer it as a file.
  [[nodiscard]] bool is_attachment() const;
  /// The first part below, or this one, that is of the type and not an attachment; null when there
  /// is none.
  [[nodiscard]] const Part* first(std::string_view wanted) const noexcept;
};

}  // namespace postroad::mail
