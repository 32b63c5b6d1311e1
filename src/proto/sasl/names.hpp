// saslname (RFC 5801 section 4, RFC 5802 section 7): "," and "=" are written =2C and =3D.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postroad::sasl {

std::string encode_saslname(std::string_view name);
/// nullopt for an empty name, a name that is not UTF-8, and any other "=".
std::optional<std::string> decode_saslname(std::string_view text);

}  // namespace postroad::sasl
