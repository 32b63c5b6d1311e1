// The parts of the RFC 5321 §4.1.2 mailbox grammar, for the paths of the protocol and the addresses
// of headers.
//
//   Mailbox         = Local-part "@" ( Domain / address-literal )
//   Local-part      = Dot-string / Quoted-string     ; ≤ 64 octets: longer ones overflowed buffers
//   Domain          = sub-domain *("." sub-domain)   ; ≤ 255 octets, a label ≤ 63
//   address-literal = "[" ( IPv4 / "IPv6:" IPv6 ) "]"
//
// Each `eat_*` takes its part from the front of `text` and returns what it means; an error gives
// the reason in words and leaves `text` at the offending octet. One pass, no recursion.
#pragma once

#include <postroad/mailbox.hpp>
#include <string>
#include <string_view>

namespace postroad::mail {

Result<std::string> eat_local_part(std::string_view& text);
Result<std::string> eat_domain(std::string_view& text);
/// Whether `name` is a domain or an address literal and nothing else.
bool is_domain(std::string_view name);
/// `text` between quotes, its quotes and backslashes escaped (RFC 5322 §3.2.4).
std::string quoted_string(std::string_view text);
/// `local` as Dot-string where that is possible, else as Quoted-string.
std::string format_local_part(std::string_view local);

}  // namespace postroad::mail
