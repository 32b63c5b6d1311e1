// Parameters and their sections (RFC 2231 §3, §4); see parameters.hpp.
#include "mail/header/parameters.hpp"

#include <map>
#include <optional>

#include "base/text.hpp"
#include "mail/header/whitespace.hpp"
#include "mail/header/words.hpp"
#include "mail/mime/charset.hpp"
#include "mail/mime/transfer.hpp"

namespace postroad::mail {

namespace {

void skip_whitespace(std::string_view& text) noexcept {
  while (!text.empty() && is_whitespace(text.front())) text.remove_prefix(1);
}

// Skips whitespace and comments; an unclosed comment extends to the end.
void skip_blanks(std::string_view& text) {
  std::size_t depth = 0;
  while (!text.empty()) {
    const char c = text.front();
    if (c == '(') ++depth;
    if (depth == 0 && !is_whitespace(c)) return;
    if (c == ')') --depth;
    text.remove_prefix(c == '\\' && text.size() > 1 ? 2 : 1);
  }
}

std::string_view take_until(std::string_view& text, std::string_view ends) {
  const auto word = text.substr(0, text.find_first_of(ends));
  text.remove_prefix(word.size());
  return trim(word);
}

// Whether a parameter begins here although the semicolon is missing.
bool starts_parameter(std::string_view text) noexcept {
  const auto name = text.substr(0, text.find_first_of("=;( \t"));
  text.remove_prefix(name.size());
  skip_whitespace(text);
  return !name.empty() && text.starts_with('=');
}

// An unquoted value. It may contain spaces (`filename=a b.txt`): invalid, but common.
std::string_view parse_bare_value(std::string_view& text) {
  const auto all = text;
  while (!text.empty() && text.front() != ';' && text.front() != '(') {
    take_until(text, "; \t(");
    auto next = text;
    skip_whitespace(next);
    if (next.size() == text.size() || starts_parameter(next)) break;
    text = next;
  }
  return trim(all.substr(0, all.size() - text.size()));
}

std::string parse_value(std::string_view& text) {
  if (text.empty() || text.front() != '"') return std::string(parse_bare_value(text));
  std::string out;
  for (text.remove_prefix(1); !text.empty(); text.remove_prefix(1)) {
    if (text.front() == '"') {
      text.remove_prefix(1);
      break;
    }
    if (text.front() == '\\' && text.size() > 1) text.remove_prefix(1);
    out += text.front();
  }
  return out;
}

std::string decode_percent(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
                        hex_value(text[i + 2]) >= 0;
    out +=
        escape ? static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])) : text[i];
    if (escape) i += 2;
  }
  return out;
}

// The sections of one parameter.
struct Sections {
  std::string charset;
  std::map<unsigned long long, std::string> sections;
  bool extended = false;  // the bytes are in `charset` and must be converted
  std::optional<std::string> simple;
};

// Removes charset and language from the first section of an extended value: charset'language'text.
void take_charset(Sections& gathered, std::string& value) {
  const auto first = value.find('\'');
  const auto second = first == std::string::npos ? first : value.find('\'', first + 1);
  if (second == std::string::npos) return;
  gathered.charset = value.substr(0, first);
  value.erase(0, second + 1);
}

void gather(Sections& gathered, std::string_view section, std::string value) {
  const bool encoded = section.empty() || section.ends_with('*');
  if (section.ends_with('*')) section.remove_suffix(1);
  const auto number = section.empty() ? 0 : parse_number(section).value_or(max_parameters);
  if (number >= max_parameters) return;
  if (encoded && number == 0) take_charset(gathered, value);
  gathered.extended = gathered.extended || encoded;
  gathered.sections.emplace(number, encoded ? decode_percent(value) : std::move(value));
}

std::string join(const Sections& gathered) {
  if (gathered.sections.empty())
    return decode_words(repair_utf8(gathered.simple.value_or(std::string())));
  std::string bytes;
  unsigned long long expected = 0;
  for (const auto& [number, text] : gathered.sections) {
    if (number != expected++) break;
    bytes += text;
  }
  return to_utf8(bytes, gathered.charset).value_or(repair_utf8(bytes));
}

// Parses `name = value` at the front; a name without a value is skipped.
void parse_parameter(std::string_view& text, std::map<std::string, Sections>& gathered) {
  const auto name = lower(take_until(text, "=;("));
  skip_blanks(text);
  if (text.empty() || text.front() != '=') return;
  text.remove_prefix(1);
  skip_blanks(text);
  auto value = parse_value(text);
  const auto star = name.find('*');
  auto& entry = gathered[name.substr(0, star)];
  if (star != std::string::npos) {
    gather(entry, std::string_view(name).substr(star + 1), std::move(value));
  } else if (!entry.simple) {
    entry.simple = std::move(value);
  }
}

}  // namespace

ParameterizedValue parse_parameterized(std::string_view text) {
  ParameterizedValue result;
  skip_blanks(text);
  result.value = lower(take_until(text, "; \t("));
  std::map<std::string, Sections> gathered;
  for (std::size_t count = 0; count < max_parameters; ++count) {
    skip_blanks(text);
    if (!starts_parameter(text)) take_until(text, ";");
    if (text.starts_with(';')) text.remove_prefix(1);
    skip_blanks(text);
    if (text.empty()) break;
    parse_parameter(text, gathered);
  }
  for (auto& [name, entry] : gathered) {
    auto value = join(entry);
    std::replace_if(value.begin(), value.end(), is_line_breaker, ' ');
    result.parameters.emplace_back(name, std::move(value));
  }
  return result;
}

}  // namespace postroad::mail

namespace postroad {

std::string_view ParameterizedValue::find(std::string_view name) const noexcept {
  for (const auto& [key, text] : parameters) {
    if (key == name) return text;
  }
  return {};
}

}  // namespace postroad
