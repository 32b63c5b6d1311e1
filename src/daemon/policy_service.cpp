// See policy_service.hpp.
#include "daemon/policy_service.hpp"

#include <fmt/format.h>

#include <vector>

#include "base/percent.hpp"
#include "base/text.hpp"
#include "net/callback.hpp"
#include "observe/sinks.hpp"
#include "relay/events.hpp"
#include "relay/mx/tls_plan.hpp"

namespace postroad::daemon {

namespace {

using observe::json_list;
using observe::json_string;
using relay::tls::PolicyFacts;

std::string json_of(const relay::tls::KeptPolicy& kept) {
  return fmt::format(R"({{"mode":"{}","id":{},"fetched":"{}","until":"{}","mx":{}}})",
                     to_string(kept.policy.mode), json_string(kept.id),
                     observe::format_time(kept.fetched), observe::format_time(kept.until()),
                     json_list(kept.policy.mx));
}

}  // namespace

std::string policy_text(const PolicyFacts& facts) {
  auto text = printable(facts.sts.domain, 300) + '\n';
  if (facts.sts.kept || !facts.sts.failure.empty())
    text += "  mta-sts: " + printable(relay::mx::text_of(facts.sts), 2000) + '\n';
  if (facts.failed_tls)
    text += "  without TLS until " + observe::format_time(facts.failed_tls->until) + ": " +
            printable(facts.failed_tls->reason, 500) + '\n';
  return text;
}

std::string policy_json(const PolicyFacts& facts) {
  const auto& failed = facts.failed_tls;
  return fmt::format(
             R"({{"name":{},"mta_sts":{},"failure":{},"without_tls":{}}})",
             json_string(facts.sts.domain), facts.sts.kept ? json_of(*facts.sts.kept) : "null",
             facts.sts.failure.empty() ? "null" : json_string(facts.sts.failure),
             failed ? fmt::format(R"({{"until":"{}","reason":{}}})",
                                  observe::format_time(failed->until), json_string(failed->reason))
                    : "null") +
         '\n';
}

boost::asio::awaitable<std::string> PolicyService::answer(std::string request, ControlPeer peer) {
  const auto words = split(request, ' ');
  const bool is_show = words.front() == "show" && words.size() > 1;
  if (!is_show && words.front() != "purge") co_return "refused unknown request\n";
  std::vector<std::string> names;
  for (std::size_t i = is_show ? 2 : 1; i < words.size(); ++i) {
    const auto name = percent_decode(words[i]);
    if (name && !name->empty()) names.push_back(relay::canonical_domain(*name));
  }
  std::size_t count = 0;
  if (is_show) {
    const auto found = co_await net::wait_for<std::vector<PolicyFacts>>(
        [this, &names](auto resume) { delivery_.find_policies(names, resume); });
    for (const auto& one : found) {
      if (!co_await peer.write(words[1] == "json" ? policy_json(one) : policy_text(one)))
        co_return std::string();
      ++count;
    }
    co_return ok_line(count);
  }
  if (names.empty()) co_return "refused the name of a domain or host is missing\n";
  for (const auto& name : names) {
    const bool was_known = co_await net::wait_for<bool>(
        [this, &name](auto resume) { delivery_.purge_policy(name, resume); });
    if (!was_known) continue;
    relay::policy_purged(log_, name);
    ++count;
    if (!co_await peer.write(printable(name, 300) + '\n')) co_return std::string();
  }
  co_return ok_line(count);
}

}  // namespace postroad::daemon
