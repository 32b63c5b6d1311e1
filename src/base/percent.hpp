// The bytes of a percent-encoded text (RFC 3986 section 2.1). Not here: encoding (text.hpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postroad {

/// nullopt for a `%` without two hexadecimal digits behind it.
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace postroad
