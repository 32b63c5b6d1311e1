// The octets of one message, pulled in chunks: what a sender reads from while it sends.
// Not here: dot-stuffing (the protocol's work). What makes one: Message::source in message.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <postroad/result.hpp>

namespace postroad {

/// What the server at the other end takes beyond ASCII in lines.
struct ServerOffer {
  bool eight_bit = false;  ///< 8BITMIME (RFC 6152)
  bool binary = false;     ///< CHUNKING and BINARYMIME (RFC 3030)
};

/// A message as RFC 5322 octets with CRLF line ends, read once from front to back. One thread at a
/// time.
class POSTROAD_EXPORT MessageSource {
 public:
  virtual ~MessageSource() = default;

  /// The next chunk, of a size of the source's choosing; valid until the next call; empty at the
  /// end. Error: Fault::io when a file that is attached cannot be read to its end. The sender must
  /// then drop the connection and never send the final dot: half a message would count as a whole
  /// one.
  virtual Result<std::string_view> next() = 0;

  /// Told by the sender before each transaction and before the first `next()` of it: a source that
  /// can be written in several forms settles on one, and the questions below speak of that.
  virtual void offered(const ServerOffer& /*offer*/) {}
  /// Begins again at the first octet; false: it cannot. A mail that must go in several transactions
  /// (LIMITS' RCPTMAX) or to another relay is read again.
  virtual bool rewind() { return false; }
  /// Octets of the whole message, for SIZE= (RFC 1870); nullopt when it is not known beforehand.
  [[nodiscard]] virtual std::optional<std::uint64_t> size() const { return std::nullopt; }
  /// Whether octets of 0x80 and above occur, so that 8BITMIME is needed (RFC 6152).
  [[nodiscard]] virtual bool is_8bit() const { return false; }
  /// Whether lines have no end that DATA could carry, so that BINARYMIME is needed (RFC 3030).
  [[nodiscard]] virtual bool is_binary() const { return false; }
  /// Whether header fields hold raw UTF-8, so that SMTPUTF8 is needed (RFC 6531).
  [[nodiscard]] virtual bool needs_utf8() const { return false; }
};

}  // namespace postroad
