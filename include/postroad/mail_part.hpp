// A mail that arrived, as a tree of its parts (RFC 2045, RFC 2046): for showing it and for tests of
// programs that send. Not here: making one (message.hpp), mail too large to hold (mail_reader.hpp).
//
//   const auto mail = postroad::MailPart::parse(octets);
//   if (const auto* text = mail.first("text/plain")) show(mail.header("Subject"), text->text());
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <postroad/result.hpp>

namespace postroad {

/// One header field as it came (RFC 5322 §2.2). Views lead into the mail and live as long as its
/// octets.
struct POSTROAD_EXPORT HeaderField {
  std::string_view name;   ///< without the colon and blanks before it
  std::string_view body;   ///< behind the colon, folded as it came, with its line end
  std::string_view whole;  ///< all lines of the field with their line ends

  /// Unfolded, without blanks at the ends; CR, LF and NUL that are left become blanks.
  [[nodiscard]] std::string value() const;
};

/// A value with parameters, as of Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231).
struct POSTROAD_EXPORT ParameterizedValue {
  std::string value;  ///< "text/plain", "attachment": lower case, empty when there is none
  std::vector<std::pair<std::string, std::string>>
      parameters;  ///< lower-case name, decoded UTF-8 value; at most 200

  /// The parameter of that name (lower case); empty when there is none. Valid as long as this
  /// object.
  [[nodiscard]] std::string_view find(std::string_view name) const noexcept;
};

/// What a hostile mail may cost.
struct POSTROAD_EXPORT MailLimits {
  std::size_t depth = 32;            ///< of parts in parts
  std::size_t parts = 1000;          ///< in the whole mail
  std::size_t header = 1024 * 1024;  ///< octets of one header
};

/// One part, and the parts below it. All views lead into the octets that were parsed and live as
/// long as those. A value; one that nobody changes may be read by many threads.
struct POSTROAD_EXPORT MailPart {
  std::vector<HeaderField> fields;  ///< in the order of the header
  /// Of Content-Type; "text/plain" where none or nonsense is given, "message/rfc822" where none is
  /// given in a digest (RFC 2046 §5.1.5).
  ParameterizedValue type;
  ParameterizedValue disposition;  ///< of Content-Disposition; its value is empty where none is
  std::string_view body;           ///< as it came, still transfer-encoded
  std::vector<MailPart> parts;     ///< of a multipart; the mail in a message/rfc822
  bool cut = false;  ///< a limit ended the reading here: what lies deeper is in `body` only

  /// Reads a mail. Any line ends; never fails: mail that arrived has to be shown, however broken.
  /// `octets` are not copied and must outlive the part. Linear time.
  static MailPart parse(std::string_view octets, const MailLimits& limits = {});

  /// The first field of that name, case ignored, unfolded and with its encoded-words decoded: for
  /// showing, never for parsing (addresses: parse_address_list of the field's own value()). Empty
  /// when there is none.
  [[nodiscard]] std::string header(std::string_view name) const;
  /// The first field of that name as it came; null when there is none. Valid as long as this part.
  [[nodiscard]] const HeaderField* find(std::string_view name) const noexcept;
  /// The body without its transfer encoding. Of a multipart, the body as it came.
  [[nodiscard]] std::string decoded() const;
  /// The decoded body as UTF-8, by the part's charset; octets that fit nowhere become U+FFFD.
  [[nodiscard]] std::string text() const;
  /// The file name by Content-Disposition or Content-Type, UTF-8; empty when there is none. It may
  /// hold slashes and dots: it is a name to show, not a path to write to.
  [[nodiscard]] std::string file_name() const;
  [[nodiscard]] bool is_multipart() const noexcept { return type.value.starts_with("multipart/"); }
  /// Whether it is to hold a mail: message/rfc822 or message/global (RFC 6532 §3.7).
  [[nodiscard]] bool is_message() const noexcept;
  /// Whether a reader is to offer it as a file.
  [[nodiscard]] bool is_attachment() const;
  /// The first part below, or this one, that is of the type and not an attachment; null when there
  /// is none.
  [[nodiscard]] const MailPart* first(std::string_view wanted) const noexcept;
};

}  // namespace postroad
