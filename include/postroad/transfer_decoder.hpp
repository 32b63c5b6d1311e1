// A streaming decoder for Content-Transfer-Encoding (RFC 2045 §6). Never fails, because received
// messages must be read even if they are malformed.
// Not here: encoding (message.hpp does it), decoding a whole part (MailPart::decoded in
// mail_part.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <postroad/result.hpp>

namespace postroad {

/// Decodes one body after the other. The result does not depend on how the input is divided.
///
/// Base64: bytes outside the alphabet are skipped; the body ends at the padding; an incomplete last
/// group is decoded as far as its bits go. Quoted-printable: a malformed escape is kept unchanged;
/// whitespace at the end of a line is removed. Memory: the undecided end of a line. Time: linear in
/// the bytes. One thread at a time.
class POSTROAD_EXPORT TransferDecoder final {
 public:
  /// `encoding`: the value of the field (case-insensitive). Any encoding other than base64 and
  /// quoted-printable passes bytes through unchanged.
  explicit TransferDecoder(std::string_view encoding) noexcept;
  /// Decodes `bytes` and appends the result to `out`; an undecided rest is kept for the next call.
  void take(std::string_view bytes, std::string& out);
  /// The body is complete: appends the rest. The next call of `take` begins another body.
  void finish(std::string& out);

 private:
  enum class Form : std::uint8_t { identity, base64, quoted };

  void take_base64(std::string_view bytes, std::string& out);
  char* take_digit(char c, char* at) noexcept;
  char* take_rest(char* at) noexcept;
  void take_quoted(std::string_view bytes, std::string& out);
  std::string_view take_held(std::string_view bytes, std::string& out);

  Form form_;
  bool over_ = false;        // base64: the padding was seen
  int digits_ = 0;           // digits in the incomplete base64 group
  std::uint32_t group_ = 0;  // bits of those digits
  std::string held_;         // quoted-printable: the end of a line that is not decided yet
};

}  // namespace postroad
