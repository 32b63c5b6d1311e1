// Text of any character set as UTF-8, by iconv. For reading only: what is written is always UTF-8.
// Not here: which set a text has (part.hpp), encoded-words (words.hpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postroad::mail {

/// `octets` of `charset` as UTF-8; what cannot be converted becomes U+FFFD. An empty name and
/// us-ascii are read as UTF-8. nullopt when the set is not known. Linear time; the output is at
/// most a few times the input.
std::optional<std::string> to_utf8(std::string_view octets, std::string_view charset);

/// `octets` with everything that is not UTF-8 replaced by U+FFFD.
std::string repair_utf8(std::string_view octets);

}  // namespace postroad::mail
