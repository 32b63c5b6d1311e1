// SASLprep (RFC 4013): one form of a name or password, however it was typed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postroad::sasl {

/// nullopt where the text may not be a name or password: not UTF-8, a control character, text of
/// two directions; or where it is not ASCII and the build has no libidn. ASCII without control
/// characters is returned unchanged.
std::optional<std::string> prepare(std::string_view text);

/// The reason for an error message: why a password is refused, where `prepare` returns nullopt.
std::string_view reason_not_prepared();

}  // namespace postroad::sasl
