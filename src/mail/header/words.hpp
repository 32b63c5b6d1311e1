// Encoded-words (RFC 2047): text outside ASCII in a header field.
//
//   encoded-word = "=?" charset ["*" language] "?" ( "B" / "Q" ) "?" encoded-text "?="
//                  ; at most 75 octets (§2); the language is from RFC 2231 §5
//
// The encoder writes UTF-8 in the shorter of B and Q and never divides a character (§5). The
// decoder accepts every known charset and keeps malformed words unchanged. Decoded text is for
// display and must never be parsed, because it may contain anything.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postroad::mail {

/// Longest encoded-word in bytes (§2).
inline constexpr std::size_t max_encoded_word = 75;

/// Encodes UTF-8 `text` as encoded-words, which the caller separates by folding. The first one has
/// at most `first_room` bytes; `first_room` must be at least 24. Q leaves only characters unencoded
/// that are also allowed in a phrase (§5 rule 3).
std::vector<std::string> encode_words(std::string_view text, std::size_t first_room);

/// Decodes the encoded-words in an unfolded field body to UTF-8. Whitespace between two of them is
/// removed; the bytes of adjacent words in one charset are joined before conversion, because some
/// senders divide characters. CR, LF and NUL become spaces. Linear time.
std::string decode_words(std::string_view text);

}  // namespace postroad::mail
