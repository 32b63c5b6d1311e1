// Reading EHLO lines; see capabilities.hpp.
#include "proto/smtp/capabilities.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace postroad::smtp {

namespace {

constexpr std::size_t max_mechanisms = 64;

void add_mechanisms(std::string_view words, std::vector<std::string>& auth) {
  for (const auto word : split(words, ' ')) {
    if (word.empty() || auth.size() == max_mechanisms) continue;
    auto name = upper(word);
    if (std::find(auth.begin(), auth.end(), name) == auth.end()) auth.push_back(std::move(name));
  }
}

void add_line(std::string_view line, Capabilities& caps) {
  const auto end = line.find(' ');
  const auto keyword = line.substr(0, end);
  const auto rest = end == std::string_view::npos ? std::string_view{} : trim(line.substr(end + 1));
  if (iequals(keyword, "PIPELINING")) caps.pipelining = true;
  if (iequals(keyword, "8BITMIME")) caps.eight_bit_mime = true;
  if (iequals(keyword, "SMTPUTF8")) caps.smtputf8 = true;
  if (iequals(keyword, "ENHANCEDSTATUSCODES")) caps.enhanced_status = true;
  if (iequals(keyword, "STARTTLS")) caps.starttls = true;
  if (iequals(keyword, "SIZE")) caps.size = parse_number(rest).value_or(0);
  if (iequals(keyword, "AUTH")) add_mechanisms(rest, caps.auth);
  if (istarts_with(keyword, "AUTH=")) {
    add_mechanisms(keyword.substr(5), caps.auth);
    add_mechanisms(rest, caps.auth);
  }
}

}  // namespace

bool Capabilities::offers_auth(std::string_view mechanism) const {
  return std::find(auth.begin(), auth.end(), mechanism) != auth.end();
}

Capabilities parse_capabilities(const Reply& ehlo) {
  Capabilities caps;
  caps.esmtp = true;
  const auto lines = ehlo.lines();
  for (std::size_t i = 1; i < lines.size(); ++i) {
    caps.lines.emplace_back(lines[i]);
    add_line(trim(lines[i]), caps);
  }
  return caps;
}

}  // namespace postroad::smtp
