// Parser of tag lists, the syntax of signatures and key records (RFC 6376 §3.2).
//
//   tag-list = tag-spec *( ";" tag-spec ) [ ";" ]
//   tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
//   tag-name = ALPHA *( ALPHA / DIGIT / "_" )
//
// Linear time. A list with a repeated name is invalid (§3.2), and so is one of more than
// `max_tags`. Not here: the meaning of the tags (signature.hpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::dkim {

inline constexpr std::size_t max_tags = 64;

/// One tag. The views point into the parsed text.
struct Tag {
  std::string_view name;
  std::string_view value;  ///< trimmed
  std::string_view raw;    ///< everything between `=` and the semicolon
};

/// A list of tags in their order; views into the parsed text.
class TagList final {
 public:
  /// nullopt for an invalid list.
  static std::optional<TagList> parse(std::string_view text);
  /// The tag of that name (case-sensitive); null if there is none.
  [[nodiscard]] const Tag* find(std::string_view name) const noexcept;
  /// The value of that tag; empty if there is none.
  [[nodiscard]] std::string_view value(std::string_view name) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return tags_.empty(); }
  [[nodiscard]] const Tag& front() const noexcept { return tags_.front(); }

 private:
  std::vector<Tag> tags_;
};

/// Removes all whitespace and line ends, which base64 values may contain.
std::string without_blanks(std::string_view text);
/// Removes whitespace at the beginning and the end, line ends included.
std::string_view trim_folds(std::string_view text) noexcept;

}  // namespace postroad::dkim
