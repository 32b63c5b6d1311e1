// The path and the ESMTP parameters behind `MAIL FROM:` and `RCPT TO:`.
//
//   Reverse-path = Path / "<>"                                    RFC 5321 section 4.1.2
//   Forward-path = Path / "<postmaster>"
//   Path         = "<" [ A-d-l ":" ] Mailbox ">"                  ; a source route is dropped (C)
//   esmtp-param  = esmtp-keyword [ "=" esmtp-value ]
//   xtext        = *( xchar / "+" 2HEXDIG )                       RFC 3461 section 4
//
// Limits: those of a mailbox (64 bytes of local part, 255 of domain); the limit of the command line
// bounds the rest.
#pragma once

#include <optional>
#include <postroad/mailbox.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/export.hpp"

namespace postroad::smtp {

struct PathRules {
  bool bare = false;  ///< `a@b` without angle brackets is accepted, as people type it
  bool null = false;  ///< `<>` is accepted: a reverse-path
};

/// Takes a path from the front of `text`. The null path gives a null Mailbox, `<postmaster>` one
/// without domain. Error: Fault::input, the detail says what is wrong.
Result<Mailbox> eat_path(std::string_view& text, PathRules rules);

struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;
};

/// The parameters behind the path, as views into `text`. Error: Fault::input, the detail says what
/// is wrong.
POSTROAD_QUEUE_EXPORT Result<std::vector<Parameter>> parse_parameters(std::string_view text,
                                                                      std::size_t limit);

std::string encode_xtext(std::string_view text);
/// nullopt when the text is not xtext.
std::optional<std::string> decode_xtext(std::string_view text);

}  // namespace postroad::smtp
