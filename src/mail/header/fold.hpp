// Writes one header field, folded (RFC 5322 §2.2.3): the only place where a line end enters a
// header. What is given must hold no CR, LF or NUL; the setters of Message see to that,
// received.cpp scrubs. Not here: which fields a message has (compose.cpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <postroad/address.hpp>

namespace postroad::mail {

inline constexpr std::size_t fold_column = 78;  ///< lines are folded to this where words allow it
inline constexpr std::size_t max_line = 998;    ///< no line is longer (RFC 5322 §2.1.1)

/// A field under construction. Every line begins with a word, so that no line is blank.
class FoldedField final {
 public:
  explicit FoldedField(std::string_view name);
  /// A blank, or a fold, and then `token`, which is never cut.
  void word(std::string_view token);
  /// `token` right behind the last word, as a comma or a semicolon.
  void glue(std::string_view token);
  /// Text as encoded-words.
  void encoded(std::string_view text);
  /// Text as it is, folded at single blanks.
  void plain(std::string_view text);
  /// A parameter of a MIME field: `; name=value`, quoted or in the form of RFC 2231.
  void parameter(std::string_view name, std::string_view value);
  /// The field with its CRLF.
  [[nodiscard]] std::string finish() &&;

 private:
  void fold();
  std::string text_;
  std::size_t column_;
  bool fresh_ = true;  // nothing stands on the first line yet
};

/// Whether `text` may stand in an unstructured field as it is: printable ASCII, nothing that reads
/// as an encoded-word, no blank at its ends, no word too long for a line.
bool is_plain_unstructured(std::string_view text) noexcept;

/// An unstructured field (Subject): plain where it may be, else encoded-words.
std::string format_text_field(std::string_view name, std::string_view text);
/// An address field. The names are quoted or encoded where they need it; a mailbox is written in
/// its own form.
std::string format_address_field(std::string_view name, const std::vector<Address>& addresses);

}  // namespace postroad::mail
