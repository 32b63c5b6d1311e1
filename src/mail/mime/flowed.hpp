// Text as format=flowed (RFC 3676): long paragraphs become lines that a reader joins again to its
// own width. Both ways; DelSp is read only.
#pragma once

#include <string>
#include <string_view>

namespace postroad::mail {

/// `text` has CRLF line ends. Lines over 72 columns are broken behind a blank; lines that begin
/// with a blank, `>` or `From ` are stuffed with one (§4.4). A word is never cut.
std::string flow(std::string_view text);
/// The paragraphs of flowed text again, one a line; quoted lines keep their marks. `deletes_blank`:
/// the part says DelSp=yes, so that the blank at which a line was broken is none of the text's.
std::string unflow(std::string_view text, bool deletes_blank = false);

}  // namespace postroad::mail
