// See policy_record.hpp.
#include "relay/tlsrpt/policy_record.hpp"

#include <algorithm>
#include <postroad/mailbox.hpp>

#include "base/percent.hpp"
#include "base/text.hpp"

namespace postroad::relay::tlsrpt {

namespace {

constexpr std::string_view version = "v=TLSRPTv1";
constexpr std::string_view rua = "rua=";
constexpr std::string_view mailto = "mailto:";
constexpr std::string_view https = "https://";
constexpr std::size_t most_uris = 5;       // the writer of the record chooses who gets the mails
constexpr std::size_t longest_uri = 1000;  // bytes

// The version, and nothing or a field behind it.
bool has_version(std::string_view record) {
  if (!record.starts_with(version)) return false;
  const auto rest = trim(record.substr(version.size()));
  return rest.empty() || rest.front() == ';';
}

bool has_scheme(std::string_view uri, std::string_view scheme) {
  return uri.size() > scheme.size() && lower(uri.substr(0, scheme.size())) == scheme;
}

// Where the report goes: of a mailbox whatever fields the URI has.
std::string place_of(const std::string& uri) { return lower(address_of(uri).value_or(uri)); }

void add_uris(std::string_view list, std::vector<std::string>& uris) {
  for (auto uri : split(list, ',')) {
    uri = trim(uri);
    const bool is_known = has_scheme(uri, mailto) || has_scheme(uri, https);
    const bool is_ascii = printable(uri, longest_uri) == uri &&
                          std::none_of(uri.begin(), uri.end(), [](char c) { return c < 0; });
    if (!is_known || !is_ascii || uris.size() == most_uris) continue;
    const auto colon = uri.find(':');
    auto made = lower(uri.substr(0, colon)) + std::string(uri.substr(colon));
    const auto place = place_of(made);
    const bool is_there = std::any_of(uris.begin(), uris.end(),
                                      [&](const auto& one) { return place_of(one) == place; });
    if (!is_there) uris.push_back(std::move(made));
  }
}

}  // namespace

ReportUris report_uris(const std::vector<std::string>& records) {
  const std::string* found = nullptr;
  for (const auto& record : records) {
    if (!has_version(record)) continue;
    if (found != nullptr) return {{}, "is there more than once"};
    found = &record;
  }
  ReportUris made;
  if (found == nullptr) return made;
  bool has_rua = false;
  for (auto field : split(*found, ';')) {
    field = trim(field);
    if (!field.starts_with(rua)) continue;
    has_rua = true;
    add_uris(field.substr(rua.size()), made.uris);
  }
  if (made.uris.empty())
    made.fault = has_rua ? "names neither a mailto: nor an https: URI" : "has no rua";
  return made;
}

std::optional<std::string> address_of(const std::string& uri) {
  if (!uri.starts_with(mailto)) return std::nullopt;
  const auto rest = std::string_view(uri).substr(mailto.size());
  const auto text = percent_decode(rest.substr(0, rest.find('?')));
  if (!text) return std::nullopt;
  const auto address = Mailbox::parse(*text);
  const bool is_remote = address && !address->domain.empty();
  return is_remote ? std::optional(address->text()) : std::nullopt;
}

}  // namespace postroad::relay::tlsrpt
