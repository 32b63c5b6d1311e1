// Delivery to mail exchangers; see mx_carrier.hpp.
#include "relay/mx/mx_carrier.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <thread>

#include "client/connection.hpp"
#include "outbox/attempts.hpp"

namespace postroad::relay::mx {

namespace asio = boost::asio;

namespace {

using asio::awaitable;
using queue::Attempt;

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

// Whether the session ended before MAIL: the host does not serve now, and another one may.
bool is_of_host(const Error& error) {
  if (error.fault == Fault::cancelled) return false;
  return error.stage < Stage::mail || error.reply_code == 421;
}

bool is_failed_handshake(const Error& error) {
  return error.stage == Stage::starttls && error.fault != Fault::cancelled;
}

}  // namespace

struct MxCarrier::State {
  State(spool::Spool& spool, MxSettings of)
      : settings(std::move(of)), calls(spool), work(asio::make_work_guard(context)) {}

  void start(const std::shared_ptr<outbox::Call>& call);
  awaitable<Attempt> deliver(outbox::Call& call);
  awaitable<Attempt> try_hosts(outbox::Call& call, const Exchangers& found);
  awaitable<Result<SendReport>> send_to(outbox::Call& call, const Exchanger& exchanger,
                                        bool with_tls);
  awaitable<Result<SendReport>> send_to(outbox::Call& call, const Exchanger& exchanger);

  MxSettings settings;
  outbox::Calls calls;
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::unique_ptr<dns::Resolver> resolver;
  std::thread thread;
};

// A try with or without TLS. The message is unread if the session ended before MAIL.
awaitable<Result<SendReport>> MxCarrier::State::send_to(outbox::Call& call,
                                                        const Exchanger& exchanger, bool with_tls) {
  ClientOptions options;
  options.helo_name = settings.helo_name;
  options.timeouts = settings.timeouts;
  options.drop_unsupported_options = true;
  options.tls.policy = with_tls ? Tls::opportunistic : Tls::never;
  options.tls.insecure_accept_any_certificate = true;
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
  if (report || !is_failed_handshake(report.error())) co_return report;
  co_return co_await send_to(call, exchanger, false);
}

awaitable<Attempt> MxCarrier::State::try_hosts(outbox::Call& call, const Exchangers& found) {
  const auto count = call.part.recipients.size();
  std::string failures;
  std::size_t sessions = 0;
  for (const auto& exchanger : found.usable) {
    auto report = co_await send_to(call, exchanger);
    if (report || !is_of_host(report.error())) co_return outbox::attempt_of(report, count);
    failures += (failures.empty() ? "" : "; ") + report.error().text();
    const bool was_reached =
        report.error().stage > Stage::connect || report.error().reply_code != 0;
    if (was_reached && ++sessions == settings.sessions) break;
    (void)call.source.rewind();
  }
  const auto note = std::string(found.has_own ? "4.4.4 " : "4.4.1 ") + failures;
  auto attempt = queue::same_for_all(count, Outcome::deferred, note);
  attempt.site_failure = note;
  co_return attempt;
}

awaitable<Attempt> MxCarrier::State::deliver(outbox::Call& call) {
  const auto count = call.part.recipients.size();
  const auto found = co_await find_exchangers(*resolver, domain_of(call.part), settings.rules,
                                              seed_of(call.part), settings.dns);
  if (!found) co_return queue::attempt_of(found.error(), count);
  if (!found->none) co_return co_await try_hosts(call, *found);
  auto attempt = queue::same_for_all(count, found->none->outcome, found->none->reason);
  if (found->none->outcome == Outcome::deferred) attempt.site_failure = found->none->reason;
  co_return attempt;
}

void MxCarrier::State::start(const std::shared_ptr<outbox::Call>& call) {
  const auto signal = std::make_shared<asio::cancellation_signal>();
  call->cancel = [this, signal] {
    asio::post(context, [signal] { signal->emit(asio::cancellation_type::all); });
  };
  asio::post(context, [this, call, signal] {
    asio::co_spawn(context, client::without_throwing(deliver(*call)),
                   asio::bind_cancellation_slot(
                       signal->slot(),
                       [this, call, signal](const std::exception_ptr& thrown, Attempt attempt) {
                         const auto count = call->part.recipients.size();
                         if (thrown) attempt = queue::attempt_of(client::error_of(thrown), count);
                         calls.end(call, std::move(attempt));
                       }));
  });
}

Result<std::shared_ptr<MxCarrier>> MxCarrier::open(spool::Spool& spool, MxSettings settings,
                                                   const MakeResolver& make_resolver) {
  auto state = std::make_unique<State>(spool, std::move(settings));
  auto resolver = make_resolver(state->context.get_executor());
  if (!resolver) return resolver.error();
  state->resolver = std::move(*resolver);
  state->thread = std::thread([state = state.get()] { state->context.run(); });
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
