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

#include "base/text.hpp"
#include "client/connection.hpp"
#include "outbox/attempts.hpp"
#include "queue/retry_hint.hpp"
#include "queue/server_text.hpp"
#include "relay/mx/failed_lately.hpp"
#include "relay/mx/learnt_counts.hpp"
#include "relay/mx/result_meaning.hpp"
#include "relay/mx/site_searches.hpp"
#include "relay/routes/route_table.hpp"

namespace postroad::relay::mx {

namespace asio = boost::asio;

namespace {

using asio::awaitable;

std::string domain_of(const queue::Part& part, std::uint32_t recipient) {
  const auto& address = part.envelope.recipients[recipient].address;
  return address.substr(address.rfind('@') + 1);
}

std::string domain_of(const queue::Part& part) { return domain_of(part, part.recipients.front()); }

// The recipients of one transaction, in the domain of the first one; the others are not tried.
std::vector<std::uint32_t> of_one_transaction(const queue::Part& part, std::size_t most) {
  const auto domain = domain_of(part);
  std::vector<std::uint32_t> found;
  for (const auto at : part.recipients)
    if (found.size() < most && iequals(domain_of(part, at), domain)) found.push_back(at);
  return found;
}

// Each message and attempt has a seed of its own: together they use all hosts of one preference.
std::uint64_t seed_of(const queue::Part& part) {
  const auto& first = part.envelope.recipients[part.recipients.front()];
  return part.id.value * 31 + first.attempts;
}

// IPv4 first; the families still alternate.
void begin_with_ipv4(std::vector<Address>& addresses) {
  for (std::size_t i = 0; i + 1 < addresses.size(); i += 2)
    if (addresses[i].is_v6() && addresses[i + 1].is_v4()) std::swap(addresses[i], addresses[i + 1]);
}

// "mx.example [192.0.2.1]:25"
std::optional<Address> address_in(std::string_view host) {
  const auto begin = host.find('[');
  const auto end = host.find(']');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin)
    return std::nullopt;
  auto text = host.substr(begin + 1, end - begin - 1);
  if (text.starts_with("IPv6:")) text.remove_prefix(5);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(std::string(text), error);
  return error ? std::nullopt : std::optional(address);
}

// The host that greylisted the first recipient at its first attempt: it knows the client now.
std::string host_to_return_to(const queue::Part& part) {
  const auto& one = part.envelope.recipients[part.recipients.front()];
  if (one.attempts != 1 || !one.note.starts_with('4')) return {};
  const auto text = lower(one.note);
  const bool is_greylisted = queue::retry_hint(text) ||
                             text.find("greylist") != std::string::npos ||
                             text.find("graylist") != std::string::npos;
  return is_greylisted ? std::string(queue::parse_server(one.host).name) : std::string();
}

}  // namespace

struct MxCarrier::State {
  State(spool::Spool& spool, MxSettings of)
      : settings(std::move(of)),
        calls(spool),
        work(asio::make_work_guard(context)),
        idle(context, settings.reuse),
        sites(settings.named_groups()) {}

  // Calls back at its end, which is also that of a search that was not finished.
  struct Answer {
    std::vector<std::string> facts;
    std::function<void(std::vector<std::string>)> done;
    ~Answer() {
      try {
        done(std::move(facts));
      } catch (...) {  // no memory: the asker waits no longer than its own patience
      }
    }
  };

  void start(const std::shared_ptr<outbox::Call>& call);
  awaitable<void> explain(std::string domain, std::shared_ptr<Answer> answer);
  [[nodiscard]] MxLimits limits_for(const queue::Part& part) const;
  [[nodiscard]] bool belongs_to_site(const queue::Part& part,
                                     const std::vector<std::string>& names);
  void run();
  [[nodiscard]] std::unique_ptr<client::Connection> make_connection(const std::string& name,
                                                                    bool with_tls,
                                                                    bool must_verify) const;
  awaitable<outbox::Ended> deliver(outbox::Call& call);
  awaitable<outbox::Ended> try_hosts(outbox::Call& call, const Exchangers& found);
  awaitable<Result<SendReport>> send_over(outbox::Call& call, client::Connection& connection,
                                          const Exchanger& exchanger);
  awaitable<Result<SendReport>> send_to(outbox::Call& call, const Exchanger& exchanger,
                                        bool with_tls);
  awaitable<Result<SendReport>> send_to(outbox::Call& call, const Exchanger& exchanger);

  MxSettings settings;
  outbox::Calls calls;
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::unique_ptr<dns::Resolver> resolver;
  FailedLately failed_hosts{std::chrono::minutes(5)};  // this and the next: the carrier's thread
  SlowIpv6 slow_ipv6;
  FailedLately changed_sites{std::chrono::minutes(1)};  // of a message and domain
  IdleConnections idle;  // this and the next: the carrier's thread only
  LearntCounts learnt;
  SiteNames sites;
  std::optional<SiteSearches> searches;  // always there once it is open
  std::thread thread;
};

std::unique_ptr<client::Connection> MxCarrier::State::make_connection(const std::string& name,
                                                                      bool with_tls,
                                                                      bool must_verify) const {
  ClientOptions options;
  options.helo_name = settings.helo_name;
  options.timeouts = settings.timeouts;
  options.drop_unsupported_options = true;
  options.tls.policy = must_verify ? Tls::required : with_tls ? Tls::opportunistic : Tls::never;
  options.tls.insecure_accept_any_certificate = !must_verify;
  const auto host = name.find(':') == std::string::npos ? name : '[' + name + ']';
  return std::make_unique<client::Connection>(
      "smtp://" + host + ':' + std::to_string(settings.port), std::nullopt, std::move(options));
}

awaitable<Result<SendReport>> MxCarrier::State::send_over(outbox::Call& call,
                                                          client::Connection& connection,
                                                          const Exchanger& exchanger) {
  connection.use_addresses(exchanger.addresses);
  auto report = co_await connection.send(outbox::envelope_of(call.part, false), call.source);
  if (call.can_hide_8bit(report))
    report = co_await connection.send(outbox::envelope_of(call.part, false), call.source);
  co_return report;
}

// The message is unread if the session ended before MAIL. A connection that its host closed while
// it was idle costs no attempt: the client connects again.
awaitable<Result<SendReport>> MxCarrier::State::send_to(outbox::Call& call,
                                                        const Exchanger& exchanger, bool with_tls) {
  // REQUIRETLS (RFC 8689 section 4.2.1) demands a verified host.
  const bool must_verify = call.part.handling.asked.require_tls;
  const auto& name = exchanger.host.name;
  const auto key = name + (must_verify ? " verified" : with_tls ? " tls" : " plain");
  Lease lease;
  lease.opened = std::chrono::steady_clock::now();
  lease.connection = idle.take(key, exchanger.addresses, lease.opened, lease.opened);
  const bool is_reused = lease.connection != nullptr;
  if (!is_reused) lease.connection = make_connection(name, with_tls, must_verify);
  const auto carried = lease.connection->messages();
  auto report = co_await send_over(call, *lease.connection, exchanger);
  if (is_reused && ends_connection(report))
    learnt.note(name, carried, std::chrono::steady_clock::now());
  // A limit of messages per connection concerns the connection: the message has a new one.
  if (is_reused && !call.is_stopping && ends_connection(report) && call.source.rewind()) {
    lease = {make_connection(name, with_tls, must_verify), std::chrono::steady_clock::now()};
    report = co_await send_over(call, *lease.connection, exchanger);
  }
  if (report && !is_reused) slow_ipv6.note(lower(domain_of(call.part)), exchanger, report->address);
  if (ends_connection(report))
    idle.close(key);
  else if (const auto now = std::chrono::steady_clock::now(); !call.is_stopping)
    idle.give_back(key, std::move(lease), learnt.limit(name, limits_for(call.part).messages, now),
                   now);
  co_return report;
}

awaitable<Result<SendReport>> MxCarrier::State::send_to(outbox::Call& call,
                                                        const Exchanger& exchanger) {
  auto report = co_await send_to(call, exchanger, true);
  if (!is_failed_handshake(report) || call.part.handling.asked.require_tls || call.is_stopping)
    co_return report;
  co_return co_await send_to(call, exchanger, false);
}

awaitable<outbox::Ended> MxCarrier::State::try_hosts(outbox::Call& call, const Exchangers& found) {
  const auto count = call.part.recipients.size();
  const auto domain = lower(domain_of(call.part));
  const bool is_ipv4_first = slow_ipv6.has(domain);
  std::string failures;
  std::optional<queue::Throttle> throttle;
  std::size_t sessions = 0;
  for (auto exchanger : found.usable) {
    const auto& host = exchanger.host.name;
    if (is_ipv4_first) begin_with_ipv4(exchanger.addresses);
    const auto report = co_await send_to(call, exchanger);
    auto asked = throttle_of(report, host, settings.replies);
    if (asked && (!throttle || throttle->pause <= asked->pause)) throttle = std::move(asked);
    const bool is_about_message = concerns_message(report, host, settings.replies);
    if (is_about_message || !is_failure_of_host(report)) {
      failed_hosts.remove(host);
      auto ended = outbox::ended_by(report, count);
      if (is_about_message) ended.attempt.site_failure.reset();
      ended.attempt.throttle = throttle;
      co_return ended;
    }
    failed_hosts.add(host);
    failures += (failures.empty() ? "" : "; ") + text_of(report, host);
    if (call.is_stopping) co_return outbox::Ended{queue::same_for_all(count, {}, failures)};
    if (had_session(report) && ++sessions == settings.sessions) break;
    (void)call.source.rewind();
  }
  // RFC 3463: 4.4.1 no answer from host, 4.3.2 host not accepting messages, 4.4.4 no route.
  const std::string code = found.has_own ? "4.4.4 " : sessions > 0 ? "4.3.2 " : "4.4.1 ";
  outbox::Ended ended{queue::same_for_all(count, Outcome::deferred, code + failures)};
  ended.attempt.site_failure = code + failures;
  ended.attempt.throttle = throttle;
  co_return ended;
}

awaitable<outbox::Ended> MxCarrier::State::deliver(outbox::Call& call) {
  const auto count = call.part.recipients.size();
  auto rules = settings.rules.with_interfaces();
  const auto first = host_to_return_to(call.part);
  if (!first.empty())
    rules.preferred = address_in(call.part.envelope.recipients[call.part.recipients.front()].host);
  const auto found =
      co_await find_exchangers(*resolver, domain_of(call.part), rules, seed_of(call.part),
                               settings.dns, [this, &first](const std::string& host) {
                                 if (host == first) return Rank::first;
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
  const auto key = call.part.id.text() + ' ' + lower(domain_of(call.part));
  if (is_elsewhere && !changed_sites.has(key)) {
    changed_sites.add(key);
    ended.attempt = queue::same_for_all(count, std::nullopt, "the mail exchangers have changed");
    ended.has_no_place.assign(count, true);
    ended.attempt.is_elsewhere = true;
    co_return ended;
  }
  ended = co_await try_hosts(call, *found);
  ended.attempt.is_elsewhere = is_elsewhere;
  co_return ended;
}

// The answer of the DNS may differ from the one by which the message waited for its site. The
// owner of one domain must not decide about the site of others: a message goes to its new site,
// once; then it is sent, and says nothing about either.
bool MxCarrier::State::belongs_to_site(const queue::Part& part,
                                       const std::vector<std::string>& names) {
  const auto domain = canonical_domain(domain_of(part));
  if (part.site.empty() || names.empty() || sites.site_of(domain, names) == part.site) return true;
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

awaitable<void> MxCarrier::State::explain(std::string domain, std::shared_ptr<Answer> answer) {
  const auto rules = settings.rules.with_interfaces();
  const auto found = co_await find_exchangers(*resolver, domain, rules, 0, settings.dns);
  answer->facts = found ? facts_of(*found) : std::vector<std::string>{found.error().text()};
}

MxLimits MxCarrier::State::limits_for(const queue::Part& part) const {
  const auto now = std::chrono::steady_clock::now();
  return settings.limits_of(sites.find(canonical_domain(domain_of(part)), now).site);
}

// An exception of a handler, such as a lack of memory, does not end the thread.
void MxCarrier::State::run() {
  for (;;) {
    try {
      context.run();
      return;
    } catch (...) {
      continue;
    }
  }
}

Result<std::shared_ptr<MxCarrier>> MxCarrier::open(spool::Spool& spool, MxSettings settings,
                                                   const MakeResolver& make_resolver) {
  auto state = std::make_unique<State>(spool, std::move(settings));
  auto resolver = make_resolver(state->context.get_executor());
  if (!resolver) return resolver.error();
  state->resolver = std::move(*resolver);
  state->searches.emplace(state->context, *state->resolver, state->sites,
                          std::min(state->settings.dns.name, state->settings.dns.whole));
  state->thread = std::thread([state = state.get()] { state->run(); });
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

void MxCarrier::explain(std::string domain, std::function<void(std::vector<std::string>)> done) {
  auto answer = std::make_shared<State::Answer>();
  answer->done = std::move(done);
  asio::co_spawn(state_->context, state_->explain(std::move(domain), std::move(answer)),
                 [](const std::exception_ptr&) {});
}

void MxCarrier::begin_stop() {
  state_->calls.begin_stop();
  asio::post(state_->context, [state = state_.get()] { state->idle.clear(); });
  state_->searches->cancel();
}

void MxCarrier::stop(std::chrono::steady_clock::time_point until) {
  begin_stop();
  state_->calls.stop(until);
  state_->searches->wait();
}

}  // namespace postroad::relay::mx
