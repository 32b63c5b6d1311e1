// See sts_policies.hpp.
#include "relay/tls/sts_policies.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>

namespace postroad::relay::tls {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

constexpr std::size_t most_known = 10'000;  // domains in memory
constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

}  // namespace

struct StsPolicies::State {
  State(asio::any_io_executor on, dns::Resolver& dns, Parts of)
      : executor(std::move(on)), resolver(dns), parts(std::move(of)) {}

  struct Failure {
    dns::Time until;
    std::string reason;
  };

  // The policy of the domain, also one that is over.
  const std::optional<KeptPolicy>& known(const std::string& domain) {
    const auto found = policies.find(domain);
    if (found != policies.end()) return found->second;
    if (policies.size() >= most_known) policies.clear();
    return policies[domain] = parts.store.load(domain);
  }
  [[nodiscard]] std::string failure(const std::string& domain) const {
    const auto found = failures.find(domain);
    const bool is_recent =
        found != failures.end() && std::chrono::steady_clock::now() < found->second.until;
    return is_recent ? found->second.reason : std::string();
  }
  [[nodiscard]] bool rules(const std::optional<KeptPolicy>& kept) const {
    return kept && parts.now() < kept->until();
  }
  StsState state_of(const std::string& domain) {
    const auto& kept = known(domain);
    return {domain, rules(kept) ? kept : std::nullopt, failure(domain)};
  }
  void add_failure(const std::string& domain, std::string reason) {
    if (failures.size() >= most_known) failures.clear();
    failures[domain] = {std::chrono::steady_clock::now() + parts.times.pause, std::move(reason)};
  }

  const asio::any_io_executor executor;
  dns::Resolver& resolver;
  const Parts parts;
  std::map<std::string, std::optional<KeptPolicy>> policies;
  std::map<std::string, Failure> failures;
  std::map<std::string, std::shared_ptr<asio::steady_timer>> under_way;  // rings at the end
};

StsPolicies::StsPolicies(asio::any_io_executor executor, dns::Resolver& resolver, Parts parts)
    : state_(std::make_shared<State>(std::move(executor), resolver, std::move(parts))) {}

// Goes on when the message that wanted it was cancelled.
awaitable<void> StsPolicies::fetch(std::shared_ptr<State> state, std::string domain,
                                   std::string id) {
  const auto deadline = std::chrono::steady_clock::now() + state->parts.times.fetch;
  std::string trouble;
  const auto text = co_await state->parts.fetch(domain, deadline);
  auto policy = text ? parse_sts_policy(*text) : Result<StsPolicy>(text.error());
  if (policy) {
    KeptPolicy kept{std::move(id), state->parts.now(), *text, std::move(*policy)};
    // A policy that cannot be kept on disk rules until the server ends.
    if (const auto saved = state->parts.store.save(domain, kept); !saved)
      trouble = saved.error().text();
    state->failures.erase(domain);
    state->policies[domain] = std::move(kept);
  } else {
    trouble = text ? "https://mta-sts." + domain + ": the policy is wrong: " : std::string();
    trouble += policy.error().text();
    state->add_failure(domain, trouble);
  }
  const auto bell = state->under_way.extract(domain);
  if (bell) bell.mapped()->expires_at((dns::Time::min)());
  if (state->parts.tell) state->parts.tell(domain, trouble);
}

awaitable<StsState> StsPolicies::find(std::string domain, dns::Time deadline) {
  const auto state = state_;
  const auto answer = co_await state->resolver.txt("_mta-sts." + domain, deadline);
  const auto id =
      answer && answer->status == dns::Status::records ? sts_id(answer->records) : std::nullopt;
  const auto& kept = state->known(domain);
  const bool rules = state->rules(kept);
  if (!id || !state->failure(domain).empty()) co_return state->state_of(domain);
  const bool is_current = rules && kept->id == *id;
  const bool is_half_over =
      is_current && state->parts.now() - kept->fetched >= (kept->until() - kept->fetched) / 2;
  if (is_current && !is_half_over) co_return state->state_of(domain);
  auto& bell = state->under_way[domain];
  if (!bell) {
    bell = std::make_shared<asio::steady_timer>(state->executor, (dns::Time::max)());
    asio::co_spawn(state->executor, fetch(state, domain, *id), asio::detached);
  }
  const auto waits = bell;
  if (!is_current) (void)co_await waits->async_wait(as_values);
  co_return state->state_of(domain);
}

StsState StsPolicies::known(const std::string& domain) { return state_->state_of(domain); }

std::vector<std::string> StsPolicies::domains() const { return state_->parts.store.domains(); }

bool StsPolicies::purge(const std::string& domain) {
  const bool was_kept = state_->known(domain).has_value();
  state_->policies.erase(domain);
  const bool had_failed = state_->failures.erase(domain) > 0;
  return state_->parts.store.remove(domain) || was_kept || had_failed;
}

}  // namespace postroad::relay::tls
