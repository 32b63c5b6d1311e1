// Dot transparency; see dot_codec.hpp.
#include "proto/smtp/dot_codec.hpp"

#include <cstring>

namespace postroad::smtp {

void DotEncoder::encode(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const char c = text.front();
    if (last_ == Last::cr) {
      out += '\n';
      last_ = Last::line_start;
      if (c == '\n') {
        text.remove_prefix(1);
        continue;
      }
    }
    if (c == '\r') {
      out += '\r';
      last_ = Last::cr;
      text.remove_prefix(1);
      continue;
    }
    if (c == '\n') {
      out += "\r\n";
      last_ = Last::line_start;
      text.remove_prefix(1);
      continue;
    }
    if (c == '.' && last_ == Last::line_start && stuffing_) out += '.';
    // Lines that need no change are copied as one block: up to a bare CR or LF, or a line that
    // begins with a dot.
    std::size_t run = 0;
    for (;;) {
      const auto* at =
          static_cast<const char*>(std::memchr(text.data() + run, '\n', text.size() - run));
      const std::size_t lf =
          at == nullptr ? text.size() : static_cast<std::size_t>(at - text.data());
      const std::string_view line = text.substr(run, lf - run);
      const auto cr = line.find('\r');
      const bool crlf = at != nullptr && cr == line.size() - 1 && !line.empty();
      if (!crlf) {
        run += cr == std::string_view::npos ? line.size() : cr;
        last_ = Last::inside;
        break;
      }
      run = lf + 1;
      last_ = Last::line_start;
      if (run == text.size() || text[run] == '.' || text[run] == '\n') break;
    }
    out.append(text.data(), run);
    text.remove_prefix(run);
  }
}

void DotEncoder::finish_line(std::string& out) {
  if (last_ == Last::inside) out += "\r\n";
  if (last_ == Last::cr) out += '\n';
  last_ = Last::line_start;
}

void DotEncoder::finish(std::string& out) {
  finish_line(out);
  out += ".\r\n";
}

void LineEndWatch::look(std::string_view bytes) noexcept {
  while (!bytes.empty() && !bare_) {
    if (after_cr_) {
      bare_ = bytes.front() != '\n';
      after_cr_ = false;
      bytes.remove_prefix(1);
      continue;
    }
    const auto at = bytes.find_first_of("\r\n");
    if (at == std::string_view::npos) return;
    bare_ = bytes[at] == '\n';
    after_cr_ = true;
    bytes.remove_prefix(at + 1);
  }
}

DotDecoder::Piece DotDecoder::decode_held(std::string_view& input) {
  static constexpr std::string_view cr = "\r";
  const char c = input.front();
  switch (state_) {
    case State::dot:
      if (c == '\r') {
        input.remove_prefix(1);
        state_ = State::dot_cr;
        return {};
      }
      state_ = State::inside;  // a stuffed dot: the first dot is removed
      return decode_run(input);
    case State::dot_cr:
      if (c == '\n') {
        input.remove_prefix(1);
        state_ = State::line_start;
        return {{}, true};
      }
      state_ = State::cr;  // ".\rX": the CR that was held back is data, and bare
      return {cr, false};
    default:
      return decode_run(input);
  }
}

DotDecoder::Piece DotDecoder::decode_run(std::string_view& input) {
  std::size_t at = 0;
  while (at < input.size()) {
    const char c = input[at];
    if (state_ == State::cr) {
      if (c == '\n') {
        state_ = State::line_start;
        ++at;
        continue;
      }
      bare_ = true;
      state_ = State::inside;
    }
    if (state_ == State::line_start && c == '.') {
      const Piece piece{input.substr(0, at), false};
      input.remove_prefix(at + 1);
      state_ = State::dot;
      return piece;
    }
    state_ = State::inside;
    // Up to the next CR in one step; a LF before it is bare.
    const auto rest = input.size() - at;
    const auto* cr = static_cast<const char*>(std::memchr(input.data() + at, '\r', rest));
    const std::size_t end =
        cr == nullptr ? input.size() : static_cast<std::size_t>(cr - input.data());
    if (!bare_ && std::memchr(input.data() + at, '\n', end - at) != nullptr) bare_ = true;
    at = end;
    if (cr != nullptr) {
      state_ = State::cr;
      ++at;
    }
  }
  const Piece piece{input, false};
  input.remove_prefix(input.size());
  return piece;
}

DotDecoder::Piece DotDecoder::decode(std::string_view& input) {
  while (!input.empty()) {
    const auto piece = decode_held(input);
    if (piece.end || !piece.bytes.empty()) return piece;
  }
  return {};
}

}  // namespace postroad::smtp
