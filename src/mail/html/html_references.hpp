// Finds and replaces the files that an HTML text refers to: values of src, background and poster,
// and of CSS url(…). They are found by their form, without an HTML parser: a malformed text yields
// fewer of them. Linear time. Not here: embedding the files (mime/message_body.cpp).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::mail {

/// The references as views into `html`, in the order of the text.
std::vector<std::string_view> find_references(std::string_view html);
/// Replaces each reference by the result of `renamed`; an empty result keeps it.
std::string replace_references(std::string_view html,
                               const std::function<std::string(std::string_view)>& renamed);
/// Whether a reference is a relative path: no scheme, no host, not only a fragment.
bool is_local_reference(std::string_view reference) noexcept;

}  // namespace postroad::mail
