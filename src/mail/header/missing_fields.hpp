// Adds Date and Message-ID to a streamed message that lacks them (RFC 6409 §8.2, §8.3), as a
// submission server does. They are added at the end of the header, so that the bytes and the order
// of the sender's fields do not change. Memory: the start of an incomplete header line.
// Not here: making their values (the server).
#pragma once

#include <string>
#include <string_view>

namespace postroad::mail {

/// A filter for one message. The result does not depend on how the input is divided. One thread at
/// a time.
class MissingFields final {
 public:
  /// The complete fields to add, each with its CRLF.
  MissingFields(std::string date, std::string message_id)
      : date_(std::move(date)), message_id_(std::move(message_id)) {}

  /// Takes the next bytes of the message, in pieces of any size, with CRLF line ends, and appends
  /// to `out` all that is decided.
  void take(std::string_view bytes, std::string& out);
  /// Whether the header has ended: later bytes need not pass through this object.
  [[nodiscard]] bool is_done() const noexcept { return done_; }
  /// The message is complete: appends held bytes, and the fields if the header did not end before.
  void finish(std::string& out);

 private:
  void end_header(std::string& out, bool needs_empty_line);
  bool begin_line(std::string& out);

  std::string date_;
  std::string message_id_;
  std::string start_;  // start of a line of which the kind is not known yet
  bool in_line_ = false;
  bool any_field_ = false;
  bool done_ = false;
};

}  // namespace postroad::mail
