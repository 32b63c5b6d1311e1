// Tracks the context at the current position in an HTML text, which decides how an inserted value
// must be escaped. It follows the HTML tokenizer for tags, attributes, comments and raw elements.
// Not here: escaping (html_text.hpp), templates (mime/template.cpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace postroad::mail {

/// Whether a URL or its beginning is a path or has a scheme that runs no script: http, https,
/// mailto, tel, cid (case-insensitive).
bool has_harmless_scheme(std::string_view url) noexcept;

/// The context after the bytes taken so far. Linear time, constant memory. One thread at a time.
class HtmlContext final {
 public:
  enum class Place : std::uint8_t {
    element,         ///< text between tags
    quoted_value,    ///< a quoted attribute value
    url_start,       ///< the start of a quoted URL attribute value
    url_rest,        ///< within such a value
    active_value,    ///< a script or style attribute, or a URL of another scheme
    unquoted_value,  ///< an unquoted attribute value, or before a value
    tag,             ///< a tag name, or between attributes
    hidden,          ///< script, style, comment, declaration
  };
  /// The next bytes of the text, in pieces of any size.
  void take(std::string_view bytes);
  [[nodiscard]] Place place() const noexcept;

 private:
  enum class State : std::uint8_t {
    text,
    tag_open,
    tag_name,
    before_name,
    name,
    after_name,
    before_value,
    value,
    unquoted,
    comment,
    declaration,
    hidden
  };
  void step(char c);
  void step_tag_open(char c);
  void step_name(char c);
  void step_before_value(char c);
  void step_hidden(char c);
  void end_tag();
  State state_ = State::text;
  std::string tag_;        // tag name in lower case
  std::string attribute_;  // attribute name in lower case
  std::string tail_;       // start of a value; end of a comment or a hidden element
  char quote_ = 0;
  bool closing_ = false;
};

}  // namespace postroad::mail
