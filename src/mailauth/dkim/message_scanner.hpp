// Splits a streamed message into its header, which is kept, and its body, which the caller digests.
// Used by DkimSigner and DkimVerifier. Not here: splitting the header into fields
// (mail/header/fields.hpp).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postroad::dkim {

/// Longest header in bytes; it bounds the memory.
inline constexpr std::size_t max_header = std::size_t{1024} * 1024;

/// Scans one message with CRLF line ends. One thread at a time.
class MessageScanner final {
 public:
  /// Removes the header from the front of `bytes`; what remains belongs to the body. True once the
  /// header is complete.
  bool take(std::string_view& bytes);
  /// The fields with their line ends, without the empty line.
  [[nodiscard]] const std::string& header() const noexcept { return header_; }
  /// Whether the header is complete.
  [[nodiscard]] bool is_over() const noexcept { return over_; }
  /// Whether the header was longer than `max_header`; all later bytes are then dropped.
  [[nodiscard]] bool is_too_long() const noexcept { return too_long_; }

 private:
  std::string header_;
  std::size_t scanned_ = 0;
  bool over_ = false;
  bool too_long_ = false;
};

}  // namespace postroad::dkim
