// Texts with named places, filled for where they stand: a value can end no attribute, open no tag
// and begin no script. Not here: sending to many (pool.hpp).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/result.hpp>

namespace postroad {

/// A text with places of the form `{{name}}`; a name is letters, digits, `_`, `-` and `.`; `{{{{`
/// stands for two braces. Checked once when it is parsed, filled as often as wanted. A value; any
/// thread may fill it.
class POSTROAD_EXPORT Template {
 public:
  using Values = std::map<std::string, std::string, std::less<>>;

  /// Plain text, and one line of a header: values stand as they are. (What ends a line is refused
  /// by the setter of the field.) Error: Fault::input with line and column.
  static Result<Template> text(std::string_view source);
  /// HTML. In text and in quoted attribute values `& < > " '` become entities. In an attribute that
  /// is a URL (href, src, action, …) a value at its front must be an http:, https:, mailto: or tel:
  /// URL or a path, and one further in is percent-encoded. `{{raw:name}}` puts HTML in as it is:
  /// only for what the program itself made. Error: also for a place in a tag's name, an unquoted
  /// value, an attribute for scripts or styles, a URL of another scheme, a script, a style or a
  /// comment.
  static Result<Template> html(std::string_view source);

  /// The filled text. Error: Fault::input for a place without a value, with its name and line, and
  /// for a value that may not stand where it would.
  [[nodiscard]] Result<std::string> fill(const Values& values) const;
  /// The names of its places, each once, in order.
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  enum class Where : unsigned char { text, element, attribute, url_start, url_rest, raw };
  struct Piece {
    std::string before;  // the place's own text
    std::string name;    // empty: the end
    Where where = Where::text;
    std::size_t line = 0;
  };
  static Result<Template> parse(std::string_view source, bool html);
  static Result<std::string> fit(const Piece& piece, std::string_view value);
  std::vector<Piece> pieces_;
};

}  // namespace postroad
