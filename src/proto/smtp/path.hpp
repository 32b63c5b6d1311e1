// What follows MAIL FROM: and RCPT TO: — the path and the ESMTP parameters.
//
//   Reverse-path = Path / "<>"            Forward-path = Path / "<postmaster>"             RFC 5321
//   §4.1.2 Path         = "<" [ A-d-l ":" ] Mailbox ">"     ; a source route is read and dropped
//   (§3.6.1, appendix C) esmtp-param  = esmtp-keyword [ "=" esmtp-value ] xtext        = *( xchar /
//   "+" 2HEXDIG )                                                  RFC 3461 §4
//
// Limits: a path of 256 octets and more is refused by the mailbox's own limits; the line's limit
// bounds the rest.
#pragma once

#include <optional>
#include <postroad/mailbox.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::smtp {

struct PathRules {
  bool bare = false;  ///< `a@b` without angle brackets is taken, as people type it by hand
  bool null = false;  ///< `<>` is taken: a reverse-path
};

/// Takes a path from the front of `text`. The null path gives a null Mailbox, `<postmaster>` one
/// without domain.
Result<Mailbox> eat_path(std::string_view& text, PathRules rules);

struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;
};

/// The parameters behind the path, views into `text`. Error: Fault::input with what is wrong.
Result<std::vector<Parameter>> parse_parameters(std::string_view text, std::size_t limit);

std::string encode_xtext(std::string_view text);
/// nullopt when the text is not xtext.
std::optional<std::string> decode_xtext(std::string_view text);

}  // namespace postroad::smtp
