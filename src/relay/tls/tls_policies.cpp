// See tls_policies.hpp.
#include "relay/tls/tls_policies.hpp"

#include <algorithm>
#include <set>

#include "queue/schedule.hpp"

namespace postroad::relay::tls {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

std::filesystem::path inside(const std::filesystem::path& data, const char* name) {
  return data.empty() ? data : data / name;
}

HttpsHosts hosts_of(const TlsSettings& settings, const mx::AddressRules& rules) {
  return {settings.sts_port, settings.ca_file, https_rules(rules)};
}

StsPolicies::Parts parts_of(const TlsSettings& settings, const mx::AddressRules& rules,
                            dns::Resolver& resolver, TlsObserver* observer) {
  StsPolicies::Parts parts{StsStore(inside(settings.data, "policies"), settings.only_reads),
                           settings.sts_times,
                           {},
                           queue::now_ms,
                           {}};
  parts.fetch = [&resolver, hosts = hosts_of(settings, rules)](std::string domain,
                                                               dns::Time deadline) {
    return fetch_sts_policy(resolver, std::move(domain), hosts, deadline);
  };
  if (observer != nullptr)
    parts.tell = [observer](const std::string& domain, const std::string& failure) {
      observer->policy_fetched(domain, failure);
    };
  return parts;
}

}  // namespace

TlsPolicies::TlsPolicies(const asio::any_io_executor& executor, dns::Resolver& resolver,
                         TlsSettings settings, const mx::AddressRules& rules, TlsObserver* observer)
    : settings_(std::move(settings)),
      resolver_(resolver),
      observer_(observer),
      sts_(executor, resolver, parts_of(settings_, rules, resolver, observer)),
      failed_(inside(settings_.data, "tls_failures"), settings_.only_reads) {}

awaitable<StsState> TlsPolicies::find_sts(std::string domain, MessageWish wish,
                                          dns::Time deadline) {
  const bool is_asked =
      settings_.mta_sts && (!wish.is_relaxed || wish.requires_tls) && !domain.starts_with('[');
  if (!is_asked) co_return StsState{std::move(domain), {}, {}};
  co_return co_await sts_.find(std::move(domain), deadline);
}

awaitable<HostPolicy> TlsPolicies::find(const mx::Exchangers& found, const mx::Exchanger& exchanger,
                                        PolicyTarget target, MessageWish wish, const StsState& sts,
                                        Level level, std::uint16_t port, dns::Time deadline) {
  Dane dane;
  const bool is_asked =
      settings_.dane && found.is_secure && (!wish.is_relaxed || wish.requires_tls);
  if (is_asked) {
    ProvenHost host{exchanger.host.name, exchanger.alias_of, exchanger.is_secure};
    dane = co_await find_dane(resolver_, std::move(host), port, deadline);
  }
  co_return policy_of(target, wish, dane, sts, level);
}

void TlsPolicies::add_failed(const std::string& host, const std::string& reason) {
  const auto now = queue::now_ms();
  const auto saved = failed_.add(host, {now + settings_.failed_memory.count(), reason}, now);
  if (observer_ == nullptr) return;
  observer_->tls_left_out(host, saved ? reason : reason + "; " + saved.error().text());
}

std::optional<FailedTls::Failure> TlsPolicies::failed(const std::string& host) const {
  return failed_.find(host, queue::now_ms());
}

std::vector<PolicyFacts> TlsPolicies::facts(const std::vector<std::string>& names) {
  std::set<std::string> wanted(names.begin(), names.end());
  if (names.empty()) {
    for (auto& domain : sts_.domains()) wanted.insert(std::move(domain));
    for (const auto& [host, failure] : failed_.all()) wanted.insert(host);
  }
  std::vector<PolicyFacts> found;
  for (const auto& name : wanted) {
    PolicyFacts one{sts_.known(name), failed(name)};
    if (one.sts.kept || !one.sts.failure.empty() || one.failed_tls) found.push_back(std::move(one));
  }
  return found;
}

bool TlsPolicies::purge(const std::string& name) {
  const bool had_policy = sts_.purge(name);
  return failed_.remove(name) || had_policy;
}

}  // namespace postroad::relay::tls
