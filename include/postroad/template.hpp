// Templates with placeholders for message bodies and header values. In HTML, each value is escaped
// for its context, so that it cannot end an attribute, open a tag or start a script.
// Not here: sending to many recipients (pool.hpp).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/result.hpp>

namespace postroad {

/// A text with placeholders `{{name}}`. A name consists of letters, digits, `_`, `-` and `.`;
/// `{{{{` stands for two braces. Parsed and checked once, filled any number of times. A value type;
/// any thread may fill it.
class POSTROAD_EXPORT Template {
 public:
  /// Values by placeholder name, in UTF-8.
  using Values = std::map<std::string, std::string, std::less<>>;

  /// Plain text or one header value: values are inserted unchanged. (The setters of Message refuse
  /// line ends in header values.) Error: Fault::input with line and column.
  static Result<Template> text(std::string_view source);
  /// HTML. In text and in quoted attribute values, `& < > " '` become character references. In a
  /// URL attribute (href, src, action, …), a value at the start must be an http:, https:, mailto:
  /// or tel: URL or a path; a later value is percent-encoded. `{{raw:name}}` inserts HTML
  /// unchanged: only for HTML that the program generated. Error: as text(), and for a placeholder
  /// in a tag name, an unquoted attribute value, a script or style attribute, a URL of another
  /// scheme, a script element, a style element or a comment.
  static Result<Template> html(std::string_view source);

  /// The text with all values inserted. Error: Fault::input, with name and line, for a placeholder
  /// without a value and for a value that is not allowed in its context.
  [[nodiscard]] Result<std::string> fill(const Values& values) const;
  /// The placeholder names, each once, in the order of the text.
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  enum class Where : unsigned char { text, element, attribute, url_start, url_rest, raw };
  struct Piece {
    std::string before;  // literal text in front of the placeholder
    std::string name;    // empty in the last piece
    Where where = Where::text;
    std::size_t line = 0;
  };
  static Result<Template> parse(std::string_view source, bool html);
  static Result<std::string> fit(const Piece& piece, std::string_view value);
  std::vector<Piece> pieces_;
};

}  // namespace postroad
