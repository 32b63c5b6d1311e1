// See tls_plan.hpp.
#include "relay/mx/tls_plan.hpp"

#include "observe/sinks.hpp"

namespace postroad::relay::mx {

boost::asio::awaitable<TlsPlan> find_tls_plan(tls::TlsPolicies& policies, const Exchangers& found,
                                              std::string domain, tls::MessageWish wish,
                                              tls::Level level, std::uint16_t port,
                                              FindTimes times) {
  TlsPlan plan;
  if (found.usable.empty()) co_return plan;
  const auto sts =
      co_await policies.find_sts(domain, wish, std::chrono::steady_clock::now() + times.name);
  plan.sts = policies.settings().mta_sts ? text_of(sts) : "off";
  bool is_any_used = false;
  for (const auto& exchanger : found.usable) {
    const auto& host = exchanger.host.name;
    tls::PolicyTarget target{domain, found.alias_of, host, found.is_secure || found.is_implicit};
    const auto policy =
        co_await policies.find(found, exchanger, std::move(target), wish, sts, level, port,
                               std::chrono::steady_clock::now() + times.name);
    if (policy.refusal.empty())
      is_any_used = true;
    else
      plan.refusal += (plan.refusal.empty() ? "4.7.5 " : "; ") + host + ": " + policy.by + ": " +
                      policy.refusal;
    auto text = tls::text_of(policy);
    if (const auto failed = policies.failed(host); failed && policy.allows_plaintext())
      text.append("; without TLS until ")
          .append(observe::format_time(failed->until))
          .append(": ")
          .append(failed->reason);
    plan.hosts.emplace_back(host, std::move(text));
  }
  if (is_any_used) plan.refusal.clear();
  co_return plan;
}

std::vector<std::string> lines_of(const TlsPlan& plan) {
  std::vector<std::string> lines;
  if (!plan.dnssec.empty()) lines.push_back("dnssec: off: " + plan.dnssec);
  if (!plan.sts.empty()) lines.push_back("mta-sts: " + plan.sts);
  for (const auto& [host, policy] : plan.hosts)
    lines.emplace_back("tls: ").append(host).append(": ").append(policy);
  return lines;
}

std::string text_of(const tls::StsState& sts) {
  std::string text = "none";
  if (sts.kept) {
    const auto& kept = *sts.kept;
    text = std::string(to_string(kept.policy.mode)) + ", id " + kept.id + ", fetched " +
           observe::format_time(kept.fetched) + ", until " + observe::format_time(kept.until()) +
           ", mx";
    for (const auto& pattern : kept.policy.mx) text += ' ' + pattern;
  }
  if (!sts.failure.empty()) text += "; the last fetch failed: " + sts.failure;
  return text;
}

}  // namespace postroad::relay::mx
