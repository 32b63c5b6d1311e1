// Reading EHLO lines; see capabilities.hpp.
#include "proto/smtp/capabilities.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "proto/smtp/mail_parameters.hpp"

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

// max-future-release-interval SP max-future-release-date-time       RFC 4865 section 3
void add_future_release(std::string_view words, Capabilities& caps) {
  caps.future_release = true;
  const auto blank = words.find(' ');
  caps.longest_hold = std::chrono::seconds(
      std::min<unsigned long long>(parse_number(words.substr(0, blank)).value_or(0), 999'999'999));
  if (blank != std::string_view::npos)
    caps.latest_hold = parse_date_time(trim(words.substr(blank)));
}

// LIMITS *( SP name [ "=" value ] )       RFC 9422 section 3
void add_limits(std::string_view words, Capabilities& caps) {
  for (const auto word : split(words, ' ')) {
    const auto equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    const auto value = parse_number(word.substr(equals + 1)).value_or(0);
    if (iequals(word.substr(0, equals), "RCPTMAX")) caps.most_recipients = value;
    if (iequals(word.substr(0, equals), "MAILMAX")) caps.most_messages = value;
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
  if (iequals(keyword, "CHUNKING")) caps.chunking = true;
  if (iequals(keyword, "BINARYMIME")) caps.binary_mime = true;
  if (iequals(keyword, "DSN")) caps.dsn = true;
  if (iequals(keyword, "REQUIRETLS")) caps.require_tls = true;
  if (iequals(keyword, "MT-PRIORITY")) caps.mt_priority = true;
  if (iequals(keyword, "PRDR")) caps.prdr = true;
  if (iequals(keyword, "XCLIENT")) {
    caps.xclient = true;
    for (const auto name : split(rest, ' ')) {
      if (!name.empty()) caps.xclient_names.push_back(upper(name));
    }
  }
  if (iequals(keyword, "FUTURERELEASE")) add_future_release(rest, caps);
  if (iequals(keyword, "LIMITS")) add_limits(rest, caps);
  if (iequals(keyword, "DELIVERBY")) {
    caps.deliver_by = true;
    caps.least_deliver_by = std::chrono::seconds(
        std::min<unsigned long long>(parse_number(rest).value_or(0), 999'999'999));
  }
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

Capabilities parse_capabilities(const Reply& ehlo, const std::vector<std::string>& ignored) {
  Capabilities caps;
  caps.esmtp = true;
  const auto lines = ehlo.lines();
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto line = trim(lines[i]);
    // `AUTH=LOGIN` has the keyword AUTH.
    const auto keyword = upper(line.substr(0, line.find_first_of(" =")));
    if (std::find(ignored.begin(), ignored.end(), keyword) != ignored.end()) continue;
    caps.lines.emplace_back(lines[i]);
    add_line(line, caps);
  }
  return caps;
}

}  // namespace postroad::smtp
