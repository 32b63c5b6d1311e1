// Prepares a whole message for sending: CRLF line ends, no Bcc, and the envelope that its header
// implies (RFC 5322 §3.6.3, §3.6.6). Not here: adding fields to it (compose.cpp).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/address.hpp>

#include "mail/mime/recode.hpp"

namespace postroad::mail {

/// A prepared message.
struct RawMessage {
  std::shared_ptr<const std::string>
      bytes;                           ///< header without Bcc, empty line, body; never changed
  std::size_t header_end = 0;          ///< length of the header fields in bytes
  std::vector<std::string> names;      ///< field names in `bytes`, in lower case
  std::vector<Address> reverse;        ///< Sender and From, or those of the newest Resent block
  std::vector<Address> recipients;     ///< To, Cc, Bcc, or those of the newest Resent block
  std::optional<Error> address_error;  ///< of the first unreadable address field
  Traits traits;                       ///< of `bytes`
  bool needs_utf8 = false;             ///< the header contains UTF-8 that is not encoded

  /// Whether the header has a field of that name (in lower case).
  [[nodiscard]] bool has(std::string_view lower_name) const noexcept;
};

/// Prepares `bytes` with any line ends, in linear time. Error: Fault::input for a NUL in the
/// header, and for a malformed header line with a Bcc after it: such a line ends the header, so the
/// Bcc would be sent to every recipient as part of the body.
Result<RawMessage> prepare_raw(std::string bytes);

}  // namespace postroad::mail
