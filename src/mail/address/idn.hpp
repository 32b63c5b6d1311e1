// Domain names of any language in the form of the DNS and back (IDNA 2008, RFC 5890), by libidn2.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postroad::mail {

/// A-labels: "münchen.example" → "xn--mnchen-3ya.example". An ASCII name comes back as it is;
/// nullopt for what is no name in IDNA 2008.
std::optional<std::string> to_ascii_domain(std::string_view domain);
/// U-labels, for showing; a name that cannot be read comes back as it is.
std::string to_unicode_domain(std::string_view domain);

}  // namespace postroad::mail
