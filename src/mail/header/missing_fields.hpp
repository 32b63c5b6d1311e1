// Adds Date and Message-ID to a message that lacks them, while it streams by (RFC 6409 §8.1, §8.2):
// at the end of its header, so that what the sender wrote keeps its octets and order. Memory: the
// first octets of a header line that is not yet whole.
#pragma once

#include <string>
#include <string_view>

namespace postroad::mail {

class MissingFields final {
 public:
  /// The whole fields to add, with their CRLF.
  MissingFields(std::string date, std::string message_id)
      : date_(std::move(date)), message_id_(std::move(message_id)) {}

  /// Appends to `out` what can go on of the octets seen so far. Octets come in lines that end with
  /// CRLF, in pieces of any size.
  void take(std::string_view octets, std::string& out);
  /// The header is over: what follows need not come through here.
  [[nodiscard]] bool is_done() const noexcept { return done_; }
  /// At the message's end: appends what was held back, and the fields where no header's end came.
  void finish(std::string& out);

 private:
  void end_header(std::string& out, bool needs_empty_line);
  bool begin_line(std::string& out);

  std::string date_;
  std::string message_id_;
  std::string start_;  // of a line, as long as it is not known what line it is
  bool in_line_ = false;
  bool any_field_ = false;
  bool done_ = false;
};

}  // namespace postroad::mail
