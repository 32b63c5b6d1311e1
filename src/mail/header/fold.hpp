// Formats one header field with folding (RFC 5322 §2.2.3): the only place that writes line ends
// into a header. Arguments must not contain CR, LF or NUL; the setters of Message check that, and
// received.cpp replaces them. Not here: which fields a message has (mime/compose.cpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <postroad/address.hpp>

namespace postroad::mail {

inline constexpr std::size_t fold_column = 78;  ///< preferred line length (RFC 5322 §2.1.1)
inline constexpr std::size_t max_line = 998;    ///< longest line without CRLF (RFC 5322 §2.1.1)

/// A field under construction. Every line holds a word, so that no line is only whitespace.
class FoldedField final {
 public:
  explicit FoldedField(std::string_view name);
  /// Appends a space or a fold, then `token`, which is never split.
  void word(std::string_view token);
  /// Appends `token` without a space, such as a comma or a semicolon.
  void glue(std::string_view token);
  /// Appends text as encoded-words (RFC 2047).
  void encoded(std::string_view text);
  /// Appends text unchanged, folded at single spaces.
  void plain(std::string_view text);
  /// Appends a parameter `; name=value`, quoted or in the form of RFC 2231 if necessary.
  void parameter(std::string_view name, std::string_view value);
  /// Returns the field with its CRLF.
  [[nodiscard]] std::string finish() &&;

 private:
  void fold();
  std::string text_;
  std::size_t column_;
  bool fresh_ = true;  // no word yet
};

/// Whether an unstructured field can hold `text` unencoded: printable ASCII that does not look like
/// an encoded-word, no space at either end, no word too long for a line.
bool is_plain_unstructured(std::string_view text) noexcept;

/// An unstructured field such as Subject: plain if possible, else encoded-words.
std::string format_text_field(std::string_view name, std::string_view text);
/// An address field. Names are quoted or encoded if necessary; mailboxes are written unchanged.
std::string format_address_field(std::string_view name, const std::vector<Address>& addresses);

}  // namespace postroad::mail
