// See dane.hpp.
#include "relay/tls/dane.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace postroad::relay::tls {

namespace asio = boost::asio;

namespace {

constexpr std::size_t most_shown = 5;      // records
constexpr std::size_t longest_shown = 8;   // bytes of one
constexpr std::size_t most_examined = 50;  // records: bounded work for a foreign zone

std::string owner_of(const std::string& base, std::uint16_t port) {
  return '_' + std::to_string(port) + "._tcp." + base;
}

std::string text_of(const dns::TlsaRecord& record, std::size_t most = std::string::npos) {
  std::string digits;
  for (const char c : record.data.substr(0, most))
    digits += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return fmt::format("{} {} {} {}{}", record.usage, record.selector, record.matching, digits,
                     record.data.size() > most ? "…" : "");
}

std::string text_of(const std::string& owner, const dns::Answer<dns::TlsaRecord>& answer) {
  std::string text = "TLSA of " + owner + ':';
  for (std::size_t i = 0; i < answer.records.size() && i < most_shown; ++i)
    text += (i == 0 ? " " : ", ") + text_of(answer.records[i], longest_shown);
  if (answer.records.size() > most_shown) text += " …";
  if (answer.records.empty()) text += ' ' + std::string(to_string(answer.status));
  if (!answer.reason.empty()) text += ", " + answer.reason;
  return text + " (" + std::string(to_string(answer.security())) + ')';
}

}  // namespace

Dane dane_of(const std::string& base, std::uint16_t port,
             const dns::Answer<dns::TlsaRecord>& answer) {
  Dane made;
  made.base = base;
  made.text = text_of(owner_of(base, port), answer);
  switch (answer.status) {
    case dns::Status::temporary_failure:
    case dns::Status::bogus:
      made.kind = Dane::Kind::failed;
      return made;
    case dns::Status::no_data:
    case dns::Status::no_domain:
      return made;
    case dns::Status::records:
      break;
  }
  if (!answer.is_validated) return made;
  for (std::size_t i = 0; i < answer.records.size() && i < most_examined; ++i) {
    const auto& record = answer.records[i];
    if (i < most_shown) made.records.push_back(text_of(record));
    net::CertificateAssociation one{record.usage, record.selector, record.matching, record.data};
    if (net::is_usable(one)) made.associations.push_back(std::move(one));
  }
  made.kind = made.associations.empty() ? Dane::Kind::only_named : Dane::Kind::usable;
  return made;
}

asio::awaitable<Dane> find_dane(dns::Resolver& resolver, ProvenHost host, std::uint16_t port,
                                dns::Time deadline) {
  std::vector<std::string> bases;
  if (host.is_secure) {
    if (!host.alias_of.empty()) bases.push_back(host.alias_of);
    bases.push_back(host.name);
  } else if (!host.alias_of.empty()) {
    // The alias can be secure though what it points to is not.
    const auto alias = co_await resolver.cname(host.name, deadline);
    if (alias && alias->is_validated && !alias->records.empty()) bases.push_back(host.name);
    const bool has_failed = !alias || alias->status == dns::Status::temporary_failure ||
                            alias->status == dns::Status::bogus;
    if (has_failed)
      co_return Dane{
          Dane::Kind::failed, host.name, {}, {}, "CNAME of " + host.name + ": no answer"};
  }
  Dane last;
  for (const auto& base : bases) {
    const auto answer = co_await resolver.tlsa(owner_of(base, port), deadline);
    if (!answer)
      co_return Dane{
          Dane::Kind::failed, base, {}, {}, "TLSA of " + base + ": " + answer.error().text()};
    auto found = dane_of(base, port, *answer);
    if (!last.text.empty()) found.text = last.text + "; " + found.text;
    if (found.kind != Dane::Kind::none) co_return found;
    last = std::move(found);
  }
  co_return last;
}

}  // namespace postroad::relay::tls
