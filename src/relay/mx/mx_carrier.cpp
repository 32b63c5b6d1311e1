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
#include "outbox/attempts.hpp"

namespace postroad::relay::mx {

namespace asio = boost::asio;

namespace {

using asio::awaitable;

// Recipients of one domain: the first one's.
std::string domain_of(const queue::Part& part) {
  const auto& address = part.envelope.recipients[part.recipients.front()].address;
  return address.substr(address.rfind('@') + 1);
}

// Each message and attempt has a seed of its own: together they use all hosts of one preference.
std::uint64_t seed_of(const queue::Part& part) {
  const auto& first = part.envelope.recipients[part.recipients.front()];
  return part.id.value * 31 + first.attempts;
}

// Whether the host does not serve now, so that another one may: the session ended before a reply to
// MAIL, or the reply was 421.
bool is_failure_of_host(const Result<SendReport>& result) {
  if (result) {
    const auto is_421 = [](const RecipientOutcome& one) {
      return one.outcome == Outcome::deferred && one.reply.code == 421 && one.stage == Stage::mail;
    };
    const auto& all = result->recipients;
    return !all.empty() && std::all_of(all.begin(), all.end(), is_421);
  }
  const auto& error = result.error();
  if (error.fault == Fault::cancelled || error.may_have_been_delivered) return false;
  if (error.stage < Stage::mail) return true;
  return error.stage == Stage::mail && error.fault != Fault::refused &&
         error.fault != Fault::input && error.fault != Fault::unsupported &&
         error.fault != Fault::tls_required;
}

std::string text_of(const Result<SendReport>& result, const Exchanger& exchanger) {
  if (!result) return result.error().text();
  return exchanger.host.name + ": " + result->recipients.front().reply.one_line();
}

// Whether an SMTP session was opened, which a host that cannot be reached does not cost.
bool had_session(const Result<SendReport>& result) {
  return result || result.error().stage > Stage::connect || result.error().reply_code != 0;
}

bool is_failed_handshake(const Result<SendReport>& result) {
  return !result && result.error().stage == Stage::starttls &&
         result.error().fault != Fault::cancelled;
}

// The hosts that failed lately, so that the next message begins with another one.
class FailedHosts final {
 public:
  void add(const std::string& host) {
    if (hosts_.size() >= most) hosts_.clear();  // only the order of the hosts depends on it
    hosts_[host] = std::chrono::steady_clock::now() + memory;
  }
  void remove(const std::string& host) { hosts_.erase(host); }
  [[nodiscard]] bool has(const std::string& host) const {
    const auto found = hosts_.find(host);
    return found != hosts_.end() && std::chrono::steady_clock::now() < found->second;
  }

 private:
  static constexpr std::chrono::minutes memory{5};
  static constexpr std::size_t most = 10'000;
  std::unordered_map<std::string, std::chrono::steady_clock::time_point> hosts_;
};

}  // namespace

struct MxCarrier::State {
  State(spool::Spool& spool, MxSettings of)
      : settings(std::move(of)), calls(spool), work(asio::make_work_guard(context)) {}

  void start(const std::shared_ptr<outbox::Call>& call);
  void run();
  awaitable<outbox::Ended> deliver(outbox::Call& call);
  awaitable<outbox::Ended> try_hosts(outbox::Call& call, const Exchangers& found);
  awaitable<Result<SendReport>> send_to(outbox::Call& call, const Exchanger& exchanger,
                                        bool with_tls);
  awaitable<Result<SendReport>> send_to(outbox::Call& call, const Exchanger& exchanger);

  MxSettings settings;
  outbox::Calls calls;
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::unique_ptr<dns::Resolver> resolver;
  FailedHosts failed_hosts;  // the carrier's thread only
  std::thread thread;
};

// A try with or without TLS. The message is unread if the session ended before MAIL.
awaitable<Result<SendReport>> MxCarrier::State::send_to(outbox::Call& call,
                                                        const Exchanger& exchanger, bool with_tls) {
  ClientOptions options;
  options.helo_name = settings.helo_name;
  options.timeouts = settings.timeouts;
  options.drop_unsupported_options = true;
  // REQUIRETLS (RFC 8689 section 4.2.1) demands a verified host.
  const bool must_verify = call.part.handling.asked.require_tls;
  options.tls.policy = must_verify ? Tls::required : with_tls ? Tls::opportunistic : Tls::never;
  options.tls.insecure_accept_any_certificate = !must_verify;
  const auto& name = exchanger.host.name;
  const auto host = name.find(':') == std::string::npos ? name : '[' + name + ']';
  client::Connection connection("smtp://" + host + ':' + std::to_string(settings.port), {},
                                std::move(options));
  connection.use_addresses(exchanger.addresses);
  auto report = co_await connection.send(outbox::envelope_of(call.part, false), call.source);
  if (call.can_hide_8bit(report))
    report = co_await connection.send(outbox::envelope_of(call.part, false), call.source);
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
  std::string failures;
  std::size_t sessions = 0;
  for (const auto& exchanger : found.usable) {
    const auto& host = exchanger.host.name;
    const auto report = co_await send_to(call, exchanger);
    if (!is_failure_of_host(report)) {
      failed_hosts.remove(host);
      co_return outbox::ended_by(report, count);
    }
    failed_hosts.add(host);
    failures += (failures.empty() ? "" : "; ") + text_of(report, exchanger);
    if (call.is_stopping) co_return outbox::Ended{queue::same_for_all(count, {}, failures)};
    if (had_session(report) && ++sessions == settings.sessions) break;
    (void)call.source.rewind();
  }
  // RFC 3463: 4.4.1 no answer from host, 4.3.2 host not accepting messages, 4.4.4 no route.
  const std::string code = found.has_own ? "4.4.4 " : sessions > 0 ? "4.3.2 " : "4.4.1 ";
  outbox::Ended ended{queue::same_for_all(count, Outcome::deferred, code + failures)};
  ended.attempt.site_failure = code + failures;
  co_return ended;
}

awaitable<outbox::Ended> MxCarrier::State::deliver(outbox::Call& call) {
  const auto count = call.part.recipients.size();
  const auto rules = settings.rules.with_interfaces();
  const auto found = co_await find_exchangers(
      *resolver, domain_of(call.part), rules, seed_of(call.part), settings.dns,
      [this](const std::string& host) { return failed_hosts.has(host); });
  if (!found) co_return outbox::Ended{queue::attempt_of(found.error(), count)};
  if (!found->none) co_return co_await try_hosts(call, *found);
  outbox::Ended ended{queue::same_for_all(count, found->none->outcome, found->none->reason)};
  if (found->none->outcome == Outcome::deferred) ended.attempt.site_failure = found->none->reason;
  co_return ended;
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

std::size_t MxCarrier::limit() const { return state_->settings.connections; }

void MxCarrier::carry(const queue::Part& part, Done done) {
  state_->calls.begin(part, std::move(done), [this](const auto& call) { state_->start(call); });
}

void MxCarrier::begin_stop() { state_->calls.begin_stop(); }

void MxCarrier::stop(std::chrono::steady_clock::time_point until) { state_->calls.stop(until); }

}  // namespace postroad::relay::mx
