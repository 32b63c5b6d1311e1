// Breaking and joining the lines of format=flowed; see flowed.hpp.
#include "mail/mime/flowed.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace postroad::mail {

namespace {

constexpr std::size_t width = 72;

std::string_view take_line(std::string_view& text) {
  const auto lf = text.find('\n');
  auto line = text.substr(0, lf);
  text.remove_prefix(lf == std::string_view::npos ? text.size() : lf + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

void put_line(std::string& out, std::string_view line) {
  const bool stuffs = line.starts_with(' ') || line.starts_with('>') || line.starts_with("From ");
  if (stuffs) out += ' ';
  out += line;
}

// The number of UTF-8 characters: bytes that begin one.
std::size_t columns_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// Where to break a line: after the last space that fits, else after the first one. Never after "--
// ", because a line with only that is a signature separator, which is not flowed (§4.3).
std::size_t find_break(std::string_view line) noexcept {
  std::size_t best = std::string_view::npos;
  std::size_t columns = 0;
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    columns += (static_cast<unsigned char>(line[i]) & 0xc0) != 0x80 ? 1 : 0;
    if (line[i] != ' ' || line[i + 1] == ' ' || line.substr(0, i + 1) == "-- ") continue;
    if (columns > width && best != std::string_view::npos) break;
    best = i + 1;
    if (columns > width) break;
  }
  return best;
}

}  // namespace

std::string flow(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto line = take_line(text);
    const bool signature = line == "-- ";
    while (!signature && line.ends_with(' ')) line.remove_suffix(1);
    while (columns_of(line) > width) {
      const auto at = find_break(line);
      if (at == std::string_view::npos) break;
      put_line(out, line.substr(0, at));
      out += "\r\n";
      line.remove_prefix(at);
    }
    put_line(out, line);
    out += "\r\n";
  }
  return out;
}

std::string unflow(std::string_view text, bool deletes_blank) {
  std::string out;
  std::size_t open = 0;  // quote depth of the open paragraph plus one; 0: none is open
  while (!text.empty()) {
    auto line = take_line(text);
    const auto depth = std::min(line.find_first_not_of('>'), line.size());
    const auto marks = line.substr(0, depth);
    line.remove_prefix(depth);
    if (line.starts_with(' ')) line.remove_prefix(1);
    const bool goes_on = open == depth + 1 && line != "-- ";
    if (!goes_on) {
      if (open != 0) out += "\r\n";
      out += marks;
      if (depth > 0) out += ' ';
    }
    const bool flows = line.ends_with(' ') && line != "-- ";
    if (flows && deletes_blank) line.remove_suffix(1);
    out += line;
    open = flows ? depth + 1 : 0;
    if (open == 0) out += "\r\n";
  }
  if (open != 0) out += "\r\n";
  return out;
}

}  // namespace postroad::mail
