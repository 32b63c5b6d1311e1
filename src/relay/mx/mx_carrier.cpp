// Delivery to mail exchangers; see mx_carrier.hpp.
#include "relay/mx/mx_carrier.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <thread>
#include <unordered_map>

#include "client/connection.hpp"
#include "net/run_context.hpp"
#include "outbox/attempts.hpp"
#include "queue/schedule.hpp"
#include "relay/mx/failed_lately.hpp"
#include "relay/mx/host_failures.hpp"
#include "relay/mx/part_facts.hpp"
#include "relay/mx/result_meaning.hpp"
#include "relay/mx/sessions.hpp"
#include "relay/mx/site_searches.hpp"
#include "relay/mx/tls_plan.hpp"
#include "relay/routes/route_table.hpp"

namespace postroad::relay::mx {

namespace asio = boost::asio;

namespace {

using asio::awaitable;

// Calls back at its end, with nothing when the carrier ended before.
template <class T>
struct Question {
  T answer{};
  std::function<void(T)> done;
  ~Question() {
    try {
      done(std::move(answer));
    } catch (...) {  // no memory: the asker waits no longer than its own patience
    }
  }
};

using Facts = Question<std::vector<std::string>>;

// RFC 3463: 4.3.5 system incorrectly configured. No host was met.
outbox::Ended fault_here(const Error& error, std::size_t count) {
  outbox::Ended ended{queue::same_for_all(count, Outcome::deferred, "4.3.5 " + error.text())};
  ended.attempt.is_elsewhere = true;
  return ended;
}

}  // namespace

struct MxCarrier::State {
  State(spool::Spool& spool, MxSettings of)
      : settings(std::move(of)),
        calls(spool),
        work(asio::make_work_guard(context)),
        sites(settings.named_groups()),
        sources(settings.sources),
        learnt(settings.tls.data.empty() ? settings.tls.data
                                         : settings.tls.data / "learnt_counts") {}

  void start(const std::shared_ptr<outbox::Call>& call);
  awaitable<void> explain(std::string domain, tls::MessageWish wish,
                          std::shared_ptr<Facts> question);
  [[nodiscard]] std::string site_of(const queue::Part& part) const;
  [[nodiscard]] const Source* source_of(const queue::Part& part) const;
  [[nodiscard]] MxLimits limits_for(const queue::Part& part) const;
  void note_recipients(const queue::Part& part, const outbox::Ended& ended);
  [[nodiscard]] bool belongs_to_site(const queue::Part& part,
                                     const std::vector<std::string>& names);
  awaitable<outbox::Ended> deliver(outbox::Call& call);
  awaitable<outbox::Ended> try_hosts(outbox::Call& call, const Exchangers& found,
                                     const Source* source);
  [[nodiscard]] std::optional<outbox::Ended> check_source(const queue::Part& part,
                                                          const Source* source);
  [[nodiscard]] std::optional<outbox::Ended> check_families(const queue::Part& part,
                                                            const Source* source,
                                                            Exchangers& found);
  [[nodiscard]] outbox::Ended leave_source(const queue::Part& part, const Source& source,
                                           const std::string& why) const;
  awaitable<tls::HostPolicy> policy_for(const outbox::Call& call, const Exchangers& found,
                                        const Exchanger& exchanger, const tls::StsState& sts);

  MxSettings settings;
  outbox::Calls calls;
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::unique_ptr<dns::Resolver> resolver;
  std::optional<tls::TlsPolicies> policies;  // this and the next four: the carrier's thread
  std::optional<Sessions> sessions;
  FailedLately failed_hosts{std::chrono::minutes(5)};
  FailedLately changed_sites{std::chrono::minutes(1)};  // of a message and domain
  SiteNames sites;
  Sources sources;
  LearntCounts learnt;
  std::optional<SiteSearches> searches;  // always there once it is open
  std::thread thread;
};

awaitable<tls::HostPolicy> MxCarrier::State::policy_for(const outbox::Call& call,
                                                        const Exchangers& found,
                                                        const Exchanger& exchanger,
                                                        const tls::StsState& sts) {
  const auto level = settings.level_of(sites.site_of(sts.domain, found.names));
  tls::PolicyTarget target{sts.domain, found.alias_of, exchanger.host.name,
                           found.is_secure || found.is_implicit};
  co_return co_await policies->find(found, exchanger, std::move(target), wish_of(call.part), sts,
                                    level, settings.port,
                                    std::chrono::steady_clock::now() + settings.dns.name);
}

awaitable<outbox::Ended> MxCarrier::State::try_hosts(outbox::Call& call, const Exchangers& found,
                                                     const Source* source) {
  const auto domain = canonical_domain(domain_of(call.part));
  const auto most = limits_for(call.part).messages;
  const auto wish = wish_of(call.part);
  const auto sts = co_await policies->find_sts(
      domain, wish, std::chrono::steady_clock::now() + settings.dns.name);
  HostFailures failures(sts, wish.is_relaxed && !wish.requires_tls, policies->observer());
  std::optional<queue::Throttle> throttle;
  std::size_t opened = 0;
  for (auto exchanger : found.usable) {
    const auto& host = exchanger.host.name;
    const auto policy = co_await policy_for(call, found, exchanger, sts);
    if (!policy.refusal.empty()) {
      failures.add_refusal(host, policy);
      continue;
    }
    if (sessions->is_ipv6_slow(domain)) begin_with_ipv4(exchanger.addresses);
    const auto sent = co_await sessions->send(call, exchanger, policy, source, most);
    const auto& report = sent.report;
    if (sent.is_fault_here) co_return fault_here(report.error(), call.part.recipients.size());
    auto asked = throttle_of(report, host, settings.replies);
    if (asked && (!throttle || throttle->pause <= asked->pause)) throttle = std::move(asked);
    const bool is_about_message = concerns_message(report, host, settings.replies);
    const bool lacks_tls = failures.note_tls(host, policy, sent);
    if (!lacks_tls && (is_about_message || !is_failure_of_host(report))) {
      failed_hosts.remove(host);
      auto ended = outbox::ended_by(report, call.part.recipients.size());
      if (is_about_message) ended.attempt.site_failure.reset();
      ended.attempt.throttle = throttle;
      ended.attempt.latency = sent.latency;
      note_recipients(call.part, ended);
      co_return ended;
    }
    // The domain's own policy says nothing about the host for other domains.
    if (!lacks_tls) failed_hosts.add(host);
    failures.add(text_of(report, host));
    if (call.is_stopping) break;
    if (!lacks_tls && had_session(report) && ++opened == settings.sessions) break;
    (void)call.source.rewind();
  }
  co_return failures.end(call, found, opened > 0, std::move(throttle));
}

awaitable<outbox::Ended> MxCarrier::State::deliver(outbox::Call& call) {
  const auto count = call.part.recipients.size();
  auto rules = settings.rules.with_interfaces();
  const auto* source = source_of(call.part);
  if (auto unusable = check_source(call.part, source)) co_return std::move(*unusable);
  const auto first = host_to_return_to(call.part);
  rules.preferred = first.address;
  auto found = co_await find_exchangers(*resolver, domain_of(call.part), rules, seed_of(call.part),
                                        settings.dns, [this, &first](const std::string& host) {
                                          if (host == first.name) return Rank::first;
                                          return failed_hosts.has(host) ? Rank::last : Rank::usual;
                                        });
  outbox::Ended ended;
  if (!found || found->none) {
    ended.attempt = found ? queue::same_for_all(count, found->none->outcome, found->none->reason)
                          : queue::attempt_of(found.error(), count);
    ended.attempt.is_elsewhere = true;  // no host was met
    co_return ended;
  }
  const bool is_elsewhere = !belongs_to_site(call.part, found->names);
  const auto key = call.part.id.text() + ' ' + canonical_domain(domain_of(call.part));
  if (is_elsewhere && !changed_sites.has(key)) {
    changed_sites.add(key);
    ended.attempt = queue::same_for_all(count, std::nullopt, "the mail exchangers have changed");
    ended.has_no_place.assign(count, true);
    ended.attempt.is_elsewhere = true;
    co_return ended;
  }
  if (auto elsewhere = check_families(call.part, source, *found)) co_return std::move(*elsewhere);
  ended = co_await try_hosts(call, *found, source);
  ended.attempt.is_elsewhere = ended.attempt.is_elsewhere || is_elsewhere;
  co_return ended;
}

// That of the line which the message waited in.
const Source* MxCarrier::State::source_of(const queue::Part& part) const {
  const auto name = split_site(part.site).source;
  const auto* named = name.empty() ? nullptr : sources.find(name);
  if (named != nullptr || sources.all().empty()) return named;
  return sources.choose(source_seed(part.envelope), canonical_domain(domain_of(part)),
                        std::chrono::steady_clock::now());
}

// Without its addresses the messages of a source go from the next one; of the last one they wait.
std::optional<outbox::Ended> MxCarrier::State::check_source(const queue::Part& part,
                                                            const Source* source) {
  const auto why = source == nullptr ? std::string() : why_unusable(*source);
  if (why.empty()) return std::nullopt;
  sources.note_failure(source->name, {}, std::chrono::steady_clock::now());
  return leave_source(part, *source, "no address of it can be used: " + why);
}

// A source without the family of the hosts says nothing about them.
std::optional<outbox::Ended> MxCarrier::State::check_families(const queue::Part& part,
                                                              const Source* source,
                                                              Exchangers& found) {
  if (source == nullptr) return std::nullopt;
  for (auto& one : found.usable) keep_reachable(*source, one.addresses);
  for (const auto& one : found.usable)
    if (one.addresses.empty())
      found.notes.push_back(one.host.name + ": source " + source->name +
                            " has no address of its family");
  std::erase_if(found.usable, [](const Exchanger& one) { return one.addresses.empty(); });
  if (!found.usable.empty()) return std::nullopt;
  sources.note_failure(source->name, canonical_domain(domain_of(part)),
                       std::chrono::steady_clock::now());
  return leave_source(part, *source, "it has no address of the family of any host");
}

outbox::Ended MxCarrier::State::leave_source(const queue::Part& part, const Source& source,
                                             const std::string& why) const {
  const auto count = part.recipients.size();
  outbox::Ended ended{
      queue::same_for_all(count, Outcome::deferred, "4.4.4 source " + source.name + ": " + why)};
  ended.attempt.is_elsewhere = true;
  const auto* next = sources.choose(source_seed(part.envelope), canonical_domain(domain_of(part)),
                                    std::chrono::steady_clock::now());
  if (next == &source) return ended;
  for (auto& one : ended.attempt.recipients) one.outcome.reset();
  ended.has_no_place.assign(count, true);
  return ended;
}

// The answer of the DNS may differ from the one by which the message waited for its site. The
// owner of one domain must not decide about the site of others: a message goes to its new site,
// once; then it is sent, and says nothing about either.
bool MxCarrier::State::belongs_to_site(const queue::Part& part,
                                       const std::vector<std::string>& names) {
  const auto domain = canonical_domain(domain_of(part));
  if (part.site.empty() || names.empty() ||
      sites.site_of(domain, names) == split_site(part.site).site)
    return true;
  sites.learn(domain, names, {}, std::chrono::steady_clock::now());
  return false;
}

void MxCarrier::State::start(const std::shared_ptr<outbox::Call>& call) {
  const auto signal = std::make_shared<asio::cancellation_signal>();
  call->cancel = [this, signal] {
    asio::post(context, [signal] { signal->emit(asio::cancellation_type::all); });
  };
  asio::co_spawn(context, client::without_throwing(deliver(*call)),
                 asio::bind_cancellation_slot(
                     signal->slot(),
                     [this, call, signal](const std::exception_ptr& thrown, outbox::Ended ended) {
                       const auto count = call->part.recipients.size();
                       if (thrown) ended = {queue::attempt_of(client::error_of(thrown), count)};
                       calls.end(call, std::move(ended));
                     }));
}

awaitable<void> MxCarrier::State::explain(std::string domain, tls::MessageWish wish,
                                          std::shared_ptr<Facts> question) {
  const auto rules = settings.rules.with_interfaces();
  const auto found = co_await find_exchangers(*resolver, domain, rules, 0, settings.dns);
  if (!found) {
    question->answer = {found.error().text()};
    co_return;
  }
  const auto level = settings.level_of(
      sites.find(canonical_domain(domain), std::chrono::steady_clock::now()).site);
  question->answer = facts_of(*found);
  const auto plan = co_await find_tls_plan(*policies, *found, canonical_domain(domain), wish, level,
                                           settings.port, settings.dns);
  for (auto& line : lines_of(plan)) question->answer.push_back(std::move(line));
}

std::string MxCarrier::State::site_of(const queue::Part& part) const {
  const auto now = std::chrono::steady_clock::now();
  return sites.find(canonical_domain(domain_of(part)), now).site;
}

MxLimits MxCarrier::State::limits_for(const queue::Part& part) const {
  const auto site = site_of(part);
  auto limits = settings.limits_of(site);
  limits.recipients = learnt.limit("recipients " + site, limits.recipients, queue::now_ms());
  return limits;
}

// "452 4.5.3": the host accepts no more recipients in this transaction. Without that code it may be
// about one of them.
void MxCarrier::State::note_recipients(const queue::Part& part, const outbox::Ended& ended) {
  const auto& left = ended.has_no_place;
  const auto first = std::find(left.begin(), left.end(), true) - left.begin();
  const auto& results = ended.attempt.recipients;
  const bool is_limit = static_cast<std::size_t>(first) < left.size() &&
                        results[static_cast<std::size_t>(first)].note.starts_with("452 4.5.3");
  if (is_limit)
    learnt.note("recipients " + site_of(part), static_cast<std::size_t>(first), queue::now_ms());
}

Result<std::shared_ptr<MxCarrier>> MxCarrier::open(spool::Spool& spool, MxSettings settings,
                                                   const MakeResolver& make_resolver,
                                                   tls::TlsObserver* observer) {
  auto state = std::make_unique<State>(spool, std::move(settings));
  auto resolver = make_resolver(state->context.get_executor());
  if (!resolver) return resolver.error();
  state->resolver = std::move(*resolver);
  state->policies.emplace(state->context.get_executor(), *state->resolver, state->settings.tls,
                          state->settings.rules, observer);
  state->sessions.emplace(state->context, state->settings, *state->policies, state->learnt);
  state->searches.emplace(state->context, *state->resolver, state->sites,
                          std::min(state->settings.dns.name, state->settings.dns.whole));
  state->thread = std::thread([state = state.get()] { net::run_context(state->context); });
  return std::shared_ptr<MxCarrier>(new MxCarrier(std::move(state)));
}

MxCarrier::MxCarrier(std::unique_ptr<State> state) : state_(std::move(state)) {}

MxCarrier::~MxCarrier() {
  stop(std::chrono::steady_clock::now());
  state_->work.reset();
  asio::post(state_->context, [state = state_.get()] { state->context.stop(); });
  state_->thread.join();
}

std::size_t MxCarrier::limit() const { return state_->settings.limits.connections; }

queue::SiteLimits MxCarrier::site_limits(const std::string& site) const {
  return state_->settings.site_limits(site);
}

std::string MxCarrier::source_of(const spool::Envelope& envelope, const std::string& domain) const {
  const auto* source =
      state_->sources.choose(source_seed(envelope), domain, std::chrono::steady_clock::now());
  return source == nullptr ? std::string() : source->name;
}

std::vector<std::string> MxCarrier::sites_with_sources(const std::string& site) const {
  std::vector<std::string> names;
  for (const auto& one : state_->sources.all()) names.push_back(site_from(site, one.name));
  if (names.empty() || !split_site(site).source.empty()) return {site};
  return names;
}

SiteNames::Known MxCarrier::site_of(const std::string& domain) const {
  return state_->sites.find(domain, std::chrono::steady_clock::now());
}

void MxCarrier::find_site(const std::string& domain, std::function<void()> found) {
  state_->searches->begin(domain, std::move(found));
}

void MxCarrier::carry(const queue::Part& part, Done done) {
  auto chosen = of_one_transaction(part, state_->limits_for(part).recipients);
  if (chosen.size() == part.recipients.size()) return carry_whole(part, std::move(done));
  auto reduced = std::make_shared<queue::Part>(part);
  reduced->recipients = std::move(chosen);
  carry_whole(*reduced, [&part, reduced, done = std::move(done)](queue::Attempt attempt) {
    std::vector<queue::RecipientResult> all(part.recipients.size());
    for (std::size_t i = 0; i < reduced->recipients.size(); ++i) {
      const auto at =
          std::find(part.recipients.begin(), part.recipients.end(), reduced->recipients[i]);
      all[static_cast<std::size_t>(at - part.recipients.begin())] =
          std::move(attempt.recipients[i]);
    }
    attempt.recipients = std::move(all);
    done(std::move(attempt));
  });
}

void MxCarrier::carry_whole(const queue::Part& part, Done done) {
  state_->calls.begin(part, std::move(done), [this](const auto& call) { state_->start(call); });
}

void MxCarrier::explain(std::string domain, tls::MessageWish wish,
                        std::function<void(std::vector<std::string>)> done) {
  auto question = std::make_shared<Facts>();
  question->done = std::move(done);
  asio::co_spawn(state_->context, state_->explain(std::move(domain), wish, std::move(question)),
                 [](const std::exception_ptr&) {});
}

void MxCarrier::find_policies(std::vector<std::string> names,
                              std::function<void(std::vector<tls::PolicyFacts>)> done) {
  auto question = std::make_shared<Question<std::vector<tls::PolicyFacts>>>();
  question->done = std::move(done);
  asio::post(state_->context, [state = state_.get(), names = std::move(names), question] {
    question->answer = state->policies->facts(names);
  });
}

void MxCarrier::purge_policy(std::string name, std::function<void(bool)> done) {
  auto question = std::make_shared<Question<bool>>();
  question->done = std::move(done);
  asio::post(state_->context, [state = state_.get(), name = std::move(name), question] {
    question->answer = state->policies->purge(name);
  });
}

void MxCarrier::begin_stop() {
  state_->calls.begin_stop();
  asio::post(state_->context, [state = state_.get()] { state->sessions->close_idle(); });
  state_->searches->cancel();
}

void MxCarrier::stop(std::chrono::steady_clock::time_point until) {
  begin_stop();
  state_->calls.stop(until);
  state_->searches->wait();
}

}  // namespace postroad::relay::mx
