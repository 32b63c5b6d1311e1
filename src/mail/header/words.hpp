// Encoded-words of RFC 2047: text that is not ASCII inside a header field.
//
//   encoded-word = "=?" charset ["*" language] "?" ( "B" / "Q" ) "?" encoded-text "?="
//   It is 75 octets or shorter (§2).
//
// Written: UTF-8, B or Q, whichever is shorter, a character never cut in two (§5). Read: any known
// charset, malformed words left as they stand; a decoded text is for showing and is never parsed
// again, since it may hold anything.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postroad::mail {

/// Octets of the longest encoded-word.
inline constexpr std::size_t max_encoded_word = 75;

/// `text` (UTF-8) as encoded-words, to be parted by folding. The first takes at most `first_room`
/// octets, which must be at least 24. Only characters that are safe in a phrase too (§5 rule 3)
/// stand unencoded in Q.
std::vector<std::string> encode_words(std::string_view text, std::size_t first_room);

/// Unfolded field text with its encoded-words decoded to UTF-8. White space between two of them
/// goes; octets of neighbours in one charset are joined before they are converted. CR, LF and NUL
/// become blanks. Linear time.
std::string decode_words(std::string_view text);

}  // namespace postroad::mail
