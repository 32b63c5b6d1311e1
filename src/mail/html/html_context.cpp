// The state machine of HtmlContext, one step per byte; see html_context.hpp.
#include "mail/html/html_context.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace postroad::mail {

namespace {

constexpr std::size_t max_kept = 40;  // bytes of a name that are compared

bool is_html_whitespace(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

bool is_url_attribute(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 12> names{
      "href", "src",  "action",   "formaction", "background", "poster",
      "cite", "data", "longdesc", "ping",       "manifest",   "xlink:href"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_active_attribute(std::string_view name) noexcept {
  return name.starts_with("on") || name == "style" || name == "srcdoc" || name == "srcset";
}

bool hides(std::string_view tag) noexcept {
  static constexpr std::array<std::string_view, 8> names{
      "script", "style", "noscript", "iframe", "noembed", "noframes", "xmp", "plaintext"};
  return std::find(names.begin(), names.end(), tag) != names.end();
}

void keep(std::string& name, char c) {
  if (name.size() < max_kept) name += to_lower(c);
}

}  // namespace

bool has_harmless_scheme(std::string_view url) noexcept {
  static constexpr std::array<std::string_view, 5> schemes{
      "https:", "http:", "mailto:", "tel:", "cid:"};
  const auto end = url.find_first_of(":/?#");
  if (end == std::string_view::npos || url[end] != ':') return true;
  return std::any_of(schemes.begin(), schemes.end(), [&](std::string_view scheme) {
    return iequals(url.substr(0, end + 1), scheme);
  });
}

HtmlContext::Place HtmlContext::place() const noexcept {
  switch (state_) {
    case State::text:
      return Place::element;
    case State::value:
      if (is_active_attribute(attribute_)) return Place::active_value;
      if (!is_url_attribute(attribute_)) return Place::quoted_value;
      if (!has_harmless_scheme(tail_)) return Place::active_value;
      return tail_.empty() ? Place::url_start : Place::url_rest;
    case State::before_value:
    case State::unquoted:
      return Place::unquoted_value;
    case State::comment:
    case State::declaration:
    case State::hidden:
      return Place::hidden;
    default:
      return Place::tag;
  }
}

void HtmlContext::end_tag() {
  state_ = !closing_ && hides(tag_) ? State::hidden : State::text;
  tail_.clear();
}

void HtmlContext::step_tag_open(char c) {
  tag_.clear();
  attribute_.clear();
  closing_ = c == '/';
  if (c == '!' || c == '?') {
    tail_ = c;
    state_ = State::declaration;
  } else if (closing_ || is_alpha(c)) {
    if (!closing_) keep(tag_, c);
    state_ = State::tag_name;
  } else {
    state_ = c == '<' ? State::tag_open : State::text;
  }
}

// Within or after an attribute name.
void HtmlContext::step_name(char c) {
  if (c == '=') {
    state_ = State::before_value;
  } else if (is_html_whitespace(c)) {
    state_ = State::after_name;
  } else if (c == '/') {
    state_ = State::before_name;
  } else {
    if (state_ == State::after_name) attribute_.clear();
    keep(attribute_, c);
    state_ = State::name;
  }
}

void HtmlContext::step_before_value(char c) {
  if (is_html_whitespace(c)) return;
  quote_ = c;
  tail_.clear();
  state_ = c == '"' || c == '\'' ? State::value : State::unquoted;
}

// Within a declaration, a comment or a hidden element.
void HtmlContext::step_hidden(char c) {
  if (state_ == State::declaration) {
    tail_ += tail_.size() < 3 ? std::string(1, c) : std::string();
    if (tail_ == "!--") {
      state_ = State::comment;
      tail_.clear();
    } else if (c == '>') {
      state_ = State::text;
    }
    return;
  }
  if (state_ == State::comment) {
    tail_ += c;
    if (tail_.ends_with("-->")) state_ = State::text;
    if (tail_.size() > 3) tail_.erase(0, tail_.size() - 3);
    return;
  }
  tail_ += to_lower(c);
  if (c == '>' && tail_.find("</" + tag_) != std::string::npos) state_ = State::text;
  if (tail_.size() > 2 * max_kept) tail_.erase(0, tail_.size() - 2 * max_kept);
}

void HtmlContext::step(char c) {
  switch (state_) {
    case State::text:
      if (c == '<') state_ = State::tag_open;
      break;
    case State::tag_open:
      step_tag_open(c);
      break;
    case State::tag_name:
      if (c == '>') return end_tag();
      if (is_html_whitespace(c) || c == '/') {
        state_ = State::before_name;
      } else {
        keep(tag_, c);
      }
      break;
    case State::before_name:
      if (c == '>') return end_tag();
      if (is_html_whitespace(c) || c == '/') break;
      attribute_.clear();
      keep(attribute_, c);
      state_ = State::name;
      break;
    case State::name:
    case State::after_name:
      if (c == '>') return end_tag();
      step_name(c);
      break;
    case State::before_value:
      if (c == '>') return end_tag();
      step_before_value(c);
      break;
    case State::value:
      if (c == quote_) {
        state_ = State::before_name;
      } else if (!is_html_whitespace(c)) {
        keep(tail_, c);
      }
      break;
    case State::unquoted:
      if (c == '>') return end_tag();
      if (is_html_whitespace(c)) state_ = State::before_name;
      break;
    case State::declaration:
    case State::comment:
    case State::hidden:
      step_hidden(c);
      break;
  }
}

void HtmlContext::take(std::string_view bytes) {
  for (const char c : bytes) step(c);
}

}  // namespace postroad::mail
