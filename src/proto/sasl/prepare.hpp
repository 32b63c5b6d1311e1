// SASLprep (RFC 4013): names and passwords in one form, however they were typed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postroad::sasl {

/// nullopt where the text may not stand in a name or password: not UTF-8, a control character, text
/// of two directions. ASCII without control characters comes back as it is.
std::optional<std::string> prepare(std::string_view text);

}  // namespace postroad::sasl
