// HTML to text, and escaping; see html_text.hpp.
#include "mail/html/html_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/text.hpp"

namespace postroad::mail {

namespace {

void append_code_point(std::string& out, std::uint32_t code) {
  const bool valid = code >= 0x20 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  if (!valid) code = code == '\n' || code == '\t' ? ' ' : 0xfffd;
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
  } else if (code < 0x10000) {
    out += {static_cast<char>(0xe0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
            static_cast<char>(0x80 | (code & 63))};
  } else {
    out += {static_cast<char>(0xf0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 63)),
            static_cast<char>(0x80 | (code >> 6 & 63)), static_cast<char>(0x80 | (code & 63))};
  }
}

// The code point of `digits` in decimal or after `x` in hexadecimal, as `&#…;` holds them; beyond
// U+10FFFF it is 0x110000.
std::optional<std::uint32_t> parse_code_point(std::string_view digits) noexcept {
  const bool hex = digits.size() > 1 && to_lower(digits.front()) == 'x';
  if (hex) digits.remove_prefix(1);
  if (digits.empty()) return std::nullopt;
  std::uint32_t code = 0;
  for (const char c : digits) {
    const int digit = is_digit(c)                                ? c - '0'
                      : hex && is_alpha(c) && to_lower(c) <= 'f' ? to_lower(c) - 'a' + 10
                                                                 : -1;
    if (digit < 0) return std::nullopt;
    code = std::min<std::uint32_t>(code * (hex ? 16 : 10) + static_cast<std::uint32_t>(digit),
                                   0x110000);
  }
  return code;
}

std::optional<std::uint32_t> code_point_of(std::string_view name) noexcept {
  static constexpr std::array<std::pair<std::string_view, std::uint32_t>, 22> names{
      {{"amp", '&'},    {"lt", '<'},       {"gt", '>'},       {"quot", '"'},      {"apos", '\''},
       {"nbsp", ' '},   {"auml", 0xe4},    {"ouml", 0xf6},    {"uuml", 0xfc},     {"Auml", 0xc4},
       {"Ouml", 0xd6},  {"Uuml", 0xdc},    {"szlig", 0xdf},   {"eacute", 0xe9},   {"euro", 0x20ac},
       {"copy", 0xa9},  {"ndash", 0x2013}, {"mdash", 0x2014}, {"hellip", 0x2026}, {"laquo", 0xab},
       {"raquo", 0xbb}, {"middot", 0xb7}}};
  for (const auto& [known, code] : names) {
    if (known == name) return code;
  }
  return std::nullopt;
}

// Decodes the character reference at the front of `text`, which begins with `&`. Returns its length
// in bytes; 0 if there is none.
std::size_t append_character(std::string& out, std::string_view text) {
  constexpr std::size_t longest = 12;
  const auto end = text.substr(0, longest).find(';');
  if (end == std::string_view::npos || end < 2) return 0;
  const auto name = text.substr(1, end - 1);
  const auto code = name.front() == '#' ? parse_code_point(name.substr(1)) : code_point_of(name);
  if (!code) return 0;
  append_code_point(out, *code);
  return end + 1;
}

// The length of the tag at the front, with its `>`; quoted values may contain a `>`.
std::size_t tag_length(std::string_view html) noexcept {
  char quote = 0;
  for (std::size_t i = 1; i < html.size(); ++i) {
    const char c = html[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '>') {
      return i + 1;
    }
  }
  return html.size();
}

std::string tag_name(std::string_view tag) {
  tag.remove_prefix(std::min<std::size_t>(tag.size(), tag.starts_with("</") ? 2 : 1));
  std::size_t length = 0;
  while (length < tag.size() && is_alnum(tag[length])) ++length;
  return lower(tag.substr(0, length));
}

bool breaks_line(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 14> names{"br", "p",  "div",   "tr",        "li",
                                                          "h1", "h2", "h3",    "h4",        "hr",
                                                          "ul", "ol", "table", "blockquote"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The length of an element that is not displayed, with its end tag.
std::size_t hidden_length(std::string_view html, std::string_view name) {
  const auto close = "</" + std::string(name);
  for (std::size_t at = html.find('<', 1); at != std::string_view::npos;
       at = html.find('<', at + 1)) {
    if (istarts_with(html.substr(at), close)) return at + tag_length(html.substr(at));
  }
  return html.size();
}

class TextOut final {
 public:
  void put(char c) {
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (blank) {
      space_ = true;
      return;
    }
    if (space_ && !text_.empty() && !text_.ends_with('\n')) text_ += ' ';
    space_ = false;
    text_ += c;
  }
  void put(std::string_view bytes) {
    for (const char c : bytes) put(c);
  }
  void break_line() {
    if (!text_.empty() && !text_.ends_with("\n\n")) text_ += '\n';
    space_ = false;
  }
  std::string take() && { return std::move(text_); }

 private:
  std::string text_;
  bool space_ = false;
};

}  // namespace

std::string html_to_text(std::string_view html) {
  TextOut out;
  std::string character;
  for (std::size_t i = 0; i < html.size();) {
    const auto rest = html.substr(i);
    if (rest.starts_with("<!--")) {
      const auto end = rest.find("-->", 4);
      i += end == std::string_view::npos ? rest.size() : end + 3;
    } else if (html[i] == '<' && rest.size() > 1 &&
               (is_alpha(rest[1]) || rest[1] == '/' || rest[1] == '!')) {
      const auto name = tag_name(rest);
      const bool hidden =
          (name == "script" || name == "style" || name == "title") && rest[1] != '/';
      if (breaks_line(name)) out.break_line();
      i += hidden ? hidden_length(rest, name) : tag_length(rest);
    } else if (html[i] == '&') {
      character.clear();
      const auto length = append_character(character, rest);
      out.put(length == 0 ? std::string_view("&") : std::string_view(character));
      i += std::max<std::size_t>(length, 1);
    } else {
      out.put(html[i++]);
    }
  }
  return std::move(out).take();
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace postroad::mail
