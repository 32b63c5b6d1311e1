// Where in an HTML text one stands, after the octets so far: what decides how a value must be
// escaped there. A small reading of HTML's tokenizer: tags, attributes, comments, raw elements.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace postroad::mail {

/// Whether a URL, or its front, is a path or of a scheme that runs nothing: http, https, mailto,
/// tel, cid. Case ignored.
bool has_harmless_scheme(std::string_view url) noexcept;

class HtmlContext final {
 public:
  enum class Place : std::uint8_t {
    element,         ///< text between tags
    quoted_value,    ///< an attribute's, in quotes
    url_start,       ///< at the front of one that is a URL
    url_rest,        ///< further in
    active_value,    ///< of one that holds a script or a style, a URL of an unknown scheme too
    unquoted_value,  ///< or where one would begin
    tag,             ///< a tag's name, or between attributes
    hidden,          ///< script, style, comment, declaration
  };
  void take(std::string_view octets);
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
  void end_tag();
  State state_ = State::text;
  std::string tag_;        // its name, lower case
  std::string attribute_;  // likewise
  std::string tail_;       // the last octets of a comment or a hidden element; a value's first
  char quote_ = 0;
  bool closing_ = false;
};

}  // namespace postroad::mail
