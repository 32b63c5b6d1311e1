// The parts of the mailbox grammar of RFC 5321 §4.1.2, shared by the paths of SMTP
// (proto/smtp/path.hpp) and the addresses of header fields (postroad/address.hpp).
//
//   Mailbox         = Local-part "@" ( Domain / address-literal )
//   Local-part      = Dot-string / Quoted-string     ; ≤ 64 octets (§4.5.3.1.1)
//   Domain          = sub-domain *("." sub-domain)   ; ≤ 255 octets (§4.5.3.1.2), label ≤ 63
//   address-literal = "[" ( IPv4 / "IPv6:" IPv6 ) "]"
//
// The limits stop input that overflows the fixed buffers of other servers. One pass, no recursion.
#pragma once

#include <postroad/mailbox.hpp>
#include <string>
#include <string_view>

namespace postroad::mail {

/// Parses a local part at the front of `text`, removes it from there and returns it unquoted.
/// Error: Fault::input with the reason; `text` then begins at the offending byte.
Result<std::string> parse_local_part(std::string_view& text);
/// The same for a domain or an address literal; a literal keeps its brackets.
Result<std::string> parse_domain(std::string_view& text);
/// Whether all of `name` is a domain or an address literal.
bool is_domain(std::string_view name);
/// `text` in quotes, with its quotes and backslashes escaped (RFC 5322 §3.2.4).
std::string quoted_string(std::string_view text);
/// `local` as Dot-string if possible, else as Quoted-string.
std::string format_local_part(std::string_view local);

}  // namespace postroad::mail
