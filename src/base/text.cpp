// ASCII text functions; see text.hpp.
#include "base/text.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace postroad {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), to_lower);
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), to_upper);
  return out;
}

bool iequals(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return to_lower(x) == to_lower(y);
         });
}

bool istarts_with(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() && iequals(text.substr(0, prefix.size()), prefix);
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::optional<unsigned long long> parse_number(std::string_view text) noexcept {
  unsigned long long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

namespace {

// Length of the UTF-8 sequence at the front and its code point; length 0 when it is not UTF-8.
struct CodePoint {
  std::size_t length;
  std::uint32_t value;
};

CodePoint front(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return {1, first};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return {0, 0};
  std::uint32_t value = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return {0, 0};
    value = (value << 6) | (at(i) & 0x3fU);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  if (overlong || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff) return {0, 0};
  return {length, value};
}

// Number of ASCII bytes at the front, found by words of eight.
std::size_t ascii_words(std::string_view text) noexcept {
  constexpr std::uint64_t high_bits = 0x8080808080808080;
  std::size_t length = 0;
  for (std::uint64_t word = 0; length + sizeof word <= text.size(); length += sizeof word) {
    std::memcpy(&word, text.data() + length, sizeof word);
    if ((word & high_bits) != 0) break;
  }
  return length;
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  for (;;) {
    text.remove_prefix(ascii_words(text));
    if (text.empty()) return true;
    const auto point = front(text);
    if (point.length == 0) return false;
    text.remove_prefix(point.length);
  }
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  append_printable(out, text, limit);
  return out;
}

void append_printable(std::string& out, std::string_view text, std::size_t limit) {
  const bool is_plain = text.size() <= limit && std::all_of(text.begin(), text.end(), [](char c) {
                          return c >= ' ' && c <= '~';
                        });
  if (is_plain) {
    out += text;
    return;
  }
  static constexpr std::string_view hex = "0123456789abcdef";
  const auto most = out.size() + limit;
  while (!text.empty()) {
    if (out.size() >= most) {
      out += "…";
      return;
    }
    const auto point = front(text);
    const bool shown =
        point.length > 1 ? point.value >= 0xa0 : point.length == 1 && !is_control(text[0]);
    const std::size_t step = std::max<std::size_t>(point.length, 1);
    for (std::size_t i = 0; i < step; ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (shown) {
        out += text[i];
      } else {
        out += {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
      }
    }
    text.remove_prefix(step);
  }
}

namespace {
constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> reverse_alphabet() {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}
constexpr auto values = reverse_alphabet();

// The two digits of every 12 bits.
constexpr std::array<std::array<char, 2>, 4096> pairs_of_digits() {
  std::array<std::array<char, 2>, 4096> table{};
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = {alphabet[i >> 6], alphabet[i & 63]};
  return table;
}
constexpr auto pairs = pairs_of_digits();

// The lowest 12 of `bits`.
char* write_pair(std::uint64_t bits, char* out) noexcept {
  std::memcpy(out, pairs[bits & 0xfff].data(), 2);
  return out + 2;
}

// Eight bytes as a big-endian number; compilers make one load of it.
std::uint64_t word_at(const char* from) noexcept {
  const auto byte = [&](std::size_t i) -> std::uint64_t {
    return static_cast<unsigned char>(from[i]);
  };
  return byte(0) << 56 | byte(1) << 48 | byte(2) << 40 | byte(3) << 32 | byte(4) << 24 |
         byte(5) << 16 | byte(6) << 8 | byte(7);
}
}  // namespace

char* write_base64(std::string_view bytes, char* out) noexcept {
  const auto at = [&](std::size_t i) -> std::uint32_t {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
  };
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 6) {
    const auto word = word_at(bytes.data() + i);
    for (const int shift : {52, 40, 28, 16}) out = write_pair(word >> shift, out);
  }
  for (; i + 3 <= bytes.size(); i += 3) {
    const auto group = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    out = write_pair(group, write_pair(group >> 12, out));
  }
  if (i == bytes.size()) return out;
  const auto group = at(i) << 16 | at(i + 1) << 8;
  out = write_pair(group >> 12, out);
  *out++ = i + 1 < bytes.size() ? alphabet[group >> 6 & 63] : '=';
  *out++ = '=';
  return out;
}

std::string percent_encode(std::string_view bytes) {
  static constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += {'%', hex[byte >> 4], hex[byte & 15]};
    }
  }
  return out;
}

std::string base64_encode(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4, '\0');
  write_base64(bytes, out.data());
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const std::size_t used = i + 4 == text.size() ? 4 - padding : 4;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const int value = k < used ? values[static_cast<unsigned char>(text[i + k])] : 0;
      if (value < 0) return std::nullopt;
      group = group << 6 | static_cast<std::uint32_t>(value);
    }
    if (used < 4 && (group & (used == 2 ? 0xffffU : 0xffU)) != 0) return std::nullopt;
    for (std::size_t k = 0; k + 1 < used; ++k)
      out += static_cast<char>(group >> (16 - 8 * k) & 255);
  }
  return out;
}

namespace {

// Edit distance in which a swap of neighbours costs one (optimal string alignment). Words are
// short.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = to_lower(a[i - 1]) == to_lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0U : 1U)});
      const bool swapped = i > 1 && j > 1 && to_lower(a[i - 1]) == to_lower(b[j - 2]) &&
                           to_lower(a[i - 2]) == to_lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() < 2 || word.size() > 64) return {};
  std::string_view best;
  std::size_t best_distance = word.size() <= 3 ? 2 : 1 + word.size() / 3;
  for (const auto candidate : candidates) {
    const auto d = distance(word, candidate);
    if (d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

}  // namespace postroad
