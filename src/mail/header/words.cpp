// Encoder and decoder of RFC 2047; see words.hpp.
#include "mail/header/words.hpp"

#include <optional>

#include "base/text.hpp"
#include "mail/mime/charset.hpp"
#include "mail/mime/transfer.hpp"

namespace postroad::mail {

namespace {

constexpr std::string_view hex = "0123456789ABCDEF";
constexpr std::size_t overhead = 12;  // =?utf-8?B? and ?=

bool is_q_safe(char c) noexcept {
  return is_alnum(c) || std::string_view("!*+-/").find(c) != std::string_view::npos;
}

std::size_t q_width(char c) noexcept { return is_q_safe(c) || c == ' ' ? 1 : 3; }

std::string encode_q(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_q_safe(c)) {
      out += c;
    } else if (c == ' ') {
      out += '_';
    } else {
      out += {'=', hex[byte >> 4], hex[byte & 15]};
    }
  }
  return out;
}

bool is_q_shorter(std::string_view text) noexcept {
  std::size_t width = 0;
  for (const char c : text) width += q_width(c);
  return width <= (text.size() + 2) / 3 * 4;
}

// How many bytes of `text`, in whole characters, fit into `room` bytes when encoded.
std::size_t fitting(std::string_view text, std::size_t room, bool q) noexcept {
  std::size_t fit = 0;
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    width = q ? width + q_width(text[i]) : i / 3 * 4 + 4;
    if (width > room) return fit;
    const bool ends =
        i + 1 == text.size() || (static_cast<unsigned char>(text[i + 1]) & 0xc0) != 0x80;
    if (ends) fit = i + 1;
  }
  return fit;
}

// One decoded encoded-word.
struct DecodedWord {
  std::string charset;
  std::string bytes;
  std::size_t length = 0;  // of the encoded word in the text
};

std::optional<std::string> decode_text(char encoding, std::string_view text) {
  if (to_lower(encoding) == 'b') {
    const bool clean = std::all_of(text.begin(), text.end(), [](char c) {
      return is_alnum(c) || c == '+' || c == '/' || c == '=';
    });
    return clean ? std::optional(decode_base64_tolerant(text)) : std::nullopt;
  }
  if (to_lower(encoding) != 'q') return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out += text[i] == '_' ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size() || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0) {
      return std::nullopt;
    }
    out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
    i += 2;
  }
  return out;
}

// The encoded-word at the front of `text`, which begins with "=?".
std::optional<DecodedWord> find_word(std::string_view text) {
  constexpr std::size_t max_charset = 60;
  const auto charset_end = text.substr(0, max_charset + 3).find_first_of("? \t=", 2);
  if (charset_end == std::string_view::npos || text[charset_end] != '?') return std::nullopt;
  if (charset_end + 3 >= text.size() || text[charset_end + 2] != '?') return std::nullopt;
  const auto begin = charset_end + 3;
  const auto end = text.find_first_of("? \t", begin);
  if (end == std::string_view::npos || text.substr(end, 2) != "?=") return std::nullopt;
  auto bytes = decode_text(text[charset_end + 1], text.substr(begin, end - begin));
  auto charset = text.substr(2, charset_end - 2);
  charset = charset.substr(0, charset.find('*'));
  if (!bytes || charset.empty() || !to_utf8({}, charset)) return std::nullopt;
  return DecodedWord{lower(charset), std::move(*bytes), end + 2};
}

bool is_all_whitespace(std::string_view text) noexcept {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

std::vector<std::string> encode_words(std::string_view text, std::size_t first_room) {
  std::vector<std::string> words;
  const bool q = is_q_shorter(text);
  std::size_t room = std::min(first_room, max_encoded_word) - overhead;
  while (!text.empty()) {
    // Invalid UTF-8 has no character that fits: divide it anywhere.
    const std::size_t fit = fitting(text, room, q);
    const std::size_t take = fit == 0 ? std::min<std::size_t>(text.size(), 3) : fit;
    const auto piece = text.substr(0, take);
    words.push_back(q ? "=?utf-8?Q?" + encode_q(piece) + "?="
                      : "=?utf-8?B?" + base64_encode(piece) + "?=");
    text.remove_prefix(take);
    room = max_encoded_word - overhead;
  }
  return words;
}

std::string decode_words(std::string_view text) {
  std::string out;
  std::string charset;
  std::string held;  // decoded bytes of `charset`, not converted yet
  bool after_word = false;
  const auto flush = [&] {
    if (!held.empty()) out += to_utf8(held, charset).value_or(std::string());
    held.clear();
  };
  while (!text.empty()) {
    const auto start = std::min(text.find("=?"), text.size());
    auto word = start < text.size() ? find_word(text.substr(start)) : std::nullopt;
    const auto between = text.substr(0, word ? start : std::min(start + 2, text.size()));
    if (!word || !after_word || !is_all_whitespace(between)) {
      flush();
      out += between;
    }
    text.remove_prefix(between.size());
    after_word = word.has_value();
    if (!word) continue;
    if (word->charset != charset) flush();
    charset = word->charset;
    held += word->bytes;
    text.remove_prefix(word->length);
  }
  flush();
  std::replace_if(out.begin(), out.end(), is_line_breaker, ' ');
  return out;
}

}  // namespace postroad::mail
