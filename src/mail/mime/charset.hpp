// Conversion of any charset to UTF-8, by iconv. For received messages only: composed messages are
// always UTF-8. Not here: which charset a part has (read/mail_part.cpp), encoded-words
// (header/words.hpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postroad::mail {

/// Converts `bytes` from `charset` to UTF-8; bytes that cannot be converted become U+FFFD. An empty
/// name and us-ascii count as UTF-8. nullopt if the charset is unknown. Linear time; the result is
/// at most a few times as long as the input.
std::optional<std::string> to_utf8(std::string_view bytes, std::string_view charset);

/// Replaces every byte of `bytes` that is not part of valid UTF-8 by U+FFFD.
std::string repair_utf8(std::string_view bytes);

}  // namespace postroad::mail
