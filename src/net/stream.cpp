// Stream over a non-blocking socket and OpenSSL; see stream.hpp.
#include "net/stream.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

#include "base/text.hpp"
#include "net/deadlines.hpp"
#include "net/socket_bio.hpp"

namespace postroad::net {

namespace {

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

Error socket_error(int code) {
  if (code == ECONNRESET || code == EPIPE || code == ECONNABORTED) {
    return fail(Fault::closed, {}, "the connection was reset by the peer");
  }
  return fail(Fault::closed, {}, std::string("the connection failed: ") + std::strerror(code));
}

bool would_block(int code) { return code == EAGAIN || code == EWOULDBLOCK || code == EINTR; }

// The names and addresses that a certificate is for, as a sentence has them.
std::string names_of(const X509* certificate) {
  constexpr int most = 5;
  std::string text;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < std::min(sk_GENERAL_NAME_num(names), most); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names, i);
    int kind = 0;
    const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, &kind));
    if (kind != GEN_DNS && kind != GEN_IPADD) continue;
    std::string_view octets(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                            static_cast<std::size_t>(ASN1_STRING_length(value)));
    text += text.empty() ? "" : ", ";
    if (kind == GEN_DNS) {
      text += printable(octets, 80);
    } else if (octets.size() == 4 || octets.size() == 16) {
      char address[INET6_ADDRSTRLEN] = "";
      ::inet_ntop(octets.size() == 4 ? AF_INET : AF_INET6, octets.data(), address, sizeof address);
      text += address;
    }
  }
  if (sk_GENERAL_NAME_num(names) > most) text += " and others";
  GENERAL_NAMES_free(names);
  return text;
}

// While a certificate is verified it is at hand; once that has failed it is not.
int note_names(int is_right, X509_STORE_CTX* context) {
  const auto* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* names = ssl == nullptr ? nullptr : static_cast<std::string*>(SSL_get_app_data(ssl));
  const auto* certificate = X509_STORE_CTX_get0_cert(context);
  if (is_right != 1 && names != nullptr && certificate != nullptr) *names = names_of(certificate);
  return is_right;
}

std::string_view remedy_of(long verdict) {
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "; its owner must renew it, or this machine's clock is wrong";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "; this machine's clock may be wrong";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "; if it is known to be the right one, trust it as a root (--ca-file FILE) or pin its "
             "key (--pin sha256:…)";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "; name the root that signed it (--ca-file FILE), or the server must send the "
             "certificates between the two";
    default:
      return "";
  }
}

// By its alert the peer says what it has against our end.
std::string words_of_alert(unsigned long code, std::string_view otherwise) {
  const int alert = ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET;
  if (ERR_GET_LIB(code) != ERR_LIB_SSL || alert < 0 || alert > 255) return std::string(otherwise);
  const bool is_certificate = (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_UNKNOWN_CA &&
                               alert != SSL_AD_ILLEGAL_PARAMETER) ||
                              alert == SSL_AD_CERTIFICATE_REQUIRED;
  return std::string("the peer ended TLS: ") + SSL_alert_desc_string_long(alert) +
         (is_certificate ? "; it wants another certificate of this end (--certificate FILE)" : "");
}

Error cut(unsigned long code) {
  ERR_clear_error();
  return fail(Fault::closed, {}, words_of_alert(code, "the connection was cut inside TLS"));
}

std::string tls_reason(SSL* ssl, const std::string& host) {
  const long verdict = SSL_get_verify_result(ssl);
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH) {
    const auto* names = static_cast<const std::string*>(SSL_get_app_data(ssl));
    return "the server's certificate is not for " + host +
           (names == nullptr || names->empty()
                ? "; its owner must name that host in it"
                : " but for " + *names +
                      "; connect by a name that it has, or its owner must add that host");
  }
  if (verdict != X509_V_OK) {
    if (SSL_is_server(ssl) == 1)
      return std::string("the client's certificate is not trusted: ") +
             X509_verify_cert_error_string(verdict);
    return std::string("the server's certificate is not trusted: ") +
           X509_verify_cert_error_string(verdict) + std::string(remedy_of(verdict));
  }
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return words_of_alert(code, std::string("the TLS handshake failed: ") +
                                  (reason == nullptr ? "the peer gave no reason" : reason));
}

}  // namespace

struct Stream::State final : std::enable_shared_from_this<Stream::State>, Deadlines::Entry {
  explicit State(tcp::socket s) : socket(std::move(s)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() override {
    Deadlines::of(socket.get_executor()).remove(*this);
    SSL_free(ssl);
  }

  // The entry stands at or before every deadline that is waited for, and moves on only when it is
  // woken.
  void arm(Time deadline) {
    due = deadline;
    if (armed && at <= deadline) return;
    armed = true;
    Deadlines::of(socket.get_executor()).add(*this, deadline, socket.get_executor());
  }
  void wake() noexcept override {
    asio::post(socket.get_executor(), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->look_at_clock();
    });
  }
  void look_at_clock() {
    armed = false;
    if (!waiting) return;
    if (proto::Clock::now() < due) return arm(due);
    timed_out = true;
    boost::system::error_code ignored;
    socket.cancel(ignored);
  }

  tcp::socket socket;
  ssl_st* ssl = nullptr;
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
  // A cancellation that came while the last wait was ending aborted nothing: it counts here.
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
  char octet = 0;
  const auto n = ::recv(state_->socket.native_handle(), &octet, 1, MSG_PEEK | MSG_DONTWAIT);
  return n >= 0 || !would_block(errno);
}

Stream::Want Stream::read_wants() const {
  return state_->ssl != nullptr && SSL_want_write(state_->ssl) ? Want::write : Want::read;
}

Stream::Want Stream::write_wants() const {
  return state_->ssl != nullptr && SSL_want_read(state_->ssl) ? Want::read : Want::write;
}

// A closed one has given its descriptor's number back, which may be another's by now.
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
  // An end without close_notify is a cut line, not an orderly end. In TLS 1.3 the server looks at
  // the client's certificate when the client has done its part: what it says against it comes here.
  return cut(ERR_peek_last_error());
}

Result<std::optional<std::size_t>> Stream::write_now(std::string_view octets) {
  if (!is_open()) return error_of(Waited::closed);
  if (state_->ssl == nullptr) {
    const auto n =
        ::send(state_->socket.native_handle(), octets.data(), octets.size(), MSG_NOSIGNAL);
    if (n >= 0) return static_cast<std::size_t>(n);
    const int code = errno;
    if (would_block(code)) return std::nullopt;
    return socket_error(code);
  }
  std::size_t n = 0;
  ERR_clear_error();
  const int done = SSL_write_ex(state_->ssl, octets.data(), octets.size(), &n);
  if (done == 1) return n;
  const int code = SSL_get_error(state_->ssl, done);
  if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) return std::nullopt;
  return cut(ERR_peek_last_error());
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

awaitable<Result<std::size_t>> Stream::write(std::string_view octets, Time deadline) {
  for (;;) {
    const auto count = write_now(octets);
    if (!count) co_return count.error();
    if (*count) co_return **count;
    const auto waited = co_await writable(deadline);
    if (waited != Waited::ready) co_return error_of(waited);
  }
}

awaitable<Result<proto::TlsFacts>> Stream::handshake(const TlsContext& context, Time deadline,
                                                     const std::string& host) {
  if (state_->ssl == nullptr) co_return fail(Fault::tls, {}, "there is no memory for TLS");
  for (;;) {
    if (!is_open()) co_return error_of(Waited::closed);
    ERR_clear_error();
    const int done = SSL_do_handshake(state_->ssl);
    if (done == 1) co_return context.facts_of(state_->ssl);
    const int code = SSL_get_error(state_->ssl, done);
    if (code == SSL_ERROR_SYSCALL)
      co_return fail(Fault::closed, {}, "the peer closed the connection in the TLS handshake");
    if (code != SSL_ERROR_WANT_READ && code != SSL_ERROR_WANT_WRITE) {
      co_return fail(Fault::tls, {}, tls_reason(state_->ssl, host));
    }
    const auto waited =
        co_await wait(code == SSL_ERROR_WANT_READ ? Want::read : Want::write, deadline);
    if (waited != Waited::ready) co_return error_of(waited);
  }
}

awaitable<Result<proto::TlsFacts>> Stream::handshake_client(const TlsContext& context,
                                                            const std::string& host,
                                                            Time deadline) {
  state_->ssl = SSL_new(context.handle());
  if (state_->ssl == nullptr) co_return co_await handshake(context, deadline, host);
  set_socket(state_->ssl, state_->socket.native_handle());
  SSL_set_connect_state(state_->ssl);
  std::string names;
  SSL_set_app_data(state_->ssl, &names);
  SSL_set_verify(state_->ssl, SSL_get_verify_mode(state_->ssl), note_names);
  boost::system::error_code not_literal;
  asio::ip::make_address(host, not_literal);
  if (!not_literal) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(state_->ssl), host.c_str());
  } else {
    SSL_set_hostflags(state_->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (host.empty() || host.find('\0') != std::string::npos ||
        SSL_set1_host(state_->ssl, host.c_str()) != 1) {
      co_return fail(Fault::tls, {}, "the host name cannot be checked against a certificate");
    }
    SSL_set_tlsext_host_name(state_->ssl, host.c_str());
  }
  const auto state = state_;  // this stream may be moved meanwhile
  auto facts = co_await handshake(context, deadline, host);
  SSL_set_app_data(state->ssl, nullptr);
  co_return facts;
}

awaitable<Result<proto::TlsFacts>> Stream::handshake_server(const TlsContext& context,
                                                            Time deadline) {
  state_->ssl = SSL_new(context.handle());
  if (state_->ssl == nullptr) co_return co_await handshake(context, deadline, {});
  set_socket(state_->ssl, state_->socket.native_handle());
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
