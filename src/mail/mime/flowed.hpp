// format=flowed (RFC 3676): breaks long paragraphs into lines that a mail program can join again
// and wrap to its own width, and joins them. DelSp is only read.
#pragma once

#include <string>
#include <string_view>

namespace postroad::mail {

/// Breaks lines over 72 columns after a space and space-stuffs lines that begin with a space, `>`
/// or `From ` (§4.4). Words are never divided. `text` must have CRLF line ends.
std::string flow(std::string_view text);
/// Joins flowed text to one line per paragraph; quoted lines keep their `>`. `deletes_blank`: the
/// part has DelSp=yes, so the space before a soft line break is not part of the text.
std::string unflow(std::string_view text, bool deletes_blank = false);

}  // namespace postroad::mail
