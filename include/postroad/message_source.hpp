// The bytes of one message, read in chunks by a sender while it sends.
// Not here: dot-stuffing, which the protocol layer does. Message::source (message.hpp) makes one.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <postroad/result.hpp>

namespace postroad {

/// Content that the server accepts beyond lines of ASCII.
struct ServerOffer {
  bool eight_bit = false;  ///< 8BITMIME (RFC 6152)
  bool binary = false;     ///< CHUNKING and BINARYMIME (RFC 3030)
};

/// A message as RFC 5322 bytes with CRLF line ends, read from front to back. One thread at a time.
class POSTROAD_EXPORT MessageSource {
 public:
  virtual ~MessageSource() = default;

  /// The next chunk, of a size that the source chooses. Valid until the next call; empty at the
  /// end. Error: Fault::io if an attached file cannot be read to its end. The sender must then drop
  /// the connection without sending the final dot, because the server would take the half message
  /// for a whole one.
  virtual Result<std::string_view> next() = 0;

  /// The sender calls this before each transaction, before the first `next()`. A source with
  /// several forms chooses one; the functions below then describe that form.
  virtual void offered(const ServerOffer& /*offer*/) {}
  /// Restarts at the first byte; false if that is not possible. Needed for a message that goes in
  /// several transactions (RCPTMAX of LIMITS, RFC 9422) or to another relay.
  virtual bool rewind() { return false; }
  /// Size of the whole message in bytes, for SIZE= (RFC 1870); nullopt if it is not known in
  /// advance.
  [[nodiscard]] virtual std::optional<std::uint64_t> size() const { return std::nullopt; }
  /// Whether bytes from 0x80 occur, so that 8BITMIME is needed (RFC 6152).
  [[nodiscard]] virtual bool is_8bit() const { return false; }
  /// Whether the body is not made of lines, so that BINARYMIME is needed (RFC 3030).
  [[nodiscard]] virtual bool is_binary() const { return false; }
  /// Whether header fields contain UTF-8, so that SMTPUTF8 is needed (RFC 6531).
  [[nodiscard]] virtual bool needs_utf8() const { return false; }
};

}  // namespace postroad
