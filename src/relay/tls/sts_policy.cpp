// See sts_policy.hpp.
#include "relay/tls/sts_policy.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace postroad::relay::tls {

namespace {

constexpr std::size_t longest_id = 32;
constexpr std::uint64_t longest_age = 31557600;  // a year, in seconds
constexpr std::size_t most_hosts = 1000;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

// sts-text-record = "v=STSv1" 1*(field-delim field) [field-delim]      field-delim = *WSP ";" *WSP
std::optional<std::string> id_of(std::string_view record) {
  for (const auto field : split(record, ';')) {
    const auto text = trimmed(field);
    if (!text.starts_with("id=")) continue;
    const auto id = text.substr(3);
    const bool is_sound = !id.empty() && id.size() <= longest_id &&
                          std::all_of(id.begin(), id.end(), [](char c) { return is_alnum(c); });
    return is_sound ? std::optional<std::string>(id) : std::nullopt;
  }
  return std::nullopt;
}

bool is_pattern(std::string_view text) {
  if (text.starts_with("*.")) text.remove_prefix(2);
  return !text.empty() && text.front() != '.' && text.back() != '.' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

Error wrong(std::string_view line, std::string why) {
  return fail(Fault::data, '\'' + printable(line, 80) + '\'', std::move(why));
}

}  // namespace

bool StsPolicy::lists(std::string_view host) const {
  return std::any_of(mx.begin(), mx.end(), [host](const std::string& pattern) {
    if (!pattern.starts_with("*.")) return pattern == host;
    const auto dot = host.find('.');
    return dot != std::string_view::npos && dot > 0 && host.substr(dot) == pattern.substr(1);
  });
}

std::string_view to_string(StsPolicy::Mode mode) noexcept {
  switch (mode) {
    case StsPolicy::Mode::none:
      return "none";
    case StsPolicy::Mode::testing:
      return "testing";
    case StsPolicy::Mode::enforce:
      return "enforce";
  }
  return "?";
}

std::optional<std::string> sts_id(const std::vector<std::string>& records) {
  std::optional<std::string> found;
  for (const auto& record : records) {
    if (trimmed(split(record, ';').front()) != "v=STSv1") continue;
    if (found) return std::nullopt;
    found = id_of(record);
    if (!found) return std::nullopt;
  }
  return found;
}

Result<StsPolicy> parse_sts_policy(std::string_view text) {
  StsPolicy made;
  bool has_version = false;
  bool has_mode = false;
  bool has_age = false;
  for (const auto raw : split(text, '\n')) {
    const auto line = trimmed(raw);
    if (line.empty()) continue;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return wrong(line, "has no name and colon");
    const auto name = trimmed(line.substr(0, colon));
    const auto value = trimmed(line.substr(colon + 1));
    // The first of two fields with one name counts, except mx.
    if (name == "version" && !has_version) {
      if (value != "STSv1") return wrong(line, "the version is not STSv1");
      has_version = true;
    } else if (name == "mode" && !has_mode) {
      using Mode = StsPolicy::Mode;
      if (value != "enforce" && value != "testing" && value != "none")
        return wrong(line, "the mode is not enforce, testing or none");
      made.mode = value == "enforce"   ? Mode::enforce
                  : value == "testing" ? Mode::testing
                                       : Mode::none;
      has_mode = true;
    } else if (name == "max_age" && !has_age) {
      const auto age = parse_number(value);
      if (!age) return wrong(line, "max_age is not a number of seconds");
      made.max_age = std::chrono::seconds(std::min<std::uint64_t>(*age, longest_age));
      has_age = true;
    } else if (name == "mx") {
      if (!is_pattern(value)) return wrong(line, "is not a host name, or *. and a domain");
      if (made.mx.size() < most_hosts) made.mx.push_back(lower(value));
    }
  }
  if (!has_version) return fail(Fault::data, "version", "is missing");
  if (!has_mode) return fail(Fault::data, "mode", "is missing");
  if (!has_age) return fail(Fault::data, "max_age", "is missing");
  if (made.mx.empty() && made.mode != StsPolicy::Mode::none)
    return fail(Fault::data, "mx", "is missing");
  return made;
}

}  // namespace postroad::relay::tls
