// See tls_policy.hpp.
#include "relay/tls/tls_policy.hpp"

#include <algorithm>

namespace postroad::relay::tls {

namespace {

using Kind = HostPolicy::Kind;

HostPolicy refused(std::string by, std::string why) {
  HostPolicy made;
  made.kind = Kind::verify;
  made.by = std::move(by);
  made.refusal = std::move(why);
  return made;
}

// RFC 7672 section 3.2.2: a DANE-TA certificate has the base domain, the domain of the recipients,
// or one of these before an alias.
net::TlsPeer peer_of(const PolicyTarget& target, const Dane& dane) {
  net::TlsPeer peer{dane.base};
  for (const auto& name : {target.host, target.domain, target.alias_of}) {
    const bool is_known = name.empty() || name == dane.base ||
                          std::find(peer.names.begin(), peer.names.end(), name) != peer.names.end();
    if (!is_known) peer.names.push_back(name);
  }
  peer.associations = dane.associations;
  return peer;
}

std::string not_listed(const PolicyTarget& target) {
  return "the policy of " + target.domain + " does not list this host";
}

HostPolicy of_level(Level level) {
  HostPolicy made;
  made.kind = level == Level::verify     ? Kind::verify
              : level == Level::required ? Kind::required
                                         : Kind::opportunistic;
  return made;
}

// RFC 8689 section 4.2.1: an MX record without a valid signature is not enough. A report is sent
// although (section 4.3).
bool is_named_safely(const PolicyTarget& target, MessageWish wish, const StsState& sts) {
  return target.is_proven || wish.is_report ||
         (sts.kept && sts.kept->policy.mode != StsPolicy::Mode::none &&
          sts.kept->policy.lists(target.host));
}

// Without the evidence.
HostPolicy first_policy(const PolicyTarget& target, MessageWish wish, const Dane& dane,
                        const StsState& sts, Level level) {
  if (wish.is_relaxed && !wish.requires_tls) {
    auto made = of_level(level);
    if (made.kind == Kind::opportunistic) made.by = "TLS-Required: No";
    return made;
  }
  if (dane.kind == Dane::Kind::failed) {
    auto made = refused("DANE", dane.text);
    made.is_refusal_temporary = true;
    return made;
  }
  if (dane.kind == Dane::Kind::usable)
    return {Kind::dane, wish.requires_tls ? "REQUIRETLS" : "DANE", peer_of(target, dane)};
  if (sts.is_unreadable) {
    auto made = refused("MTA-STS", sts.failure);
    made.is_refusal_temporary = true;
    return made;
  }
  if (wish.requires_tls && !is_named_safely(target, wish, sts)) {
    auto made = refused("REQUIRETLS",
                        "neither DNSSEC nor an MTA-STS policy proves that it is a mail "
                        "exchanger of " +
                            target.domain);
    made.is_refusal_temporary = sts.is_open;
    if (sts.is_open)
      made.refusal +=
          "; its MTA-STS policy is not known: " + (sts.failure.empty() ? "no answer" : sts.failure);
    return made;
  }
  const bool is_enforced = sts.kept && sts.kept->policy.mode == StsPolicy::Mode::enforce;
  if (is_enforced && !sts.kept->policy.lists(target.host))
    return refused("MTA-STS", not_listed(target));
  if (wish.requires_tls) return {Kind::verify, "REQUIRETLS"};
  if (is_enforced) return {Kind::verify, "MTA-STS"};
  auto made = of_level(level);
  if (dane.kind == Dane::Kind::only_named && made.kind == Kind::opportunistic)
    return {Kind::required, "DANE"};
  return made;
}

}  // namespace

HostPolicy policy_of(const PolicyTarget& target, MessageWish wish, const Dane& dane,
                     const StsState& sts, Level level) {
  auto made = first_policy(target, wish, dane, sts, level);
  if (made.refusal.empty()) made.evidence = dane.text;
  const bool is_dane = made.by == "DANE" || made.kind == Kind::dane;
  if (is_dane && dane.kind != Dane::Kind::none) {
    made.tlsa_base = dane.base;
    made.tlsa = dane.records;
  }
  const bool is_testing = sts.kept && sts.kept->policy.mode == StsPolicy::Mode::testing;
  made.is_tested = is_testing && !wish.is_relaxed && made.refusal.empty() &&
                   (made.kind == Kind::opportunistic || made.kind == Kind::required);
  if (made.is_tested && !sts.kept->policy.lists(target.host))
    made.test_failure = not_listed(target);
  return made;
}

std::string HostPolicy::key() const {
  std::string made;
  switch (kind) {
    case Kind::opportunistic:
      return is_tested ? "opportunistic tested" : "opportunistic";
    case Kind::required:
      return is_tested ? "required tested" : "required";
    case Kind::verify:
      return "verify";
    case Kind::dane:
      made = "dane " + peer.host;
      break;
  }
  for (const auto& name : peer.names) made += ' ' + name;
  for (const auto& one : peer.associations) {
    made += '\n';
    for (const auto number : {one.usage, one.selector, one.matching})
      made += static_cast<char>('0' + number);
    made += std::to_string(one.data.size()) + ' ' + one.data;
  }
  return made;
}

std::string text_of(const HostPolicy& policy) {
  if (!policy.refusal.empty()) return "not used (" + policy.by + "): " + policy.refusal;
  const std::string text = policy.kind == Kind::opportunistic ? "opportunistic"
                           : policy.kind == Kind::required    ? "required, with any certificate"
                           : policy.kind == Kind::verify ? "must be verified by CA certificates"
                                                         : "must be verified by TLSA records";
  return text + " (" + policy.by + ')' + (policy.evidence.empty() ? "" : "; " + policy.evidence);
}

}  // namespace postroad::relay::tls
