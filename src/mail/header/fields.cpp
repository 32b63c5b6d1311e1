// Splitting a header into fields (fields.hpp) and unfolding one (HeaderField::value).
#include "mail/header/fields.hpp"

#include "base/text.hpp"
#include "mail/header/whitespace.hpp"

namespace postroad::mail {

namespace {

// The first line, with its line end.
std::string_view front_line(std::string_view text) noexcept {
  const auto lf = text.find('\n');
  return text.substr(0, lf == std::string_view::npos ? lf : lf + 1);
}

bool is_empty_line(std::string_view line) noexcept { return line == "\r\n" || line == "\n"; }

// The field at the front of `text`; its name is empty if there is none.
HeaderField front_field(std::string_view text) noexcept {
  auto line = front_line(text);
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  auto name = line.substr(0, colon);
  while (!name.empty() && is_blank(name.back())) name.remove_suffix(1);
  if (!is_field_name(name)) return {};
  std::size_t length = line.size();
  while (length < text.size() && is_blank(text[length]) && line.ends_with('\n')) {
    line = front_line(text.substr(length));
    length += line.size();
  }
  return {name, text.substr(colon + 1, length - colon - 1), text.substr(0, length)};
}

}  // namespace

const HeaderField* find_field(const std::vector<HeaderField>& fields,
                              std::string_view name) noexcept {
  const auto at = std::find_if(fields.begin(), fields.end(),
                               [&](const HeaderField& field) { return iequals(field.name, name); });
  return at == fields.end() ? nullptr : &*at;
}

const HeaderField* FieldBlock::find(std::string_view name) const noexcept {
  return find_field(fields, name);
}

FieldBlock split_fields(std::string_view bytes, std::size_t limit) {
  FieldBlock block;
  const auto head = bytes.substr(0, limit);
  while (block.end < head.size()) {
    const auto line = front_line(head.substr(block.end));
    if (is_empty_line(line)) {
      block.body = block.end + line.size();
      block.complete = true;
      return block;
    }
    const auto field = front_field(head.substr(block.end));
    if (field.name.empty()) break;
    block.fields.push_back(field);
    block.end += field.whole.size();
  }
  block.body = block.end;
  block.complete = block.end == bytes.size();
  return block;
}

bool is_field_name(std::string_view name) noexcept {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](char c) { return c > ' ' && c < 0x7f && c != ':'; });
}

}  // namespace postroad::mail

namespace postroad {

std::string HeaderField::value() const {
  std::string out;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const bool crlf = body[i] == '\r' && i + 1 < body.size() && body[i + 1] == '\n';
    if (crlf || body[i] == '\n') {
      i += crlf ? 1 : 0;
    } else {
      out += is_line_breaker(body[i]) ? ' ' : body[i];
    }
  }
  return std::string(trim(out));
}

}  // namespace postroad
