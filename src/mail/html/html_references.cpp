// The search for references; see html_references.hpp.
#include "mail/html/html_references.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "mail/header/whitespace.hpp"

namespace postroad::mail {

namespace {

// The value at `at`: quoted, or up to one of `ends`.
std::string_view value_at(std::string_view html, std::size_t at, std::string_view ends) {
  while (at < html.size() && is_whitespace(html[at])) ++at;
  if (at == html.size()) return {};
  const char quote = html[at];
  if (quote == '"' || quote == '\'') {
    const auto end = html.find(quote, at + 1);
    return end == std::string_view::npos ? std::string_view() : html.substr(at + 1, end - at - 1);
  }
  return html.substr(at, std::min(html.find_first_of(ends, at), html.size()) - at);
}

// The length of what introduces a reference at `at`, such as `src=` or `url(`; 0 if there is none.
std::size_t introducer_at(std::string_view html, std::size_t at) noexcept {
  static constexpr std::array<std::string_view, 3> names{"src", "background", "poster"};
  const auto rest = html.substr(at);
  if (istarts_with(rest, "url(")) return 4;
  const bool fresh = at > 0 && (is_whitespace(html[at - 1]) || html[at - 1] == '"' ||
                                html[at - 1] == '\'' || html[at - 1] == '/');
  if (!fresh) return 0;
  for (const auto name : names) {
    if (!istarts_with(rest, name)) continue;
    std::size_t end = name.size();
    while (end < rest.size() && is_whitespace(rest[end])) ++end;
    if (end < rest.size() && rest[end] == '=') return end + 1;
  }
  return 0;
}

}  // namespace

std::vector<std::string_view> find_references(std::string_view html) {
  std::vector<std::string_view> found;
  for (std::size_t at = 0; at < html.size(); ++at) {
    const char c = to_lower(html[at]);
    if (c != 's' && c != 'b' && c != 'p' && c != 'u') continue;
    const auto length = introducer_at(html, at);
    if (length == 0) continue;
    const auto value = value_at(html, at + length, c == 'u' ? " )\t\r\n" : " >\t\r\n");
    if (!value.empty()) {
      found.push_back(value);
      at = static_cast<std::size_t>(value.data() - html.data()) + value.size() - 1;
    }
  }
  return found;
}

std::string replace_references(std::string_view html,
                               const std::function<std::string(std::string_view)>& renamed) {
  std::string out;
  std::size_t at = 0;
  for (const auto reference : find_references(html)) {
    const auto begin = static_cast<std::size_t>(reference.data() - html.data());
    const auto name = renamed(reference);
    if (name.empty()) continue;
    out += html.substr(at, begin - at);
    out += name;
    at = begin + reference.size();
  }
  out += html.substr(at);
  return out;
}

bool is_local_reference(std::string_view reference) noexcept {
  if (reference.empty() || reference.starts_with('#') || reference.starts_with('/')) return false;
  const auto end = reference.find_first_of(":/?#");
  return end == std::string_view::npos || reference[end] != ':';
}

}  // namespace postroad::mail
