// A received message as a tree of its parts (RFC 2045, RFC 2046), for display and for tests of
// programs that send. Not here: composing (message.hpp), messages too large for memory
// (mail_reader.hpp).
//
//   const auto message = postroad::MailPart::parse(bytes);
//   if (const auto* text = message.first("text/plain"))
//     show(message.header("Subject"), text->text());
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <postroad/result.hpp>

namespace postroad {

/// One header field as received (RFC 5322 §2.2). The views point into the message and are valid as
/// long as its bytes.
struct POSTROAD_EXPORT HeaderField {
  std::string_view name;   ///< without the colon and any whitespace before it
  std::string_view body;   ///< everything after the colon, still folded, with its line end
  std::string_view whole;  ///< all lines of the field, with their line ends

  /// The unfolded body without whitespace at its ends; stray CR, LF and NUL become spaces.
  [[nodiscard]] std::string value() const;
};

/// A value with parameters, such as that of Content-Type (RFC 2045 §5.1, RFC 2183, RFC 2231).
struct POSTROAD_EXPORT ParameterizedValue {
  std::string value;  ///< "text/plain", "attachment": in lower case; empty if there is none
  std::vector<std::pair<std::string, std::string>>
      parameters;  ///< name in lower case, value decoded to UTF-8; at most 200

  /// The parameter `name` (in lower case); empty if there is none. Valid as long as this object.
  [[nodiscard]] std::string_view find(std::string_view name) const noexcept;
};

/// Limits on the work that a hostile message can cause.
struct POSTROAD_EXPORT MailLimits {
  std::size_t depth = 32;            ///< nesting of parts
  std::size_t parts = 1000;          ///< in the whole message
  std::size_t header = 1024 * 1024;  ///< bytes in the header of one part
};

/// One part and the parts below it; the root is the message. All views point into the parsed bytes
/// and are valid as long as those. A value type; several threads may read one that no thread
/// changes.
struct POSTROAD_EXPORT MailPart {
  std::vector<HeaderField> fields;  ///< in the order of the header
  /// Content-Type. Default if it is missing or malformed: "text/plain"; if it is missing in a
  /// digest: "message/rfc822" (RFC 2046 §5.1.5).
  ParameterizedValue type;
  ParameterizedValue disposition;  ///< Content-Disposition; its value is empty if it is missing
  std::string_view body;           ///< as received, still transfer-encoded
  std::vector<MailPart> parts;     ///< of a multipart; the message in a message/rfc822
  bool cut = false;                ///< a limit stopped the parser: deeper parts are only in `body`

  /// Parses a message with any line ends. Never fails, because a received message must be shown
  /// even if it is malformed. `bytes` are not copied and must outlive the part. Linear time.
  static MailPart parse(std::string_view bytes, const MailLimits& limits = {});

  /// The first field `name` (case-insensitive), unfolded and with its encoded-words decoded; empty
  /// if there is none. For display only: to parse addresses, pass HeaderField::value() to
  /// parse_address_list.
  [[nodiscard]] std::string header(std::string_view name) const;
  /// The first field `name` (case-insensitive); null if there is none. Valid as long as this part.
  [[nodiscard]] const HeaderField* find(std::string_view name) const noexcept;
  /// The body without its transfer encoding; for a multipart, the body as received.
  [[nodiscard]] std::string decoded() const;
  /// The decoded body converted from the part's charset to UTF-8; undecodable bytes become U+FFFD.
  [[nodiscard]] std::string text() const;
  /// The file name from Content-Disposition or Content-Type in UTF-8; empty if there is none. It
  /// may contain slashes and dots: a name to display, not a path to write to.
  [[nodiscard]] std::string file_name() const;
  [[nodiscard]] bool is_multipart() const noexcept { return type.value.starts_with("multipart/"); }
  /// Whether the type is message/rfc822 or message/global (RFC 6532 §3.7).
  [[nodiscard]] bool is_message() const noexcept;
  /// Whether a mail program should offer the part as a file.
  [[nodiscard]] bool is_attachment() const;
  /// The first part of type `wanted`, this one included, that is not an attachment; null if there
  /// is none. Valid as long as this part.
  [[nodiscard]] const MailPart* first(std::string_view wanted) const noexcept;
};

}  // namespace postroad
