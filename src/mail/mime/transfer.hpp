// Encoders and decoders of Content-Transfer-Encoding (RFC 2045 §6), and conversion of line ends.
// The encoders are strict; the decoders accept malformed input and never fail. Not here: decoding a
// stream (postroad/transfer_decoder.hpp), choosing the encoding of a part (entity_writer.cpp),
// charsets (charset.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace postroad::mail {

/// Which bytes a server accepts in a message.
enum class Transfer : std::uint8_t {
  seven_bit,  ///< lines of ASCII: every server
  eight_bit,  ///< lines of any bytes: a server with 8BITMIME (RFC 6152)
  binary,     ///< any bytes: a server with BINARYMIME (RFC 3030)
};

/// Bytes of base64 input that fill one line of 76 characters.
inline constexpr std::size_t base64_line_bytes = 57;

/// Converts every line end to CRLF; a bare LF or a bare CR is one line end.
std::string with_crlf(std::string text);

/// Whether `text` with CRLF line ends can be sent as 7bit: printable ASCII and TAB, no line over 78
/// bytes, no line that could be taken for one of our boundaries or for an mbox `From ` line.
bool is_plain_7bit(std::string_view text) noexcept;

/// Whether `text` with CRLF line ends can be sent as 8bit: no control characters except TAB, no
/// line over 998 bytes, no line that could be taken for one of our boundaries or for a `From `
/// line.
bool is_plain_8bit(std::string_view text) noexcept;
/// The offset of the first CR or LF that is not part of a CRLF; npos if there is none.
std::size_t find_bare_line_end(std::string_view text) noexcept;

/// Encodes text with CRLF line ends as quoted-printable, in lines of at most 76 characters.
std::string encode_quoted_printable(std::string_view text);
/// A lower bound of the length of that encoding in bytes: soft line breaks are not counted.
std::size_t quoted_printable_size(std::string_view text) noexcept;
/// Appends base64 in lines of 76 characters, each with its CRLF.
void append_base64_lines(std::string_view bytes, std::string& out);
/// The length of what append_base64_lines writes for that many bytes.
constexpr std::uint64_t base64_lines_size(std::uint64_t bytes) noexcept {
  const std::uint64_t rest = bytes % base64_line_bytes;
  return bytes / base64_line_bytes * 78 + (rest == 0 ? 0 : (rest + 2) / 3 * 4 + 2);
}

/// Decodes as TransferDecoder does: malformed escapes are kept, whitespace at the end of a line is
/// removed (§6.7 rule 3).
std::string decode_quoted_printable(std::string_view text);
/// Decodes as TransferDecoder does: bytes outside the alphabet are skipped; the padding is the end.
std::string decode_base64_tolerant(std::string_view text);

/// Value of a hexadecimal digit in either case; -1 for any other character.
constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace postroad::mail
