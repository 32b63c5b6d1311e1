// See sts_policies.hpp.
#include "relay/tls/sts_policies.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>

#include "net/as_values.hpp"

namespace postroad::relay::tls {

namespace asio = boost::asio;
using asio::awaitable;
namespace either = asio::experimental::awaitable_operators;

namespace {

constexpr std::size_t most_known = 10'000;  // domains in memory
constexpr std::chrono::seconds least_age{1};
// An attempt holds a place at its site, which others need. Without a policy by then there is none.
constexpr std::chrono::seconds longest_wait{10};
using net::as_values;

}  // namespace

struct StsPolicies::State {
  State(asio::any_io_executor on, dns::Resolver& dns, Parts of)
      : executor(std::move(on)), resolver(dns), parts(std::move(of)) {}

  struct Failure {
    dns::Time until;
    std::string reason;
    StsFault fault;
  };

  // The policy of the domain, also one that is over.
  const std::optional<KeptPolicy>& known(const std::string& domain) {
    unreadable.clear();
    const auto found = policies.find(domain);
    if (found != policies.end()) return found->second;
    make_room();
    auto loaded = parts.store.load(domain, &unreadable);
    static const std::optional<KeptPolicy> none;
    return unreadable.empty() ? policies[domain] = std::move(loaded) : none;
  }
  // Null: none failed lately.
  [[nodiscard]] const Failure* failure(const std::string& domain) const {
    const auto found = failures.find(domain);
    const bool is_recent =
        found != failures.end() && std::chrono::steady_clock::now() < found->second.until;
    return is_recent ? &found->second : nullptr;
  }
  [[nodiscard]] bool rules(const std::optional<KeptPolicy>& kept) const {
    return kept && parts.now() < kept->until();
  }
  StsState state_of(const std::string& domain) {
    const auto& kept = known(domain);
    StsState made{domain, rules(kept) ? kept : std::nullopt};
    if (!unreadable.empty()) {
      made.failure = unreadable;
      made.is_open = made.is_unreadable = true;
      return made;
    }
    if (const auto* failed = failure(domain)) {
      made.failure = failed->reason;
      made.fault = failed->fault;
    }
    made.is_open = !made.kept && (!made.failure.empty() || bell_of(domain));
    return made;
  }
  void add_failure(const std::string& domain, std::string reason, StsFault fault) {
    if (failures.size() >= most_known) failures.clear();
    failures[domain] = {std::chrono::steady_clock::now() + parts.times.pause, std::move(reason),
                        fault};
  }

  [[nodiscard]] bool needs_fetch(const std::optional<KeptPolicy>& kept,
                                 const std::string& id) const;
  // The id of the policy to fetch now; nullopt: none is. `id` is that of the DNS: an attacker who
  // hides it does not keep a policy from being refreshed.
  [[nodiscard]] std::optional<std::string> wanted_id(const std::string& domain,
                                                     const std::optional<std::string>& id) {
    const auto& kept = known(domain);
    const auto wanted = id ? id : rules(kept) ? std::optional(kept->id) : std::nullopt;
    const bool is_wanted = wanted && failure(domain) == nullptr && needs_fetch(kept, *wanted);
    return is_wanted ? wanted : std::nullopt;
  }
  [[nodiscard]] Bell bell_of(const std::string& domain) const {
    const auto found = under_way.find(domain);
    return found == under_way.end() ? nullptr : found->second;
  }
  void end_fetch(const std::string& domain) {
    const auto bell = under_way.extract(domain);
    if (bell) bell.mapped()->expires_at((dns::Time::min)());
  }
  // Policies that are on disk come back from there.
  void make_room() {
    if (policies.size() < most_known) return;
    std::erase_if(policies, [](const auto& one) { return !one.second; });
    if (policies.size() >= most_known) policies.clear();
  }

  const asio::any_io_executor executor;
  dns::Resolver& resolver;
  const Parts parts;
  std::map<std::string, std::optional<KeptPolicy>> policies;
  std::string unreadable;  // of the last known(): why the file cannot be read
  std::map<std::string, Failure> failures;
  std::map<std::string, Bell> under_way;  // rings at the end
};

// Ends a fetch, also by an exception.
class StsPolicies::Ring final {
 public:
  Ring(State& state, const std::string& domain, const Bell& bell)
      : state_(state), domain_(domain), bell_(bell) {}
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() {
    if (is_wanted()) state_.end_fetch(domain_);
  }
  [[nodiscard]] bool is_wanted() const { return state_.bell_of(domain_) == bell_; }

 private:
  State& state_;
  const std::string& domain_;
  const Bell& bell_;
};

StsPolicies::StsPolicies(asio::any_io_executor executor, dns::Resolver& resolver, Parts parts)
    : state_(std::make_shared<State>(std::move(executor), resolver, std::move(parts))) {
  state_->parts.store.remove_over(state_->parts.now());
}

// Goes on when the message that wanted it was cancelled. Its waiters are woken whatever happens.
awaitable<void> StsPolicies::fetch(std::shared_ptr<State> state, std::string domain, std::string id,
                                   Bell bell) {
  const Ring ring(*state, domain, bell);
  const auto deadline = std::chrono::steady_clock::now() + state->parts.times.fetch;
  const auto text = co_await state->parts.fetch(domain, deadline);
  if (!ring.is_wanted()) co_return;  // purged meanwhile
  std::string trouble;
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
    const auto fault = text                               ? StsFault::policy
                       : text.error().fault == Fault::tls ? StsFault::certificate
                                                          : StsFault::connection;
    state->add_failure(domain, trouble, fault);
  }
  if (state->parts.tell) state->parts.tell(domain, trouble);
}

// A policy that is over within seconds is not fetched for each message.
bool StsPolicies::State::needs_fetch(const std::optional<KeptPolicy>& kept,
                                     const std::string& id) const {
  if (!kept || kept->id != id) return true;
  const auto age = parts.now() - kept->fetched;
  const auto least = std::min<std::chrono::milliseconds>(parts.times.pause, least_age).count();
  return age >= (kept->until() - kept->fetched) / 2 && (age < 0 || age >= least);
}

awaitable<StsState> StsPolicies::find(std::string domain, dns::Time deadline) {
  const auto state = state_;
  const auto answer = co_await state->resolver.txt("_mta-sts." + domain, deadline);
  const auto id =
      answer && answer->status == dns::Status::records ? sts_id(answer->records) : std::nullopt;
  const bool is_unanswered = !answer || answer->status == dns::Status::temporary_failure ||
                             answer->status == dns::Status::bogus;
  if (const auto wanted = state->wanted_id(domain, id)) {
    const bool waits = !state->rules(state->known(domain)) || state->known(domain)->id != *wanted;
    auto bell = state->bell_of(domain);
    if (!bell) {
      bell = std::make_shared<asio::steady_timer>(state->executor, (dns::Time::max)());
      state->under_way[domain] = bell;
      asio::co_spawn(state->executor, fetch(state, domain, *wanted, bell), asio::detached);
    }
    if (waits) {
      asio::steady_timer limit(state->executor, longest_wait);
      (void)co_await either::operator||(bell->async_wait(as_values), limit.async_wait(as_values));
    }
  }
  auto found = state->state_of(domain);
  found.is_open = found.is_open || (is_unanswered && !found.kept);
  co_return found;
}

StsState StsPolicies::known(const std::string& domain) { return state_->state_of(domain); }

std::vector<std::string> StsPolicies::domains() const { return state_->parts.store.domains(); }

bool StsPolicies::purge(const std::string& domain) {
  const bool was_kept = state_->known(domain).has_value();
  state_->end_fetch(domain);
  state_->policies.erase(domain);
  const bool had_failed = state_->failures.erase(domain) > 0;
  return state_->parts.store.remove(domain) || was_kept || had_failed;
}

}  // namespace postroad::relay::tls
