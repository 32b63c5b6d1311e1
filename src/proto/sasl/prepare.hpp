// SASLprep (RFC 4013): one form of a name or password, however it was typed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postroad::sasl {

/// nullopt where the text may not be a name or password: not UTF-8, a control character, text of
/// two directions. ASCII without control characters is returned unchanged.
std::optional<std::string> prepare(std::string_view text);

}  // namespace postroad::sasl
