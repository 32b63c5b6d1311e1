// Decodes base64 by groups of four digits and quoted-printable by lines; see
// postroad/transfer_decoder.hpp.
#include <postroad/transfer_decoder.hpp>

#include <array>
#include <cstring>
#include <utility>

#include "base/text.hpp"
#include "mail/header/whitespace.hpp"
#include "mail/mime/transfer.hpp"

namespace postroad {

namespace {

using mail::is_blank;

// The bits that each digit of a group contributes to its 24; a byte outside the alphabet sets a bit
// above them.
constexpr std::uint32_t foreign = 1U << 31;
using Digits = std::array<std::uint32_t, 256>;

constexpr Digits digits_at(int shift) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Digits table{};
  table.fill(foreign);
  for (std::uint32_t i = 0; i < alphabet.size(); ++i)
    table[static_cast<unsigned char>(alphabet[i])] = i << shift;
  return table;
}

constexpr std::array<Digits, 4> digits{digits_at(18), digits_at(12), digits_at(6), digits_at(0)};

std::uint32_t group_of(const char* from) noexcept {
  const auto digit = [&](std::size_t i) { return digits[i][static_cast<unsigned char>(from[i])]; };
  return digit(0) | digit(1) | digit(2) | digit(3);
}

char* put_group(std::uint32_t group, char* at) noexcept {
  at[0] = static_cast<char>(group >> 16);
  at[1] = static_cast<char>(group >> 8);
  at[2] = static_cast<char>(group);
  return at + 3;
}

// Decodes the escapes of text without a line end.
char* put_unquoted(std::string_view text, char* at) noexcept {
  while (!text.empty()) {
    const auto plain = std::min(text.find('='), text.size());
    std::memcpy(at, text.data(), plain);
    at += plain;
    text.remove_prefix(plain);
    if (text.empty()) break;
    const bool escape =
        text.size() > 2 && mail::hex_value(text[1]) >= 0 && mail::hex_value(text[2]) >= 0;
    *at++ =
        escape ? static_cast<char>(mail::hex_value(text[1]) * 16 + mail::hex_value(text[2])) : '=';
    text.remove_prefix(escape ? 3 : 1);
  }
  return at;
}

// Decodes a line with its line end, CRLF or LF; the last line may have none.
char* put_line(std::string_view line, char* at) noexcept {
  const std::size_t end = line.ends_with("\r\n") ? 2 : line.ends_with('\n') ? 1 : 0;
  const auto line_end = line.substr(line.size() - end);
  line.remove_suffix(end);
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  const bool soft = line.ends_with('=');
  if (soft) line.remove_suffix(1);
  at = put_unquoted(line, at);
  if (soft) return at;
  std::memcpy(at, line_end.data(), line_end.size());
  return at + line_end.size();
}

// How much of an incomplete line can be decoded: all before trailing whitespace or a CR, which may
// be the end of the line, and before an `=`, which may begin an escape or a soft line break.
std::size_t decided(std::string_view line) noexcept {
  auto end = line.size();
  if (line.ends_with('\r')) --end;
  while (end > 0 && is_blank(line[end - 1])) --end;
  for (std::size_t back = 1; back <= std::min<std::size_t>(end, 2); ++back) {
    if (line[end - back] == '=') return end - back;
  }
  return end;
}

// Appends at most `most` bytes to `out`. `put` writes them from the given position and returns
// their end.
template <typename Put>
void append(std::string& out, std::size_t most, Put put) {
  const auto size = out.size();
  out.resize(size + most);
  const char* end = put(out.data() + size);
  out.resize(static_cast<std::size_t>(end - out.data()));
}

}  // namespace

TransferDecoder::TransferDecoder(std::string_view encoding) noexcept
    : form_(iequals(encoding, "base64")             ? Form::base64
            : iequals(encoding, "quoted-printable") ? Form::quoted
                                                    : Form::identity) {}

char* TransferDecoder::take_digit(char c, char* at) noexcept {
  over_ = c == '=';
  const auto value = digits[3][static_cast<unsigned char>(c)];
  if (value == foreign) return at;
  group_ = group_ << 6 | value;
  if (++digits_ < 4) return at;
  digits_ = 0;
  return put_group(std::exchange(group_, 0), at);
}

// Decodes an incomplete group: two digits are one byte, three digits are two.
char* TransferDecoder::take_rest(char* at) noexcept {
  if (digits_ >= 2) *at++ = static_cast<char>(digits_ == 2 ? group_ >> 4 : group_ >> 10);
  if (digits_ == 3) *at++ = static_cast<char>(group_ >> 2);
  digits_ = 0;
  group_ = 0;
  return at;
}

void TransferDecoder::take_base64(std::string_view bytes, std::string& out) {
  append(out, (bytes.size() + 3) / 4 * 3, [&](char* at) {
    const char* from = bytes.data();
    const char* const end = from + bytes.size();
    while (from < end && !over_) {
      at = take_digit(*from++, at);
      if (digits_ != 0 || over_) continue;
      for (; end - from >= 4; from += 4) {
        const auto group = group_of(from);
        if (group >= foreign) break;
        at = put_group(group, at);
      }
    }
    return at;
  });
}

// Completes or extends the held line with the front of `bytes`; returns the rest of `bytes`.
std::string_view TransferDecoder::take_held(std::string_view bytes, std::string& out) {
  const auto lf = bytes.find('\n');
  const auto piece = bytes.substr(0, lf == std::string_view::npos ? lf : lf + 1);
  const bool goes_on = is_blank(held_.back());
  held_ += piece;
  // A long run of whitespace in many pieces is not scanned again for each piece: time stays linear.
  if (goes_on && piece.find_first_not_of(" \t") == std::string_view::npos) return {};
  const auto line = std::exchange(held_, {});
  const auto whole = line.ends_with('\n') ? line.size() : decided(line);
  held_ = line.substr(whole);
  append(out, whole, [&](char* at) {
    const auto text = std::string_view(line).substr(0, whole);
    return text.ends_with('\n') ? put_line(text, at) : put_unquoted(text, at);
  });
  return bytes.substr(piece.size());
}

void TransferDecoder::take_quoted(std::string_view bytes, std::string& out) {
  if (!held_.empty()) bytes = take_held(bytes, out);
  append(out, bytes.size(), [&](char* at) {
    for (auto lf = bytes.find('\n'); lf != std::string_view::npos; lf = bytes.find('\n')) {
      at = put_line(bytes.substr(0, lf + 1), at);
      bytes.remove_prefix(lf + 1);
    }
    const auto whole = decided(bytes);
    held_ += bytes.substr(whole);
    return put_unquoted(bytes.substr(0, whole), at);
  });
}

void TransferDecoder::take(std::string_view bytes, std::string& out) {
  if (bytes.empty()) return;
  if (form_ == Form::base64) return take_base64(bytes, out);
  if (form_ == Form::quoted) return take_quoted(bytes, out);
  out += bytes;
}

void TransferDecoder::finish(std::string& out) {
  const auto line = std::exchange(held_, {});
  append(out, line.size() + 2, [&](char* at) { return put_line(line, take_rest(at)); });
  over_ = false;
}

}  // namespace postroad
