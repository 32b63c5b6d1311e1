// Decides each line by its first bytes and skips the rest of it; see header_completion.hpp.
#include "mail/header/header_completion.hpp"

#include <utility>

#include "base/text.hpp"
#include "mail/header/whitespace.hpp"

namespace postroad::mail {

namespace {

constexpr std::size_t longest_line = 998;  // without a colon by then it is not a field

// ftext of RFC 5322 section 3.6.8, and the colon
bool is_printable(char c) { return c > ' ' && c <= '~'; }

}  // namespace

void HeaderCompletion::begin_line() {
  at_ = At::line_start;
  length_ = 0;
  is_in_line_ = false;
}

// The next byte of a line's start:
//   field-name *WSP ":"                 RFC 5322 sections 2.2 and 4.5 (WSP before the colon)
//   WSP                                 a continuation, if a field precedes it
//   CRLF                                the end of the header; a bare LF too
HeaderCompletion::Kind HeaderCompletion::look(char c) {
  if (at_ == At::carriage_return) return c == '\n' ? Kind::empty : Kind::text;
  if (at_ == At::line_start) {
    if (c == '\n') return Kind::empty;
    if (is_blank(c)) return has_field_ ? Kind::header : Kind::text;
    if (c == ':') return Kind::text;
    at_ = c == '\r' ? At::carriage_return : At::name;
    return c == '\r' || is_printable(c) ? Kind::undecided : Kind::text;
  }
  if (c == ':') return Kind::header;
  if (++length_ >= longest_line) return Kind::text;
  if (is_blank(c)) {
    at_ = At::after_name;
    return Kind::undecided;
  }
  return at_ == At::name && is_printable(c) ? Kind::undecided : Kind::text;
}

// A field begins with what is held and these bytes up to its colon.
void HeaderCompletion::note_field(std::string_view rest_of_name) {
  has_field_ = true;
  if (date_.empty() && message_id_.empty()) return;
  const auto name = held_ + std::string(rest_of_name);
  if (iequals(trim(name), "Date")) date_.clear();
  if (iequals(trim(name), "Message-ID")) message_id_.clear();
}

std::string_view HeaderCompletion::end_header(bool needs_empty_line) {
  is_done_ = true;
  completion_ += date_;
  completion_ += message_id_;
  if (needs_empty_line) completion_ += "\r\n";
  return completion_;
}

HeaderCompletion::Pieces HeaderCompletion::take(std::string_view bytes) {
  if (is_done_) return {bytes};
  given_.clear();
  std::size_t line = 0;  // where the line begins, behind what is held
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (is_in_line_) {
      at = bytes.find('\n', at);
      if (at == std::string_view::npos) return {given_, bytes};
      begin_line();
      line = at + 1;
      continue;
    }
    const auto kind = look(bytes[at]);
    if (kind == Kind::undecided) continue;
    if (kind == Kind::header) {
      if (bytes[at] == ':') note_field(bytes.substr(line, at - line));
      is_in_line_ = true;
      if (!held_.empty()) given_.swap(held_);
      continue;
    }
    const auto completion = end_header(kind == Kind::text);
    if (!held_.empty()) return {completion, held_, bytes};
    return {given_, bytes.substr(0, line), completion, bytes.substr(line)};
  }
  if (is_in_line_) return {given_, bytes};
  held_ += bytes.substr(line);
  return {given_, bytes.substr(0, line)};
}

HeaderCompletion::Pieces HeaderCompletion::finish() {
  if (std::exchange(is_done_, true)) return {};
  if (!held_.empty()) return {end_header(true), held_};
  // The last line has no line end: the fields need one in front of them.
  if (is_in_line_ && !(date_.empty() && message_id_.empty())) completion_ = "\r\n";
  return {end_header(false)};
}

}  // namespace postroad::mail
