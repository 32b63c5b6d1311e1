// Stream over a non-blocking socket and OpenSSL; see stream.hpp.
#include "net/stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/as_values.hpp"
#include "net/deadlines.hpp"
#include "net/socket_bio.hpp"
#include "net/tls_errors.hpp"
#include "net/tls_peer.hpp"

namespace postroad::net {

namespace {

Error socket_error(int code) {
  if (code == ECONNRESET || code == EPIPE || code == ECONNABORTED) {
    return fail(Fault::closed, {}, "the connection was reset by the peer");
  }
  return fail(Fault::closed, {}, std::string("the connection failed: ") + std::strerror(code));
}

bool would_block(int code) { return code == EAGAIN || code == EWOULDBLOCK || code == EINTR; }

}  // namespace

struct Stream::State final : std::enable_shared_from_this<Stream::State>, Deadlines::Entry {
  explicit State(tcp::socket s) : socket(std::move(s)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() override {
    Deadlines::of(socket.get_executor()).remove(*this);
    SSL_free(ssl);
  }

  // The entry's time is at or before every deadline that is waited for; it moves only when the
  // entry is woken.
  void arm(Time deadline) {
    due = deadline;
    if (armed && at <= deadline) return;
    armed = true;
    Deadlines::of(socket.get_executor()).add(*this, deadline, socket.get_executor());
  }
  void wake() noexcept override {
    asio::post(socket.get_executor(), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->check_deadline();
    });
  }
  void check_deadline() {
    armed = false;
    if (!waiting) return;
    if (proto::Clock::now() < due) return arm(due);
    timed_out = true;
    boost::system::error_code ignored;
    socket.cancel(ignored);
  }

  tcp::socket socket;
  ssl_st* ssl = nullptr;
  std::unique_ptr<SessionPlace> sessions;    // of a client's TLS; ssl refers to it
  std::shared_ptr<const OptionNames> names;  // of the client's options, for errors inside TLS
  Time due{};
  bool armed = false;
  bool waiting = false;
  bool timed_out = false;
  bool interrupted = false;
};

Stream::Stream(tcp::socket socket) : state_(std::make_shared<State>(std::move(socket))) {
  boost::system::error_code ignored;
  state_->socket.non_blocking(true, ignored);
  state_->socket.set_option(tcp::no_delay(true), ignored);
}

Stream::~Stream() {
  if (state_) close();
}

tcp::socket& Stream::socket() { return state_->socket; }
asio::any_io_executor Stream::executor() const { return state_->socket.get_executor(); }
bool Stream::is_open() const { return state_->socket.is_open(); }

Error Stream::error_of(Waited waited) {
  switch (waited) {
    case Waited::ready:
    case Waited::closed:
      return fail(Fault::closed, {}, "the connection is closed");
    case Waited::interrupted:
      return fail(Fault::cancelled, {}, "interrupted");
    case Waited::cancelled:
      return fail(Fault::cancelled, {}, "cancelled");
    case Waited::timed_out:
      break;
  }
  return fail(Fault::timeout, {}, "no answer in time");
}

awaitable<Stream::Waited> Stream::wait(Want want, Time deadline) {
  auto state = state_;
  if (!state->socket.is_open()) co_return Waited::closed;
  if (state->interrupted) {
    state->interrupted = false;
    co_return Waited::interrupted;
  }
  // A cancellation that arrived while the last wait was ending aborted nothing: it counts here.
  if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
    co_return Waited::cancelled;
  state->timed_out = false;
  state->waiting = true;
  state->arm(deadline);
  const auto [error] = co_await state->socket.async_wait(
      want == Want::read ? tcp::socket::wait_read : tcp::socket::wait_write, as_values);
  state->waiting = false;
  state->interrupted = false;
  if (state->timed_out) co_return Waited::timed_out;
  co_return error ? Waited::cancelled : Waited::ready;
}

bool Stream::may_hold_input() const { return state_->ssl != nullptr; }

bool Stream::has_input() const {
  if (!is_open()) return true;
  char byte = 0;
  const auto n = ::recv(state_->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n >= 0 || !would_block(errno);
}

Stream::Want Stream::read_wants() const {
  return state_->ssl != nullptr && SSL_want_write(state_->ssl) ? Want::write : Want::read;
}

Stream::Want Stream::write_wants() const {
  return state_->ssl != nullptr && SSL_want_read(state_->ssl) ? Want::read : Want::write;
}

// After close() the descriptor's number may already belong to another file.
Result<std::optional<std::size_t>> Stream::read_now(std::span<char> into) {
  if (!is_open()) return error_of(Waited::closed);
  if (state_->ssl == nullptr) {
    const auto n = ::recv(state_->socket.native_handle(), into.data(), into.size(), 0);
    if (n >= 0) return static_cast<std::size_t>(n);
    const int code = errno;
    if (would_block(code)) return std::nullopt;
    return socket_error(code);
  }
  std::size_t n = 0;
  ERR_clear_error();
  const int done = SSL_read_ex(state_->ssl, into.data(), into.size(), &n);
  if (done == 1) return n;
  const int code = SSL_get_error(state_->ssl, done);
  if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) return std::nullopt;
  if (code == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
  if (code == SSL_ERROR_SYSCALL) return socket_error(errno == 0 ? ECONNRESET : errno);
  // An end without close_notify is a lost connection, not an orderly end. In TLS 1.3 the server
  // checks the client's certificate after the client's handshake is over: its alert arrives here.
  return connection_cut(ERR_peek_last_error(), state_->names.get());
}

Result<std::optional<std::size_t>> Stream::write_now(std::string_view bytes) {
  if (!is_open()) return error_of(Waited::closed);
  if (state_->ssl == nullptr) {
    const auto n = ::send(state_->socket.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) return static_cast<std::size_t>(n);
    const int code = errno;
    if (would_block(code)) return std::nullopt;
    return socket_error(code);
  }
  std::size_t n = 0;
  ERR_clear_error();
  const int done = SSL_write_ex(state_->ssl, bytes.data(), bytes.size(), &n);
  if (done == 1) return n;
  const int code = SSL_get_error(state_->ssl, done);
  if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) return std::nullopt;
  return connection_cut(ERR_peek_last_error(), state_->names.get());
}

awaitable<Result<std::size_t>> Stream::read(std::span<char> into, Time deadline) {
  for (;;) {
    const auto count = read_now(into);
    if (!count) co_return count.error();
    if (*count) co_return **count;
    const auto waited = co_await readable(deadline);
    if (waited != Waited::ready) co_return error_of(waited);
  }
}

awaitable<Result<std::size_t>> Stream::write(std::string_view bytes, Time deadline) {
  for (;;) {
    const auto count = write_now(bytes);
    if (!count) co_return count.error();
    if (*count) co_return **count;
    const auto waited = co_await writable(deadline);
    if (waited != Waited::ready) co_return error_of(waited);
  }
}

awaitable<Result<proto::TlsFacts>> Stream::handshake(const TlsContext& context, Time deadline,
                                                     const std::string& host) {
  for (;;) {
    if (!is_open()) co_return error_of(Waited::closed);
    ERR_clear_error();
    const int done = SSL_do_handshake(state_->ssl);
    if (done == 1) {
      auto facts = context.facts_of(state_->ssl);
      if (facts && context.only_notes() && SSL_get_verify_result(state_->ssl) != X509_V_OK) {
        facts->verified = false;
        facts->doubt = handshake_error(state_->ssl, host, context.names().get());
      }
      co_return facts;
    }
    const int code = SSL_get_error(state_->ssl, done);
    const bool is_cut = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    if (code == SSL_ERROR_SYSCALL || (code == SSL_ERROR_SSL && is_cut))
      co_return fail(Fault::closed, {}, "the peer closed the connection in the TLS handshake");
    if (code != SSL_ERROR_WANT_READ && code != SSL_ERROR_WANT_WRITE) {
      co_return fail(Fault::tls, {}, handshake_error(state_->ssl, host, context.names().get()));
    }
    const auto waited =
        co_await wait(code == SSL_ERROR_WANT_READ ? Want::read : Want::write, deadline);
    if (waited != Waited::ready) co_return error_of(waited);
  }
}

CertificateFault Stream::certificate_fault() const {
  return state_->ssl == nullptr ? CertificateFault::none : net::certificate_fault(state_->ssl);
}

Result<void> Stream::begin_tls(const TlsContext& context) {
  SSL_free(std::exchange(state_->ssl, SSL_new(context.handle())));
  state_->names = context.names();
  if (state_->ssl != nullptr && set_socket(state_->ssl, state_->socket.native_handle())) return {};
  return fail(Fault::tls, {}, "there is no memory for TLS");
}

awaitable<Result<proto::TlsFacts>> Stream::handshake_client(const TlsContext& context,
                                                            const TlsPeer& peer, Time deadline) {
  if (auto begun = begin_tls(context); !begun) co_return begun.error();
  SSL_set_connect_state(state_->ssl);
  std::string names;
  if (!expect_peer(state_->ssl, peer, names)) {
    SSL_set_app_data(state_->ssl, nullptr);
    co_return fail(Fault::tls, {}, "the host name cannot be checked against a certificate");
  }
  const auto state = state_;  // this stream may be moved meanwhile
  if (peer.sessions.sessions) {
    state->sessions = std::make_unique<SessionPlace>(peer.sessions);
    use_sessions(state->ssl, *state->sessions);
  }
  auto facts = co_await handshake(context, deadline, peer.host);
  SSL_set_app_data(state->ssl, nullptr);
  co_return facts;
}

awaitable<Result<proto::TlsFacts>> Stream::handshake_server(const TlsContext& context,
                                                            Time deadline) {
  if (auto begun = begin_tls(context); !begun) co_return begun.error();
  SSL_set_accept_state(state_->ssl);
  co_return co_await handshake(context, deadline, {});
}

void Stream::interrupt() {
  state_->interrupted = !state_->waiting;
  boost::system::error_code ignored;
  if (state_->waiting) state_->socket.cancel(ignored);
}

void Stream::end_own_side() {
  if (state_->ssl != nullptr && SSL_is_init_finished(state_->ssl) == 1) {
    ERR_clear_error();
    SSL_shutdown(state_->ssl);
  }
  boost::system::error_code ignored;
  state_->socket.shutdown(tcp::socket::shutdown_send, ignored);
}

awaitable<void> Stream::finish(Time deadline) {
  auto state = state_;
  if (!state->socket.is_open()) co_return;
  end_own_side();
  char dropped[4096];
  for (unsigned turn = 1;; ++turn) {
    if (turn % 64 == 0) co_await asio::post(asio::use_awaitable);
    const auto n = ::recv(state->socket.native_handle(), dropped, sizeof dropped, 0);
    if (n > 0 && proto::Clock::now() < deadline) continue;
    if (n >= 0 || !would_block(errno)) break;
    const auto waited = co_await wait(Want::read, deadline);
    if (waited != Waited::ready || !state->socket.is_open()) break;
  }
  close();
}

void Stream::close() {
  if (!state_->socket.is_open()) return;
  end_own_side();
  boost::system::error_code ignored;
  Deadlines::of(state_->socket.get_executor()).remove(*state_);
  state_->armed = false;
  state_->socket.close(ignored);
}

std::string Stream::peer() const {
  boost::system::error_code error;
  const auto endpoint = state_->socket.remote_endpoint(error);
  return error ? "[unknown]" : text_of(endpoint);
}

std::string text_of(const tcp::endpoint& endpoint) {
  const auto address = endpoint.address();
  const std::string tag = address.is_v6() ? "IPv6:" : "";
  return '[' + tag + address.to_string() + "]:" + std::to_string(endpoint.port());
}

}  // namespace postroad::net
