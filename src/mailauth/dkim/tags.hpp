// Lists of tags, the syntax of signatures and of key records (RFC 6376 §3.2).
//
//   tag-list = tag-spec *( ";" tag-spec ) [ ";" ]
//   tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
//   tag-name = ALPHA *( ALPHA / DIGIT / "_" )
//
// Linear time. A list with a name twice is no list (§3.2); at most `max_tags` are taken.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::dkim {

inline constexpr std::size_t max_tags = 64;

/// Views into the text that was parsed.
struct Tag {
  std::string_view name;
  std::string_view value;  ///< without blanks and line ends around it
  std::string_view raw;    ///< all between `=` and the semicolon
};

class TagList final {
 public:
  /// nullopt when `text` is no such list.
  static std::optional<TagList> parse(std::string_view text);
  /// Null when there is none of that name; names are compared to the octet.
  [[nodiscard]] const Tag* find(std::string_view name) const noexcept;
  /// The value, empty when there is none.
  [[nodiscard]] std::string_view value(std::string_view name) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return tags_.empty(); }
  [[nodiscard]] const Tag& front() const noexcept { return tags_.front(); }

 private:
  std::vector<Tag> tags_;
};

/// Without any blank or line end, as base64 values are read.
std::string without_blanks(std::string_view text);
/// Without blanks and line ends at both ends.
std::string_view trim_folds(std::string_view text) noexcept;

}  // namespace postroad::dkim
