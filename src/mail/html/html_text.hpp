// Conversion of HTML to plain text, for programs that do not display HTML and for lint, and
// escaping of text for HTML. Tags are removed, some become line ends; character references are
// decoded. Linear time. Not here: the context of a position in HTML (html_context.hpp).
#pragma once

#include <string>
#include <string_view>

namespace postroad::mail {

/// Converts UTF-8 `html` to UTF-8 text, without the content of script, style, title and comments.
std::string html_to_text(std::string_view html);
/// Escapes `text` for the content of an element or a quoted attribute value.
std::string escape_html(std::string_view text);

}  // namespace postroad::mail
