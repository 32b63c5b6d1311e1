// Completes the header of a streamed message, so that fields may precede it and the next
// parser finds its end: an empty line is put in front of the first line that is neither a field nor
// a continuation (as Postfix does), and a submission server adds Date and Message-ID (RFC 6409
// §8.2, §8.3). Without it the first line of a message without a header would become a part of the
// field in front of it. Every byte of the sender and the order of the fields stay the same.
// Not here: the values of the fields (the server).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace postroad::mail {

/// A filter for one message. The result does not depend on how the input is divided. Memory: the
/// start of a line that is not decided yet, at most 998 bytes (RFC 5322 §2.1.1). Cost: one pass
/// over the header; nothing is copied but such a start. One thread at a time.
class HeaderCompletion final {
 public:
  /// Bytes in order; some may be empty. Valid until the next call, and as long as its argument.
  using Pieces = std::array<std::string_view, 4>;

  /// Adds the empty line only.
  HeaderCompletion() = default;
  /// Adds these fields too where they are missing: complete fields, each with its CRLF.
  HeaderCompletion(std::string date, std::string message_id)
      : date_(std::move(date)), message_id_(std::move(message_id)) {}

  /// Takes the next bytes of the message, in pieces of any size, and returns all that is decided.
  [[nodiscard]] Pieces take(std::string_view bytes);
  /// Whether the header has ended: later bytes need not pass through this object.
  [[nodiscard]] bool is_done() const noexcept { return is_done_; }
  /// The message is complete: the held bytes, and what is missing if the header did not end before.
  [[nodiscard]] Pieces finish();

 private:
  enum class Kind : std::uint8_t { undecided, header, empty, text };
  enum class At : std::uint8_t { line_start, carriage_return, name, after_name };

  Kind look(char c);
  void begin_line();
  void note_field(std::string_view rest_of_name);
  std::string_view end_header(bool needs_empty_line);

  std::string date_;
  std::string message_id_;
  std::string held_;        // start of a line of which the kind is not known yet
  std::string given_;       // what was held before, while it is returned
  std::string completion_;  // what is put at the end of the header
  std::size_t length_ = 0;  // of the line's start
  At at_ = At::line_start;
  bool is_in_line_ = false;  // of the header: up to its end nothing is decided
  bool has_field_ = false;
  bool is_done_ = false;
};

}  // namespace postroad::mail
