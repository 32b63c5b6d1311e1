// Parser of tag lists; see tags.hpp.
#include "mailauth/dkim/tags.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace postroad::dkim {

namespace {

constexpr std::string_view blanks = " \t\r\n";

bool is_tag_name(std::string_view name) noexcept {
  return !name.empty() && is_alpha(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_alnum(c) || c == '_'; });
}

}  // namespace

std::string_view trim_folds(std::string_view text) noexcept {
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::string without_blanks(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (blanks.find(c) == std::string_view::npos) out += c;
  }
  return out;
}

std::optional<TagList> TagList::parse(std::string_view text) {
  TagList list;
  while (!text.empty()) {
    const auto semicolon = text.find(';');
    const auto spec = text.substr(0, semicolon);
    text.remove_prefix(semicolon == std::string_view::npos ? text.size() : semicolon + 1);
    if (trim_folds(spec).empty()) {
      if (trim_folds(text).empty()) break;  // after the last semicolon
      return std::nullopt;
    }
    const auto equals = spec.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const auto name = trim_folds(spec.substr(0, equals));
    const auto raw = spec.substr(equals + 1);
    if (!is_tag_name(name) || list.find(name) != nullptr || list.tags_.size() == max_tags)
      return std::nullopt;
    list.tags_.push_back({name, trim_folds(raw), raw});
  }
  return list;
}

const Tag* TagList::find(std::string_view name) const noexcept {
  const auto at =
      std::find_if(tags_.begin(), tags_.end(), [&](const Tag& tag) { return tag.name == name; });
  return at == tags_.end() ? nullptr : &*at;
}

std::string_view TagList::value(std::string_view name) const noexcept {
  const auto* tag = find(name);
  return tag == nullptr ? std::string_view() : tag->value;
}

}  // namespace postroad::dkim
