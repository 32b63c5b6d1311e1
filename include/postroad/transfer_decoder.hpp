// Takes a Content-Transfer-Encoding (RFC 2045 §6) off octets that come in pieces of any size. Takes
// what is found in mailboxes and never fails. Memory: what of a line cannot be decided yet. Cost:
// linear in the octets.
//
// Not here: encoding (message.hpp does it), decoding what is held whole (mail_part.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <postroad/result.hpp>

namespace postroad {

/// One body. What it gives does not depend on where the pieces were cut.
///
/// Base64: octets outside the alphabet are skipped; it ends at the padding; a stray last digit is
/// dropped. Quoted-printable: a broken escape stays as it stands; blanks at a line's end go.
class POSTROAD_EXPORT TransferDecoder final {
 public:
  /// `encoding` as the field has it, case ignored; what is neither base64 nor quoted-printable goes
  /// through as it is.
  explicit TransferDecoder(std::string_view encoding) noexcept;
  /// Appends what is decided by now to `out`.
  void take(std::string_view octets, std::string& out);
  /// The body is over: appends the rest. The next octets are those of another body.
  void finish(std::string& out);

 private:
  enum class Form : std::uint8_t { identity, base64, quoted };

  void take_base64(std::string_view octets, std::string& out);
  char* take_digit(char c, char* at) noexcept;
  char* take_rest(char* at) noexcept;
  void take_quoted(std::string_view octets, std::string& out);
  std::string_view take_held(std::string_view octets, std::string& out);

  Form form_;
  bool over_ = false;        // base64: the padding was passed
  int digits_ = 0;           // of a group of base64 that is not whole
  std::uint32_t group_ = 0;  // their bits
  std::string held_;         // the end of a line of quoted-printable, while it may mean more
};

}  // namespace postroad
