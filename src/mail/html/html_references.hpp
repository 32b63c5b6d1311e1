// What an HTML text shows from elsewhere: the values of src, background and poster, of srcset's
// first entry, and of CSS url(…). Found by their form, without a parser of HTML: a text that is cut
// or wrong gives fewer of them. Linear time.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::mail {

/// Views into `html`, in its order.
std::vector<std::string_view> find_references(std::string_view html);
/// `html` with each reference replaced by what `renamed` gives for it; nullopt-like empty: kept.
std::string replace_references(std::string_view html,
                               const std::function<std::string(std::string_view)>& renamed);
/// Whether it means a file beside the HTML: no scheme, no host, no fragment alone.
bool is_local_reference(std::string_view reference) noexcept;

}  // namespace postroad::mail
