// Gives a whole message to a server that takes less than it holds: parts with octets of 0x80 and
// above, with NULs, or with lines over 998 octets, are written as quoted-printable or base64 (RFC
// 6152 §3). What was signed is never touched: it is an error then.
#pragma once

#include <postroad/result.hpp>

#include <string>
#include <string_view>

#include "mail/mime/transfer.hpp"

namespace postroad::mail {

/// What octets with CRLF line ends ask of a server.
struct Traits {
  bool is_8bit = false;
  bool has_nul = false;       ///< which only BINARYMIME carries
  std::size_t long_line = 0;  ///< the number of the first line over 998 octets; 0: there is none
  /// Whether `transfer` carries them.
  [[nodiscard]] bool fit(Transfer transfer) const noexcept {
    return long_line == 0 && (transfer != Transfer::seven_bit || !is_8bit) &&
           (transfer == Transfer::binary || !has_nul);
  }
};
Traits traits_of(std::string_view octets) noexcept;

/// `octets` (CRLF line ends) so that `transfer` carries them; the same octets when it does already.
/// Heads and parts that need no change keep their octets. Linear time. Error: Fault::unsupported
/// when the change would break a signature (DKIM-Signature, multipart/signed, multipart/encrypted),
/// Fault::input when a header holds a NUL or a line over 998 octets, or octets that are not ASCII
/// where there is no SMTPUTF8 to carry them.
Result<std::string> recode(std::string_view octets, Transfer transfer);

/// `octets` (any line ends) with each part that is declared binary, and would be another once its
/// line ends are made CRLF, written as base64. All else keeps its octets.
std::string encode_binary_parts(std::string_view octets);

}  // namespace postroad::mail
