// Writes a tree of parts as segments of a source: part headers, boundaries and transfer encodings
// (RFC 2045 §6, RFC 2046 §5.1). The encoding depends on what the server accepts; a signed part is
// never changed. Not here: which parts a message has (compose.cpp, body_tree.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "mail/mime/entity.hpp"
#include "mail/mime/segment_source.hpp"
#include "mail/mime/transfer.hpp"

namespace postroad::mail {

/// The shortest encoding that `transfer` allows for text with CRLF line ends: 7bit, 8bit,
/// quoted-printable or base64.
std::string_view encoding_of_text(std::string_view text, Transfer transfer);

/// Writes one message. `source` must outlive this object.
class EntityWriter final {
 public:
  /// `random_word` returns unguessable words for boundaries.
  EntityWriter(SegmentSource& source, Transfer transfer, std::function<std::string()> random_word)
      : source_(source), transfer_(transfer), random_word_(std::move(random_word)) {}
  /// Appends text unchanged, before the next part.
  void add_text(std::string_view text) { text_ += text; }
  /// Appends a part with its header. Error: the stored error of the part; Fault::io if a file
  /// cannot be opened; Fault::input or Fault::unsupported for a part that cannot be sent.
  Result<void> add(const Entity& entity);
  /// Ends the last line and passes buffered text to the source.
  void finish();
  /// Whether a part was written as 8bit.
  [[nodiscard]] bool is_8bit() const noexcept { return is_8bit_; }
  /// Whether a part was written as binary.
  [[nodiscard]] bool is_binary() const noexcept { return is_binary_; }

 private:
  void add_head(const Entity& entity, std::string_view encoding, std::string_view boundary);
  void add_text_body(const Entity& entity);
  Result<void> add_bytes(const Entity& entity);
  Result<void> add_multipart(const Entity& entity);
  Result<void> add_message(const Entity& entity);
  Result<void> add_raw(const Entity& entity);
  void flush();

  SegmentSource& source_;
  Transfer transfer_;
  std::function<std::string()> random_word_;
  std::string text_;  // buffered until a segment of another kind follows
  bool ends_line_ = true;
  bool is_8bit_ = false;
  bool is_binary_ = false;
};

}  // namespace postroad::mail
