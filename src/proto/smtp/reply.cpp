// Reply parsing and writing; see reply.hpp.
#include "proto/smtp/reply.hpp"

#include <algorithm>
#include <ostream>

#include "base/text.hpp"

namespace postroad {

std::string EnhancedStatus::text() const {
  if (!is_given()) return {};
  return std::to_string(status_class) + '.' + std::to_string(subject) + '.' +
         std::to_string(detail);
}

std::vector<std::string_view> Reply::lines() const { return split(text, '\n'); }

std::string Reply::one_line() const {
  std::string out;
  append_one_line(out);
  return out;
}

void Reply::append_one_line(std::string& out) const {
  const auto begin = out.size();
  if (code != 0) out += std::to_string(code);
  if (status.is_given()) (out += ' ') += status.text();
  for (std::string_view rest = text; !rest.empty() && out.size() - begin <= 1000;) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.empty()) continue;
    if (out.size() > begin) out += ' ';
    append_printable(out, line, 1000);
  }
}

std::ostream& operator<<(std::ostream& out, const Reply& reply) { return out << reply.one_line(); }

}  // namespace postroad

namespace postroad::smtp {

namespace {

Error broken(std::string_view why, std::string_view line) {
  return fail(Fault::protocol, {}, std::string(why) + ": \"" + printable(line, 200) + '"');
}

std::optional<unsigned> eat_number(std::string_view& text) {
  std::size_t length = 0;
  unsigned value = 0;
  while (length < text.size() && length < 3 && is_digit(text[length])) {
    value = value * 10 + static_cast<unsigned>(text[length++] - '0');
  }
  if (length == 0) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

}  // namespace

std::optional<EnhancedStatus> eat_enhanced_status(std::string_view& text, int code) {
  std::string_view rest = text;
  EnhancedStatus status;
  const auto status_class = eat_number(rest);
  if (!status_class || static_cast<int>(*status_class) != code / 100 || *status_class == 3)
    return std::nullopt;
  if (rest.empty() || rest.front() != '.') return std::nullopt;
  rest.remove_prefix(1);
  const auto subject = eat_number(rest);
  if (!subject || rest.empty() || rest.front() != '.') return std::nullopt;
  rest.remove_prefix(1);
  const auto detail = eat_number(rest);
  if (!detail || (!rest.empty() && rest.front() != ' ')) return std::nullopt;
  if (!rest.empty()) rest.remove_prefix(1);
  text = rest;
  status.status_class = static_cast<std::uint8_t>(*status_class);
  status.subject = static_cast<std::uint16_t>(*subject);
  status.detail = static_cast<std::uint16_t>(*detail);
  return status;
}

Result<bool> ReplyParser::take_line(std::string_view line) {
  const bool coded = line.size() >= 3 && line[0] >= '2' && line[0] <= '5' && is_digit(line[1]) &&
                     is_digit(line[2]);
  if (!coded || (line.size() > 3 && line[3] != ' ' && line[3] != '-')) {
    return broken("the server's line is not an SMTP reply", line);
  }
  const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  if (reply_.code != 0 && reply_.code != code)
    return broken("the code changes within one reply", line);
  if (++count_ > limits_.lines) return broken("the reply has too many lines", line);
  bytes_ += line.size();
  if (bytes_ > limits_.total) return broken("the reply has too many bytes", line);

  const bool last = line.size() == 3 || line[3] == ' ';
  std::string_view text = line.size() > 4 ? line.substr(4) : std::string_view{};
  if (const auto status = eat_enhanced_status(text, code)) reply_.status = *status;
  if (reply_.code != 0) reply_.text += '\n';
  reply_.code = code;
  reply_.text += text;
  return last;
}

Result<std::optional<Reply>> ReplyParser::parse(std::string_view& input) {
  while (!input.empty()) {
    const auto end = input.find('\n');
    const auto piece = input.substr(0, end);
    if (line_.size() + piece.size() > limits_.line)
      return broken("the reply line is too long", piece);
    line_ += piece;
    input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
    if (end == std::string_view::npos) break;
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    const auto last = take_line(line_);
    if (!last) return last.error();
    line_.clear();
    if (*last) {
      Reply whole = std::move(reply_);
      reply_ = {};
      count_ = bytes_ = 0;
      return std::optional<Reply>(std::move(whole));
    }
  }
  return std::optional<Reply>();
}

void format(const Reply& reply, std::string& out) {
  format(reply.code, reply.status, reply.text, out);
}

void format(int code, EnhancedStatus status, std::string_view text, std::string& out) {
  std::size_t at = 0;
  for (;;) {
    const auto end = text.find('\n', at);
    const auto line = text.substr(at, end == std::string_view::npos ? end : end - at);
    out += static_cast<char>('0' + code / 100 % 10);
    out += static_cast<char>('0' + code / 10 % 10);
    out += static_cast<char>('0' + code % 10);
    out += end == std::string_view::npos ? ' ' : '-';
    if (status.is_given()) out += status.text() + ' ';
    for (const char c : line) out += is_line_breaker(c) ? ' ' : c;
    out += "\r\n";
    if (end == std::string_view::npos) return;
    at = end + 1;
  }
}

}  // namespace postroad::smtp
