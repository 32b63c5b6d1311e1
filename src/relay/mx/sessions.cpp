// See sessions.hpp.
#include "relay/mx/sessions.hpp"

#include "base/text.hpp"
#include "queue/schedule.hpp"
#include "relay/mx/result_meaning.hpp"

namespace postroad::relay::mx {

using boost::asio::awaitable;
using Kind = tls::HostPolicy::Kind;

namespace {

constexpr std::uint64_t largest_measured = 1 << 20;  // bytes

std::string domain_of(const outbox::Call& call) {
  const auto& part = call.part;
  const auto& address = part.envelope.recipients[part.recipients.front()].address;
  return lower(address.substr(address.rfind('@') + 1));
}

awaitable<Result<SendReport>> send_over(outbox::Call& call, client::Connection& connection,
                                        const Exchanger& exchanger) {
  connection.use_addresses(exchanger.addresses);
  auto report = co_await connection.send(outbox::envelope_of(call.part, false), call.source);
  if (call.can_hide_8bit(report))
    report = co_await connection.send(outbox::envelope_of(call.part, false), call.source);
  co_return report;
}

void note_connection(const client::Connection& connection, Sessions::Sent& sent) {
  sent.has_tls = connection.tls().has_value();
  sent.is_fault_here = !sent.report && connection.has_fault_here();
  sent.certificate = connection.certificate_fault();
  sent.from = connection.local_address();
  sent.to = connection.address();
}

std::string doubt_about(const client::Connection& connection) {
  const auto tls = connection.tls();
  return tls ? tls->doubt : std::string("the session has no TLS");
}

}  // namespace

// How a session with the exchanger is held.
struct Sessions::Way {
  const Exchanger& exchanger;
  const tls::HostPolicy& policy;
  const Source* source;
  std::size_t most;
  bool with_tls = true;

  [[nodiscard]] std::string key() const {
    return exchanger.host.name + ' ' + (source == nullptr ? "" : source->name) + ' ' +
           (with_tls ? policy.key() : "plain");
  }
};

std::unique_ptr<client::Connection> Sessions::connect(const Way& way) const {
  const auto kind = way.policy.kind;
  ClientOptions options;
  options.helo_name = way.source == nullptr || way.source->helo_name.empty()
                          ? settings_.helo_name
                          : way.source->helo_name;
  options.timeouts = settings_.timeouts;
  options.drop_unsupported_options = true;
  options.tls.policy = !way.with_tls                 ? Tls::never
                       : kind == Kind::opportunistic ? Tls::opportunistic
                                                     : Tls::required;
  // Old ciphers are better than none (RFC 7435).
  options.tls.insecure_allow_legacy_tls = kind == Kind::opportunistic;
  const bool is_checked = kind == Kind::verify || way.policy.is_tested;
  options.tls.insecure_accept_any_certificate = !is_checked && kind != Kind::dane;
  if (is_checked) options.tls.ca_file = settings_.tls.ca_file;
  options.names = {"tls_out.ca_file", "", "", "", "", "", ""};
  const auto& name = way.exchanger.host.name;
  const auto host = name.find(':') == std::string::npos ? name : '[' + name + ']';
  auto made = std::make_unique<client::Connection>(
      "smtp://" + host + ':' + std::to_string(settings_.port), std::nullopt, std::move(options));
  if (way.source != nullptr) made->use_local({way.source->ipv4, way.source->ipv6});
  made->use_sessions({tls_sessions_, way.key()});
  if (way.policy.is_tested) made->note_doubts_only();
  if (kind == Kind::dane) made->use_dane(way.policy.peer);
  return made;
}

// The message is unread if the session ended before MAIL.
awaitable<Sessions::Sent> Sessions::send_by(outbox::Call& call, Way& way) {
  const auto& name = way.exchanger.host.name;
  const auto key = way.key();
  Lease lease;
  lease.opened = std::chrono::steady_clock::now();
  lease.connection = idle_.take(key, way.exchanger.addresses, lease.opened, lease.opened);
  bool is_new = lease.connection == nullptr;
  if (is_new) lease.connection = connect(way);
  const auto carried = lease.connection->messages();
  const auto opened = lease.connection->sessions_opened();
  const auto begun = std::chrono::steady_clock::now();
  auto report = co_await send_over(call, *lease.connection, way.exchanger);
  const auto took = std::chrono::steady_clock::now() - begun;
  if (!is_new && ends_connection(report)) {
    learnt_.note("messages " + name, carried, queue::now_ms());
    // A limit of messages per connection concerns the connection: the message has a new one.
    if (!call.is_stopping && call.source.rewind()) {
      is_new = true;
      lease = {connect(way), std::chrono::steady_clock::now()};
      report = co_await send_over(call, *lease.connection, way.exchanger);
    }
  }
  Sent sent{std::move(report), is_new};
  sent.is_new = is_new || lease.connection->sessions_opened() != opened;
  if (sent.is_new) note_connection(*lease.connection, sent);
  if (sent.report && !is_new && call.part.size <= largest_measured)
    sent.latency = std::chrono::duration_cast<std::chrono::milliseconds>(took);
  if (is_new && way.policy.is_tested) sent.doubt = doubt_about(*lease.connection);
  if (sent.report && is_new) slow_ipv6_.note(domain_of(call), way.exchanger, sent.report->address);
  if (ends_connection(sent.report))
    idle_.close(key);
  else if (const auto now = std::chrono::steady_clock::now(); !call.is_stopping)
    idle_.give_back(key, std::move(lease),
                    learnt_.limit("messages " + name, way.most, queue::now_ms()), now);
  co_return sent;
}

// The same address again (RFC 7435 section 1.2).
awaitable<Sessions::Sent> Sessions::send_without_tls(outbox::Call& call, Exchanger exchanger,
                                                     tls::HostPolicy policy, const Source* source,
                                                     std::size_t most) {
  Way way{exchanger, policy, source, most, false};
  co_return co_await send_by(call, way);
}

// A 454 reply to STARTTLS, or bytes that someone injected, say nothing about the next session. A
// lost connection says something when it is lost there again.
void Sessions::note_failed_tls(const std::string& host, const Error& error) {
  const bool was_lost = error.fault == Fault::closed || error.fault == Fault::timeout;
  const bool is_failure = error.fault == Fault::tls || (was_lost && lost_in_tls_.has(host));
  if (is_failure) policies_.add_failed(host, error.text());
  if (was_lost && !is_failure) lost_in_tls_.add(host);
  if (!is_failure && policies_.observer() != nullptr)
    policies_.observer()->tls_fell_back(host, error.text());
}

awaitable<Sessions::Sent> Sessions::send(outbox::Call& call, const Exchanger& exchanger,
                                         const tls::HostPolicy& policy, const Source* source,
                                         std::size_t most) {
  const auto& host = exchanger.host.name;
  if (policy.allows_plaintext() && policies_.failed(host)) {
    auto plain = co_await send_without_tls(call, exchanger, policy, source, most);
    if (!wants_tls(plain.report) || call.is_stopping || !call.source.rewind()) {
      plain.failed_tls = fail(Fault::tls, host, policies_.failed(host)->reason);
      plain.failed_tls->stage = Stage::starttls;
      co_return plain;
    }
    policies_.remove_failed(host);
  }
  Way way{exchanger, policy, source, most};
  auto sent = co_await send_by(call, way);
  const bool has_failed = is_failed_handshake(sent.report) && !sent.is_fault_here;
  if (!policy.allows_plaintext() || !has_failed || call.is_stopping) co_return sent;
  const auto error = sent.report.error();
  auto same = exchanger;
  if (sent.to) same.addresses = {*sent.to};
  auto plain = co_await send_without_tls(call, std::move(same), policy, source, most);
  // The failed handshake is the reason, not the message.
  if (wants_tls(plain.report)) co_return sent;
  if (plain.report) note_failed_tls(host, error);
  plain.is_new = true;
  plain.failed_tls = error;
  plain.certificate = sent.certificate;
  co_return plain;
}

}  // namespace postroad::relay::mx
