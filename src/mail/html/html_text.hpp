// The words of an HTML text, for a reader that shows none and for comparing it with the text beside
// it. Tags go, a few of them become line ends, entities become characters. Linear time.
#pragma once

#include <string>
#include <string_view>

namespace postroad::mail {

/// `html` and the result are UTF-8. What stands in script, style, title and comments is left out.
std::string html_to_text(std::string_view html);
/// `text` for the inside of an element or of a quoted attribute value.
std::string escape_html(std::string_view text);

}  // namespace postroad::mail
