// Counts the Received fields of a message in a stream, to detect mail loops (RFC 5321 §6.3). It
// keeps no bytes. Not here: the limit and the 554 reply, which are up to the server.
#pragma once

#include <cstddef>
#include <string_view>

namespace postroad::mail {

/// The result does not depend on how the input is divided. One thread at a time.
class HopCounter final {
 public:
  /// The next bytes of the message, in pieces of any size, with any line ends.
  void take(std::string_view bytes);
  /// Received fields so far.
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  std::size_t count_ = 0;
  std::size_t at_ = 0;       // bytes of the line so far, up to the length of the name
  bool is_match_ = true;     // they match the name
  bool is_in_body_ = false;  // the header has ended
};

}  // namespace postroad::mail
