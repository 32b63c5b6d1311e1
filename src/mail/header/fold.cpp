// Folding of header fields; see fold.hpp. Words are never split; encoded-words and parameter
// sections are made to fit a line.
#include "mail/header/fold.hpp"

#include "base/text.hpp"
#include "mail/address/mailbox.hpp"
#include "mail/header/words.hpp"

namespace postroad::mail {

namespace {

constexpr std::size_t word_column = fold_column - 1;  // leaves room for a comma or semicolon
constexpr std::size_t max_phrase_word = 60;
constexpr std::size_t max_quoted = 60;
constexpr std::size_t max_section = 50;  // bytes of one percent-encoded parameter section
constexpr std::size_t max_plain_word = 900;

bool is_printable(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

bool is_token(std::string_view text, std::string_view punctuation) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alnum(c) || punctuation.find(c) != std::string_view::npos;
  });
}

// The first place for a fold: a single space between words. Folding elsewhere would change the
// text.
std::size_t find_break(std::string_view text) noexcept {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == ' ' && !is_blank(text[i - 1]) && !is_blank(text[i + 1])) return i;
  }
  return std::string_view::npos;
}

// Sections of RFC 2231 §4.1; a character is never divided.
std::vector<std::string> percent_sections(std::string_view value) {
  std::vector<std::string> sections{"utf-8''"};
  std::string character;
  for (std::size_t i = 0; i < value.size(); ++i) {
    character += percent_encode(value.substr(i, 1));
    const bool ends =
        i + 1 == value.size() || (static_cast<unsigned char>(value[i + 1]) & 0xc0) != 0x80;
    if (!ends) continue;
    if (sections.back().size() + character.size() > max_section) sections.emplace_back();
    sections.back() += character;
    character.clear();
  }
  return sections;
}

void append_phrase(FoldedField& field, std::string_view name) {
  if (!is_plain_unstructured(name)) return field.encoded(name);
  const auto words = split(name, ' ');
  const bool atoms = std::all_of(words.begin(), words.end(), [](std::string_view word) {
    return word.size() <= max_phrase_word && is_token(word, "!#$%&'*+-/=?^_`{|}~");
  });
  if (atoms) {
    for (const auto word : words) field.word(word);
  } else if (name.size() <= max_quoted) {
    field.word(quoted_string(name));
  } else {
    field.encoded(name);
  }
}

}  // namespace

FoldedField::FoldedField(std::string_view name) : column_(name.size() + 1) {
  constexpr std::size_t usual = 320;  // enough for most fields, also Received
  text_.reserve(usual);
  text_ += name;
  text_ += ':';
}

void FoldedField::fold() {
  text_ += "\r\n ";
  column_ = 1;
}

void FoldedField::word(std::string_view token) {
  const bool fits = column_ + 1 + token.size() <= word_column;
  // Folding before a first word that is too long for any line gains nothing.
  const bool stays =
      fits || (fresh_ && token.size() + 1 > word_column && column_ + 1 + token.size() < max_line);
  if (stays) {
    text_ += ' ';
    ++column_;
  } else {
    fold();
  }
  glue(token);
}

void FoldedField::glue(std::string_view token) {
  text_ += token;
  column_ += token.size();
  fresh_ = false;
}

void FoldedField::encoded(std::string_view text) {
  constexpr std::size_t least = 36;
  const std::size_t room =
      column_ + 1 + least <= word_column ? word_column - column_ - 1 : max_encoded_word;
  for (const auto& piece : encode_words(text, room)) word(piece);
}

void FoldedField::plain(std::string_view text) {
  while (!text.empty()) {
    const auto at = find_break(text);
    word(text.substr(0, at));
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  }
}

void FoldedField::parameter(std::string_view name, std::string_view value) {
  glue(";");
  const std::string key(name);
  const bool word_like = value.find("=?") != std::string_view::npos;
  if (is_printable(value) && value.size() <= max_quoted && !word_like) {
    return word(key + '=' +
                (is_token(value, "!#$&+-.^_`{|}~") ? std::string(value) : quoted_string(value)));
  }
  const auto sections = percent_sections(value);
  if (sections.size() == 1) return word(key + "*=" + sections.front());
  for (std::size_t i = 0; i < sections.size(); ++i) {
    if (i > 0) glue(";");
    word(key + '*' + std::to_string(i) + "*=" + sections[i]);
  }
}

std::string FoldedField::finish() && { return std::move(text_) + "\r\n"; }

bool is_plain_unstructured(std::string_view text) noexcept {
  if (!is_printable(text) || text.find("=?") != std::string_view::npos) return false;
  if (text.starts_with(' ') || text.ends_with(' ')) return false;
  while (!text.empty()) {
    const auto at = find_break(text);
    if (std::min(at, text.size()) > max_plain_word) return false;
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  }
  return true;
}

std::string format_text_field(std::string_view name, std::string_view text) {
  FoldedField field(name);
  if (is_plain_unstructured(text)) {
    field.plain(text);
  } else {
    field.encoded(text);
  }
  return std::move(field).finish();
}

std::string format_address_field(std::string_view name, const std::vector<Address>& addresses) {
  FoldedField field(name);
  std::string_view group;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto& address = addresses[i];
    const bool leaves = !group.empty() && address.group != group;
    if (leaves) field.glue(";");
    if (i > 0) field.glue(",");
    const bool enters = !address.group.empty() && (address.group != group || leaves);
    if (enters) {
      append_phrase(field, address.group);
      field.glue(":");
    }
    group = address.group;
    if (address.mailbox.is_null()) continue;
    if (!address.name.empty()) append_phrase(field, address.name);
    const auto text = address.mailbox.text();
    field.word(address.name.empty() ? text : '<' + text + '>');
  }
  if (!group.empty()) field.glue(";");
  return std::move(field).finish();
}

}  // namespace postroad::mail
