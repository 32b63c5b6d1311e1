// Content-Transfer-Encoding (RFC 2045 §6): 7bit, quoted-printable and base64, both ways, and line
// ends. The encoders are strict, the decoders take what is found in mailboxes and never fail. Not
// here: decoding what comes in pieces (transfer_decoder.hpp), which encoding a body gets
// (entity_writer.cpp), character sets (charset.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace postroad::mail {

/// How far a message's octets may go beyond ASCII in lines.
enum class Transfer : std::uint8_t {
  seven_bit,  ///< every server takes it
  eight_bit,  ///< for a server with 8BITMIME (RFC 6152)
  binary,     ///< for one with BINARYMIME (RFC 3030)
};

/// Octets of base64 input that fill one line of 76 characters.
inline constexpr std::size_t base64_line_octets = 57;

/// `text` with every line end as CRLF: a bare LF or bare CR counts as one line end.
std::string with_crlf(std::string text);

/// Whether `text` (with CRLF line ends) can go as it is: printable ASCII and TAB, no line over 78
/// octets, no line that could be taken for a boundary of ours or for an mbox `From ` line.
bool is_plain_7bit(std::string_view text) noexcept;

/// Whether `text` (with CRLF line ends) can go as it is to a server with 8BITMIME: no NUL or lone
/// CR, no line over 998 octets, none that could be taken for a boundary of ours or a `From ` line.
bool is_plain_8bit(std::string_view text) noexcept;
/// Where the first CR or LF stands that is no part of a CRLF; npos when there is none.
std::size_t find_bare_line_end(std::string_view text) noexcept;

/// Quoted-printable of text with CRLF line ends; lines of at most 76 characters.
std::string encode_quoted_printable(std::string_view text);
/// How many octets that has, at least: soft line ends are not counted.
std::size_t quoted_printable_size(std::string_view text) noexcept;
/// Base64 in lines of 76 characters, each ended with CRLF.
void append_base64_lines(std::string_view octets, std::string& out);
/// What append_base64_lines makes of that many octets.
constexpr std::uint64_t base64_lines_size(std::uint64_t octets) noexcept {
  const std::uint64_t rest = octets % base64_line_octets;
  return octets / base64_line_octets * 78 + (rest == 0 ? 0 : (rest + 2) / 3 * 4 + 2);
}

/// A broken escape stays as it stands; blanks at a line's end go (§6.7 rule 3).
std::string decode_quoted_printable(std::string_view text);
/// Octets outside the alphabet are skipped; ends at the padding; a stray last digit is dropped.
std::string decode_base64_tolerant(std::string_view text);

/// Value of a hexadecimal digit in either case, -1 for anything else.
constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace postroad::mail
