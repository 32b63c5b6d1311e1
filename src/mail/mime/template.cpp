// Parsing and filling templates; see postroad/template.hpp. The context of a placeholder in HTML is
// found by html/html_context.hpp.
#include <postroad/template.hpp>

#include <algorithm>

#include "base/text.hpp"
#include "mail/html/html_context.hpp"
#include "mail/html/html_text.hpp"

namespace postroad {

namespace {

using mail::HtmlContext;

constexpr std::size_t max_placeholder_name = 100;

bool is_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= max_placeholder_name &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_alnum(c) || c == '_' || c == '-' || c == '.'; });
}

std::string location_of(std::string_view source, std::size_t at) {
  const auto before = source.substr(0, at);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto lf = before.rfind('\n');
  const auto column = at - (lf == std::string_view::npos ? 0 : lf + 1) + 1;
  return "template line " + std::to_string(line) + ", column " + std::to_string(column);
}

// Why a placeholder is not allowed at `place`; empty if it is.
std::string_view refusal_of(HtmlContext::Place place) noexcept {
  switch (place) {
    case HtmlContext::Place::active_value:
      return "a placeholder is not allowed in a script or style attribute, nor in a URL of another "
             "scheme than http:, https:, mailto: and tel:";
    case HtmlContext::Place::unquoted_value:
      return "an attribute value with a placeholder must be quoted";
    case HtmlContext::Place::tag:
      return "inside a tag, a placeholder is only allowed in a quoted attribute value";
    case HtmlContext::Place::hidden:
      return "a placeholder is not allowed in a script, a style or a comment";
    default:
      return {};
  }
}

// Whether a URL runs no script and contains no spaces or control characters.
bool is_harmless_url(std::string_view url) noexcept {
  return mail::has_harmless_scheme(url) &&
         std::none_of(url.begin(), url.end(), [](char c) { return is_control(c) || c == ' '; });
}

}  // namespace

Result<Template> Template::text(std::string_view source) { return parse(source, false); }
Result<Template> Template::html(std::string_view source) { return parse(source, true); }

Result<Template> Template::parse(std::string_view source, bool html) {
  Template made;
  HtmlContext context;
  std::string before;
  const auto pass = [&](std::string_view text) {
    before += text;
    if (html) context.take(text);
  };
  std::size_t at = 0;
  for (;;) {
    const auto open = source.find("{{", at);
    pass(source.substr(at, open == std::string_view::npos ? open : open - at));
    if (open == std::string_view::npos) break;
    if (source.substr(open, 4) == "{{{{") {
      pass("{{");
      at = open + 4;
      continue;
    }
    const auto refuse = [&](std::string why) {
      return fail(Fault::input, location_of(source, open), std::move(why));
    };
    const auto close = source.find("}}", open);
    if (close == std::string_view::npos) return refuse("{{ is not closed by }}");
    auto name = trim(source.substr(open + 2, close - open - 2));
    const bool raw = html && name.starts_with("raw:");
    if (raw) name.remove_prefix(4);
    if (!is_name(name))
      return refuse("invalid placeholder name \"" + printable(name, 60) +
                    "\"; use letters, digits, _, - and .; write {{{{ for two braces");
    auto where = Where::text;
    if (html) {
      const auto place = context.place();
      if (const auto why = refusal_of(place); !why.empty()) return refuse(std::string(why));
      if (raw && place != HtmlContext::Place::element)
        return refuse("{{raw:…}} is only allowed between tags");
      where = raw                                      ? Where::raw
              : place == HtmlContext::Place::element   ? Where::element
              : place == HtmlContext::Place::url_start ? Where::url_start
              : place == HtmlContext::Place::url_rest  ? Where::url_rest
                                                       : Where::attribute;
      // After a value, the rest of a URL attribute is no longer its start.
      context.take(where == Where::url_start ? "x" : "");
    }
    const auto line =
        1 + std::count(source.begin(), source.begin() + static_cast<std::ptrdiff_t>(open), '\n');
    made.pieces_.push_back(
        {std::exchange(before, {}), std::string(name), where, static_cast<std::size_t>(line)});
    at = close + 2;
  }
  made.pieces_.push_back({std::move(before), {}, Where::text, 0});
  return made;
}

Result<std::string> Template::fit(const Piece& piece, std::string_view value) {
  switch (piece.where) {
    case Where::text:
    case Where::raw:
      return std::string(value);
    case Where::element:
    case Where::attribute:
      return mail::escape_html(value);
    case Where::url_rest:
      return percent_encode(value);
    case Where::url_start:
      break;
  }
  if (!is_harmless_url(value))
    return fail(Fault::input, "template line " + std::to_string(piece.line),
                "the value of " + piece.name + " is not an allowed URL: \"" + printable(value, 80) +
                    "\"; use http:, https:, mailto:, tel: or a path");
  return mail::escape_html(value);
}

Result<std::string> Template::fill(const Values& values) const {
  std::string out;
  for (const auto& piece : pieces_) {
    out += piece.before;
    if (piece.name.empty()) continue;
    const auto found = values.find(piece.name);
    if (found == values.end())
      return fail(Fault::input, "template line " + std::to_string(piece.line),
                  "no value for {{" + piece.name + "}}");
    auto text = fit(piece, found->second);
    if (!text) return text.error();
    out += *text;
  }
  return out;
}

std::vector<std::string> Template::names() const {
  std::vector<std::string> names;
  for (const auto& piece : pieces_) {
    const bool fresh = std::find(names.begin(), names.end(), piece.name) == names.end();
    if (!piece.name.empty() && fresh) names.push_back(piece.name);
  }
  return names;
}

}  // namespace postroad
