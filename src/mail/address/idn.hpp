// Internationalized domain names (IDNA 2008, RFC 5890), by libidn2: from Unicode to the form that
// DNS uses, and back for display. Not here: local parts, which only SMTPUTF8 can carry.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postroad::mail {

/// Converts to A-labels: "münchen.example" → "xn--mnchen-3ya.example". An ASCII name is returned
/// unchanged; nullopt for a name that IDNA 2008 does not allow.
std::optional<std::string> to_ascii_domain(std::string_view domain);
/// Converts to U-labels, for display. An invalid name is returned unchanged.
std::string to_unicode_domain(std::string_view domain);

}  // namespace postroad::mail
