// The encoders, and the decoders for text that is in memory; see transfer.hpp.
#include "mail/mime/transfer.hpp"

#include <algorithm>
#include <array>

#include <postroad/transfer_decoder.hpp>

#include "base/text.hpp"
#include "mail/header/whitespace.hpp"

namespace postroad::mail {

namespace {

constexpr std::string_view hex = "0123456789ABCDEF";
constexpr std::size_t max_encoded_line = 76;
constexpr std::size_t max_plain_line = 78;
constexpr std::size_t max_8bit_line = 998;

// Bytes that quoted-printable does not encode. A space at the end of a line is still encoded.
constexpr std::array<bool, 256> literal_bytes() {
  std::array<bool, 256> table{};
  for (std::size_t c = ' '; c < 0x7f; ++c) table[c] = c != '=';
  table['\t'] = true;
  return table;
}
constexpr auto literals = literal_bytes();

bool is_literal(char c) noexcept { return literals[static_cast<unsigned char>(c)]; }

// How many bytes at the front are literal; at most `most`.
std::size_t literal_run(std::string_view text, std::size_t most) noexcept {
  std::size_t run = 0;
  while (run < std::min(most, text.size()) && is_literal(text[run])) ++run;
  return run;
}

// One line without its line end.
void append_quoted_line(std::string_view line, std::string& out) {
  constexpr std::size_t most = max_encoded_line - 1;  // the last column is for a soft line break
  std::size_t column = 0;
  bool mbox = line.starts_with("From ");
  while (!line.empty()) {
    const auto run = mbox ? 0 : literal_run(line.substr(0, line.size() - 1), most - column);
    out += line.substr(0, run);
    column += run;
    line.remove_prefix(run);
    const char c = line.front();
    const bool last = line.size() == 1;
    const bool plain = is_literal(c) && !mbox && !(last && is_blank(c));
    const std::size_t width = plain ? 1 : 3;
    if (column + width > most + (last ? 1 : 0)) {
      out += "=\r\n";
      column = 0;
    }
    const auto byte = static_cast<unsigned char>(c);
    const std::array<char, 3> escape{'=', hex[byte >> 4], hex[byte & 15]};
    out.append(plain ? &c : escape.data(), width);
    column += width;
    line.remove_prefix(1);
    mbox = false;
  }
}

// Whether a line could be taken for one of our boundaries or for an mbox separator.
bool is_ambiguous(std::string_view line) noexcept {
  return line.starts_with("--=_") || line.starts_with("From ");
}

bool is_plain_line(std::string_view line) noexcept {
  return line.size() <= max_plain_line && !is_ambiguous(line) &&
         std::all_of(line.begin(), line.end(),
                     [](char c) { return (c >= ' ' && c < 0x7f) || c == '\t'; });
}

bool is_plain_8bit_line(std::string_view line) noexcept {
  return line.size() <= max_8bit_line && !is_ambiguous(line) &&
         std::none_of(line.begin(), line.end(), [](char c) { return is_control(c) && c != '\t'; });
}

// Removes one line and its line end (CRLF, LF or none) from the front of `text`.
std::string_view take_line(std::string_view& text, std::string_view& line_end) noexcept {
  const auto lf = text.find('\n');
  auto line = text.substr(0, lf);
  const bool crlf = lf != std::string_view::npos && line.ends_with('\r');
  if (crlf) line.remove_suffix(1);
  line_end = text.substr(line.size(), lf == std::string_view::npos ? 0 : crlf ? 2 : 1);
  text.remove_prefix(line.size() + line_end.size());
  return line;
}

std::string decode(std::string_view encoding, std::string_view text) {
  std::string out;
  TransferDecoder decoder(encoding);
  decoder.take(text, out);
  decoder.finish(out);
  return out;
}

}  // namespace

std::string with_crlf(std::string text) {
  bool clean = true;
  for (std::size_t at = text.find_first_of("\r\n"); at != std::string::npos && clean;
       at = text.find_first_of("\r\n", at + 2)) {
    clean = text.compare(at, 2, "\r\n") == 0;
  }
  if (clean) return text;
  std::string out;
  out.reserve(text.size() + text.size() / 16 + 2);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!(text[i] == '\r' || text[i] == '\n')) {
      out += text[i];
      continue;
    }
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
    out += "\r\n";
  }
  return out;
}

bool is_plain_7bit(std::string_view text) noexcept {
  std::string_view line_end;
  while (!text.empty()) {
    if (!is_plain_line(take_line(text, line_end))) return false;
  }
  return true;
}

bool is_plain_8bit(std::string_view text) noexcept {
  std::string_view line_end;
  while (!text.empty()) {
    if (!is_plain_8bit_line(take_line(text, line_end))) return false;
  }
  return true;
}

std::size_t find_bare_line_end(std::string_view text) noexcept {
  for (auto at = text.find_first_of("\r\n"); at != std::string_view::npos;
       at = text.find_first_of("\r\n", at + 2)) {
    if (text.substr(at, 2) != "\r\n") return at;
  }
  return std::string_view::npos;
}

std::size_t quoted_printable_size(std::string_view text) noexcept {
  const auto escaped = std::count_if(
      text.begin(), text.end(), [](char c) { return !is_literal(c) && c != '\r' && c != '\n'; });
  return text.size() + 2 * static_cast<std::size_t>(escaped);
}

std::string encode_quoted_printable(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  std::string_view line_end;
  while (!text.empty()) {
    append_quoted_line(take_line(text, line_end), out);
    if (!line_end.empty()) out += "\r\n";
  }
  return out;
}

void append_base64_lines(std::string_view bytes, std::string& out) {
  const auto size = out.size();
  out.resize(size + static_cast<std::size_t>(base64_lines_size(bytes.size())));
  char* at = out.data() + size;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), base64_line_bytes))) {
    at = write_base64(bytes.substr(0, base64_line_bytes), at);
    *at++ = '\r';
    *at++ = '\n';
  }
}

std::string decode_quoted_printable(std::string_view text) {
  return decode("quoted-printable", text);
}

std::string decode_base64_tolerant(std::string_view text) { return decode("base64", text); }

}  // namespace postroad::mail
