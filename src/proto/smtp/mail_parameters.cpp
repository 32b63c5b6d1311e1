// Reading and writing; see mail_parameters.hpp.
#include "proto/smtp/mail_parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace postroad::smtp {

namespace {

constexpr std::size_t most_envelope_id = 100;       // RFC 3461 section 4.4
constexpr std::size_t most_original = 500;          // RFC 3461 section 4.2
constexpr std::int64_t most_seconds = 999'999'999;  // nine digits: RFC 2852 §4, RFC 4865 §4
constexpr int most_priority = 9;

const ParameterTaken taken{true, {}};
ParameterTaken wrong(std::string what) { return {true, std::move(what)}; }

std::optional<std::int64_t> parse_signed(std::string_view text) {
  std::int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || at != end || text.empty() || text.size() > 10) return std::nullopt;
  return number;
}

// RFC 3461 section 4.4: graphic and white space.
bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

// by-value = by-time ";" by-mode [by-trace] RFC 2852 section 4
std::optional<DeliverBy> parse_deliver_by(std::string_view text) {
  const auto semicolon = text.find(';');
  if (semicolon == std::string_view::npos) return std::nullopt;
  const auto seconds = parse_signed(text.substr(0, semicolon));
  auto mode = text.substr(semicolon + 1);
  DeliverBy by;
  if (mode.size() == 2 && to_upper(mode[1]) == 'T') {
    by.trace = true;
    mode.remove_suffix(1);
  }
  const bool give_up = iequals(mode, "R");
  if (!seconds || std::abs(*seconds) > most_seconds || (!give_up && !iequals(mode, "N")))
    return std::nullopt;
  if (give_up && *seconds <= 0) return std::nullopt;
  by.within = std::chrono::seconds(*seconds);
  by.otherwise = give_up ? DeliverBy::Else::give_up : DeliverBy::Else::notify;
  return by;
}

std::optional<Notify> parse_notify(std::string_view text) {
  if (iequals(text, "NEVER")) return Notify{};
  Notify notify;
  for (const auto word : split(text, ',')) {
    if (iequals(word, "SUCCESS"))
      notify.success = true;
    else if (iequals(word, "FAILURE"))
      notify.failure = true;
    else if (iequals(word, "DELAY"))
      notify.delay = true;
    else
      return std::nullopt;
  }
  return notify;
}

bool is_scalar(std::uint32_t point) {
  return point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

void append_utf8(std::uint32_t point, std::string& out) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((point >> shift) & 0x3f)); };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0 | (point >> 6));
    tail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0 | (point >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | (point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

// EmbeddedUnicodeChar = "\x{" HEXPOINT "}" RFC 6533 section 3
std::optional<std::string> decode_utf8_address(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (!text.starts_with("\\")) {
      if (text.front() == '=' || text.front() == '+') return std::nullopt;
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    const auto end = text.find('}');
    if (!text.starts_with("\\x{") || end == std::string_view::npos) return std::nullopt;
    std::uint32_t point = 0;
    const auto [at, error] = std::from_chars(text.data() + 3, text.data() + end, point, 16);
    if (error != std::errc{} || at != text.data() + end || end < 5 || end > 9 || !is_scalar(point))
      return std::nullopt;
    append_utf8(point, out);
    text.remove_prefix(end + 1);
  }
  if (!is_utf8(out) || std::any_of(out.begin(), out.end(), is_control)) return std::nullopt;
  return out;
}

std::uint32_t take_point(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  std::uint32_t point = length == 1 ? first : first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i)
    point = (point << 6) | (static_cast<unsigned char>(text[i]) & 0x3fU);
  text.remove_prefix(length);
  return point;
}

std::string encode_utf8_address(std::string_view text, bool utf8) {
  std::string out;
  while (!text.empty()) {
    const auto before = text;
    const auto point = take_point(text);
    const bool plain = point > ' ' && point < 0x7f && point != '+' && point != '=' && point != '\\';
    if (plain || (utf8 && point >= 0xa0)) {
      out += before.substr(0, before.size() - text.size());
    } else {
      out += fmt::format("\\x{{{:02X}}}", point);
    }
  }
  return out;
}

void append_original(const RecipientOptions& options, bool utf8, std::string& out) {
  const bool unicode = iequals(options.original_type, "utf-8");
  (out += options.original_type) += ';';
  out += unicode ? encode_utf8_address(options.original, utf8) : encode_xtext(options.original);
}

// original-recipient-address = addr-type ";" xtext RFC 3461 section 4.2
std::string take_original(std::string_view value, RecipientOptions& options) {
  const auto semicolon = value.find(';');
  const auto type = value.substr(0, semicolon);
  const bool is_atom = !type.empty() && std::all_of(type.begin(), type.end(), [](char c) {
    return is_alnum(c) || c == '-' || c == '.' || c == '_';
  });
  if (semicolon == std::string_view::npos || !is_atom)
    return "ORCPT needs an address type, a semicolon and the address, such as rfc822;ben@y.example";
  if (value.size() > most_original) return "ORCPT is longer than 500 bytes";
  const auto address = value.substr(semicolon + 1);
  const auto decoded =
      iequals(type, "utf-8") ? decode_utf8_address(address) : decode_xtext(address);
  if (!decoded || decoded->empty()) return "ORCPT needs its address in xtext (RFC 3461)";
  if (!is_utf8(*decoded) || std::any_of(decoded->begin(), decoded->end(), is_control))
    return "ORCPT decodes to a control character or to bytes that are not UTF-8";
  options.original_type = lower(type);
  options.original = *decoded;
  // The value must fit when it is written again, where some characters take more bytes.
  std::string again;
  append_original(options, true, again);
  return again.size() > most_original ? "ORCPT is longer than 500 bytes" : std::string();
}

std::string_view name_of(MailOptions::Return what) {
  return what == MailOptions::Return::full ? "FULL" : "HDRS";
}

std::string name_of(const Notify& notify) {
  std::string text;
  const auto add = [&](bool is_set, std::string_view word) {
    if (is_set) (text += text.empty() ? "" : ",") += word;
  };
  add(notify.success, "SUCCESS");
  add(notify.failure, "FAILURE");
  add(notify.delay, "DELAY");
  return text.empty() ? "NEVER" : text;
}

}  // namespace

std::optional<std::chrono::sys_seconds> parse_date_time(std::string_view text) {
  // 2026-11-28T09:00:00Z
  static constexpr std::string_view form = "dddd-dd-ddTdd:dd:ddZ";
  if (text.size() != form.size()) return std::nullopt;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool fits = form[i] == 'd' ? is_digit(text[i]) : to_upper(text[i]) == form[i];
    if (!fits) return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t length) {
    return static_cast<unsigned>(parse_number(text.substr(at, length)).value_or(0));
  };
  const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(number(0, 4))),
                                        std::chrono::month(number(5, 2)),
                                        std::chrono::day(number(8, 2))};
  const auto hour = number(11, 2);
  const auto minute = number(14, 2);
  const auto second = number(17, 2);
  if (!day.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return std::chrono::sys_days(day) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

std::string format_date_time(std::chrono::sys_seconds time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day day(days);
  const std::chrono::hh_mm_ss clock(time - days);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

ParameterTaken take_parameter(const Parameter& parameter, const Offered& offered,
                              MailOptions& options) {
  const auto& [keyword, value] = parameter;
  if (offered.dsn && iequals(keyword, "RET")) {
    if (value && iequals(*value, "FULL"))
      options.return_content = MailOptions::Return::full;
    else if (value && iequals(*value, "HDRS"))
      options.return_content = MailOptions::Return::headers;
    else
      return wrong("RET needs FULL or HDRS");
    return taken;
  }
  if (offered.dsn && iequals(keyword, "ENVID")) {
    const auto decoded = value ? decode_xtext(*value) : std::nullopt;
    if (!decoded || decoded->empty() || value->size() > most_envelope_id || !is_printable(*decoded))
      return wrong("ENVID needs at most 100 bytes of xtext (RFC 3461)");
    options.envelope_id = *decoded;
    return taken;
  }
  if (offered.deliver_by && iequals(keyword, "BY")) {
    options.deliver_by = parse_deliver_by(value.value_or(std::string_view{}));
    if (!options.deliver_by)
      return wrong("BY needs seconds;R or seconds;N, and more than 0 seconds with R");
    return taken;
  }
  if (offered.future_release && (iequals(keyword, "HOLDFOR") || iequals(keyword, "HOLDUNTIL"))) {
    if (options.hold_for.count() > 0 || options.hold_until)
      return wrong("HOLDFOR and HOLDUNTIL are mutually exclusive");
    if (iequals(keyword, "HOLDFOR")) {
      const auto seconds = parse_number(value.value_or(std::string_view{}));
      if (!seconds || *seconds == 0 || *seconds > static_cast<std::uint64_t>(most_seconds))
        return wrong("HOLDFOR needs a number of seconds");
      options.hold_for = std::chrono::seconds(*seconds);
      return taken;
    }
    options.hold_until = parse_date_time(value.value_or(std::string_view{}));
    if (!options.hold_until) return wrong("HOLDUNTIL needs a time such as 2026-11-28T09:00:00Z");
    return taken;
  }
  if (offered.mt_priority && iequals(keyword, "MT-PRIORITY")) {
    const auto number = parse_signed(value.value_or(std::string_view{}));
    if (!number || std::abs(*number) > most_priority || std::to_string(*number) != *value)
      return wrong("MT-PRIORITY needs a number from -9 to 9");
    options.priority = static_cast<int>(*number);
    return taken;
  }
  if (offered.require_tls && iequals(keyword, "REQUIRETLS")) {
    if (value) return wrong("REQUIRETLS takes no value");
    options.require_tls = true;
    return taken;
  }
  if (offered.auth && iequals(keyword, "AUTH") && value) {
    options.submitter = decode_xtext(*value);
    if (!options.submitter || std::any_of(options.submitter->begin(), options.submitter->end(),
                                          [](char c) { return is_control(c); }))
      return wrong("AUTH= needs xtext (RFC 3461)");
    return taken;
  }
  return {};
}

ParameterTaken take_parameter(const Parameter& parameter, const Offered& offered,
                              RecipientOptions& options) {
  const auto& [keyword, value] = parameter;
  if (!offered.dsn) return {};
  if (iequals(keyword, "NOTIFY")) {
    options.notify = parse_notify(value.value_or(std::string_view{}));
    if (!options.notify) return wrong("NOTIFY needs NEVER, or SUCCESS, FAILURE, DELAY with commas");
    return taken;
  }
  if (iequals(keyword, "ORCPT"))
    return wrong(take_original(value.value_or(std::string_view{}), options));
  return {};
}

std::string wrong_with(const MailOptions& options) {
  if (!is_printable(options.envelope_id) ||
      encode_xtext(options.envelope_id).size() > most_envelope_id)
    return "an envelope id has at most 100 bytes of printable ASCII";
  if (options.hold_for.count() > 0 && options.hold_until)
    return "a message is held for a time or until a time, not both";
  if (options.hold_for.count() < 0 || options.hold_for.count() > most_seconds)
    return "a message is held for 1 to 999999999 seconds";
  // The date-time has four digits for the year.
  constexpr std::chrono::sys_seconds first = std::chrono::sys_days(std::chrono::year(0) / 1 / 1);
  constexpr std::chrono::sys_seconds past = std::chrono::sys_days(std::chrono::year(10000) / 1 / 1);
  if (options.hold_until && (*options.hold_until < first || *options.hold_until >= past))
    return "a message is held until a time in the years 0 to 9999";
  if (options.priority && (*options.priority < -most_priority || *options.priority > most_priority))
    return "a priority is a number from -9 to 9";
  if (options.deliver_by) {
    const auto& by = *options.deliver_by;
    if (by.within.count() < -most_seconds || by.within.count() > most_seconds ||
        (by.otherwise == DeliverBy::Else::give_up && by.within.count() <= 0))
      return "a DELIVERBY time that ends in a bounce is 1 to 999999999 seconds";
  }
  if (options.submitter &&
      (options.submitter->empty() ||
       std::any_of(options.submitter->begin(), options.submitter->end(), is_control)))
    return "the submitter is an address without control characters, or <>";
  return {};
}

std::string wrong_with(const RecipientOptions& options) {
  const auto& type = options.original_type;
  if (!std::all_of(type.begin(), type.end(),
                   [](char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_'; }))
    return "not an address type: " + printable(type, 80);
  const auto& original = options.original;
  if (!is_utf8(original) || std::any_of(original.begin(), original.end(), is_control))
    return "an original recipient that is not UTF-8 or contains a control character";
  if (type.empty() != original.empty())
    return "an original recipient has a type and an address, or neither";
  // In its shorter form, as take_original counts.
  std::string value;
  append_original(options, true, value);
  if (value.size() > most_original) return "an original recipient has at most 500 bytes";
  return {};
}

void append_parameters(const MailOptions& options, std::string& line) {
  if (options.return_content != MailOptions::Return::unspecified)
    (line += " RET=") += name_of(options.return_content);
  if (!options.envelope_id.empty()) (line += " ENVID=") += encode_xtext(options.envelope_id);
  if (options.deliver_by) {
    const auto& by = *options.deliver_by;
    line += fmt::format(" BY={};{}{}", by.within.count(),
                        by.otherwise == DeliverBy::Else::give_up ? 'R' : 'N', by.trace ? "T" : "");
  }
  if (options.hold_for.count() > 0) line += fmt::format(" HOLDFOR={}", options.hold_for.count());
  if (options.hold_until) (line += " HOLDUNTIL=") += format_date_time(*options.hold_until);
  if (options.priority) line += fmt::format(" MT-PRIORITY={}", *options.priority);
  if (options.require_tls) line += " REQUIRETLS";
  if (options.submitter) (line += " AUTH=") += encode_xtext(*options.submitter);
}

void append_parameters(const RecipientOptions& options, bool utf8, std::string& line) {
  if (options.notify) (line += " NOTIFY=") += name_of(*options.notify);
  if (options.original_type.empty()) return;
  line += " ORCPT=";
  append_original(options, utf8, line);
}

}  // namespace postroad::smtp
