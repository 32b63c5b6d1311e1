// Encodes a whole message again for a server that does not accept it unchanged: parts with bytes
// from 0x80, NULs or lines over 998 bytes become quoted-printable or base64 (RFC 6152 §3). A signed
// message is never changed: that is an error. Not here: encoding composed parts
// (entity_writer.hpp).
#pragma once

#include <postroad/result.hpp>

#include <string>
#include <string_view>

#include "mail/mime/transfer.hpp"

namespace postroad::mail {

/// Properties of bytes with CRLF line ends that a server may not accept.
struct Traits {
  bool is_8bit = false;
  bool has_nul = false;       ///< a NUL, which only BINARYMIME allows
  std::size_t long_line = 0;  ///< number of the first line over 998 bytes, from 1; 0: none
  /// Whether `transfer` allows them.
  [[nodiscard]] bool fit(Transfer transfer) const noexcept {
    return long_line == 0 && (transfer != Transfer::seven_bit || !is_8bit) &&
           (transfer == Transfer::binary || !has_nul);
  }
};
/// Determines the traits in linear time.
Traits traits_of(std::string_view bytes) noexcept;

/// Encodes a message with CRLF line ends so that `transfer` allows it; returns the same bytes if it
/// already does. Headers and parts that need no change keep their bytes. Linear time. Error:
/// Fault::unsupported if the change would break a signature (DKIM-Signature, multipart/signed,
/// multipart/encrypted) or a header has bytes outside ASCII without SMTPUTF8; Fault::input if a
/// header contains a NUL or a line over 998 bytes.
Result<std::string> recode(std::string_view bytes, Transfer transfer);

/// Encodes as base64 each part that is declared binary and contains bare CR or LF, so that
/// converting line ends to CRLF does not change it. All other bytes are kept. Any line ends.
std::string encode_binary_parts(std::string_view bytes);

}  // namespace postroad::mail
