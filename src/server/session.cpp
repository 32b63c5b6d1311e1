// A session's beginning and end; see session.hpp.
#include "server/session.hpp"

#include <sys/socket.h>

#include <atomic>

#include "net/drive.hpp"
#include "proto/smtp/reply.hpp"
#include "server/events.hpp"

namespace postroad::server {

namespace {

constexpr std::chrono::seconds last_words{2};  // time for the client to read them

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

Session::Session(tcp::socket socket, std::shared_ptr<const ListenerSettings> listener,
                 const Services& services, net::BufferPool& buffers, Roster& roster)
    : stream_(std::move(socket)),
      listener_(std::move(listener)),
      services_(services),
      buffers_(buffers),
      roster_(roster),
      machine_(listener_->smtp),
      id_(next_id()) {
  boost::system::error_code gone;
  endpoint_ = stream_.socket().remote_endpoint(gone);
  client_ = gone ? "[unknown]" : net::text_of(endpoint_);
  client_.shrink_to_fit();
  is_proxied_ = net::is_in(listener_->proxies, client_);
  if (is_proxied_) return;
  if (net::is_in(listener_->xclient_peers, client_)) machine_.trust_peer();
  if (!gone) visit_ = services_.guard.enter(endpoint_.address(), proto::Clock::now());
}

// Each policy is notified, even if another one throws.
Session::~Session() {
  if (!was_asked_about_) return;
  for (const auto& policy : listener_->policies) {
    try {
      policy->closed(info());
    } catch (const std::exception& thrown) {
      log_failure(thrown.what());
    } catch (...) {
      log_failure("unknown exception");
    }
  }
}

SessionInfo Session::info() const {
  const auto* tls = machine_.tls();
  const bool is_lmtp = machine_.options().lmtp;
  SessionInfo info;
  info.id = id_;
  info.role = listener_->role;
  info.listener = listener_->name;
  info.host = listener_->smtp.hostname;
  info.client = client_;
  info.address = endpoint_.address();
  info.port = endpoint_.port();
  info.helo = machine_.helo();
  info.is_esmtp = machine_.is_esmtp();
  info.login = machine_.login();
  info.protocol = protocol_word({.is_esmtp = info.is_esmtp,
                                 .is_lmtp = is_lmtp,
                                 .is_utf8 = machine_.transaction().smtputf8,
                                 .has_tls = tls != nullptr,
                                 .has_login = !info.login.empty()});
  if (tls != nullptr) info.tls = {tls->version, tls->cipher, tls->peer_name};
  info.executor = stream_.executor();
  return info;
}

bool Session::is_welcome() {
  if (is_proxied_) return true;
  const auto refusal = begin_connect();
  if (refusal.code != 0) send_away(refusal);
  return refusal.code == 0;
}

void Session::send_away(const Reply& reply) {
  if (listener_->smtp.tls != smtp::TlsMode::implicit) {  // no words before TLS is up
    std::string words;
    smtp::format(reply.code,
                 listener_->smtp.extensions.enhanced_status_codes ? reply.status : EnhancedStatus{},
                 reply.text, words);
    (void)stream_.write_now(words);
  }
  stream_.close();
}

// The part before the first reply; false if the session ends there. A coroutine of its own, so that
// a waiting session does not hold its frame.
boost::asio::awaitable<bool> Session::open() {
  roster_.sessions.push_back(*this);
  if (roster_.stopping) stop();
  if (roster_.aborting) abort();
  if (is_proxied_ && !co_await read_proxy_header()) co_return false;
  session_opened(services_.log, info());
  is_opened_ = true;
  if (listener_->smtp.tls == smtp::TlsMode::implicit) {
    if (machine_.is_stopped()) co_return false;
    co_return co_await begin_tls();
  }
  if (listener_->greet_pause.count() > 0 && !machine_.is_stopped()) co_await wait_for_silence();
  co_return true;
}

boost::asio::awaitable<void> Session::run() {
  try {
    if (co_await open()) {
      co_await net::drive(stream_, machine_, *this, {.buffers = &buffers_});
      abandon_message();
      charge(proto::Clock::now());
      // A refused client may still be sending: it gets time to read the reason.
      const auto ending = machine_.ending();
      if (ending != smtp::Ending::quit && ending != smtp::Ending::closed_by_peer &&
          ending != smtp::Ending::failed)
        co_await stream_.finish(proto::Clock::now() + last_words);
    }
  } catch (const std::exception& thrown) {
    fail_session(thrown.what());
  } catch (...) {  // of a policy
    fail_session("unknown exception");
  }
  end();
}

void Session::fail_session(const std::string& reason) {
  log_failure(reason);
  machine_.failed(fail(Fault::io, client_, reason));
}

void Session::end() {
  abandon_message();
  charge(proto::Clock::now());
  visit_ = {};  // a client that sees the end of the connection or the log line may connect again
  stream_.close();
  if (!is_opened_) return;
  auto ending = machine_.ending();
  if (ending == smtp::Ending::open) ending = smtp::Ending::stopped;  // in the first handshake
  session_closed(services_.log, info(), ending, messages_);
}

void Session::abandon_message() {
  if (!sink_) return;
  message_abandoned(services_.log, info(), machine_.transaction(), message_facts(),
                    "the session ended before the message did");
  sink_.reset();
}

// Charges the bytes and errors since the last call, those of incomplete messages included.
void Session::charge(proto::Time now) {
  const auto bytes = machine_.data_bytes();
  const auto errors = machine_.errors();
  visit_.charge(Counted::bytes, bytes - std::exchange(bytes_charged_, bytes), now);
  visit_.charge(Counted::errors, errors - std::exchange(errors_charged_, errors), now);
}

// Logs and counts the refusal.
Reply Session::limited(std::string_view limit, Reply reply, std::string_view login) {
  client_limited(services_.log, info(), limit, login.empty() ? machine_.login() : login, reply);
  return reply;
}

// RFC 5321 §4.3.1: the client waits for the greeting.
boost::asio::awaitable<void> Session::wait_for_silence() {
  const auto talks = co_await stream_.readable(proto::Clock::now() + listener_->greet_pause);
  char byte = 0;
  if (talks == net::Stream::Waited::ready &&
      ::recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
    greeting_ = std::make_unique<Reply>(limited(
        "early_talker", {554, {5, 5, 1}, "protocol error: data received before the greeting"}));
}

boost::asio::awaitable<bool> Session::begin_tls() {
  const auto deadline = proto::Clock::now() + listener_->smtp.limits.handshake;
  const auto facts = co_await handshake(stream_, deadline);
  facts ? machine_.tls_up(*facts) : machine_.failed(facts.error());
  co_return facts.has_value();
}

boost::asio::awaitable<Result<proto::TlsFacts>> Session::handshake(net::Stream& stream,
                                                                   net::Time deadline) {
  if (!listener_->tls)
    co_return fail(Fault::tls, listener_->name, "this listener has no certificate");
  auto facts = co_await stream.handshake_server(*listener_->tls, deadline);
  if (facts) co_return facts;
  if (facts.error().fault == Fault::cancelled) co_return facts;  // by stop()
  tls_failed(services_.log, info(), facts.error().detail);
  if (facts.error().fault != Fault::tls) co_return facts;
  visit_.charge(Counted::errors, 1, proto::Clock::now());
  // The client may be sending already: it gets time to read the alert.
  co_await stream.finish(proto::Clock::now() + last_words);
  co_return facts;
}

// A session that waits on a timer waits for no client.
void Session::stop() {
  machine_.stop();
  if (timer_ == nullptr) return stream_.interrupt();
  if (machine_.is_stopped()) timer_->cancel();
}

void Session::abort() {
  if (timer_ != nullptr) timer_->cancel();
  stream_.close();
}

}  // namespace postroad::server
