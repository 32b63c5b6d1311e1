// Writes a tree of parts as segments of a source: heads, boundaries and transfer encodings (RFC
// 2045 §6, RFC 2046 §5.1). What the server takes decides between encodings; what was signed goes as
// it is. Not here: which parts a message has (compose.cpp).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "mail/mime/entity.hpp"
#include "mail/mime/segment_source.hpp"
#include "mail/mime/transfer.hpp"

namespace postroad::mail {

/// The shortest encoding of a text with CRLF line ends that `transfer` allows: 7bit, 8bit,
/// quoted-printable or base64.
std::string_view encoding_of_text(std::string_view text, Transfer transfer);

class EntityWriter final {
 public:
  /// `random_word` gives unguessable words for boundaries.
  EntityWriter(SegmentSource& source, Transfer transfer, std::function<std::string()> random_word)
      : source_(source), transfer_(transfer), random_word_(std::move(random_word)) {}
  /// Text that goes before the next part as it is.
  void add_text(std::string_view text) { text_ += text; }
  /// The part with its header. Error: Fault::io when a file cannot be opened; Fault::input for a
  /// part that cannot go at all.
  Result<void> add(const Entity& entity);
  /// Hands on what is gathered. Ends the last line.
  void finish();
  [[nodiscard]] bool is_8bit() const noexcept { return is_8bit_; }
  [[nodiscard]] bool is_binary() const noexcept { return is_binary_; }

 private:
  void add_head(const Entity& entity, std::string_view encoding, std::string_view boundary);
  void add_text_body(const Entity& entity);
  Result<void> add_octets(const Entity& entity);
  Result<void> add_multipart(const Entity& entity);
  Result<void> add_message(const Entity& entity);
  Result<void> add_raw(const Entity& entity);
  void flush();

  SegmentSource& source_;
  Transfer transfer_;
  std::function<std::string()> random_word_;
  std::string text_;  // gathered until a segment of another kind comes
  bool ends_line_ = true;
  bool is_8bit_ = false;
  bool is_binary_ = false;
};

}  // namespace postroad::mail
