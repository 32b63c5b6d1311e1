// One connection to one server as coroutines: opening it, sending on it, closing it. The blocking
// Client, AsyncClient and Pool use it. Not here: several connections (a pool), retries of
// whole messages. Thread rule: all calls on the thread of the executor; one operation at a time.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <optional>
#include <postroad/client.hpp>
#include <vector>

#include "client/url.hpp"
#include "net/buffer_pool.hpp"
#include "net/connect.hpp"
#include "net/session_trace.hpp"
#include "net/stream.hpp"
#include "proto/smtp/client/client_machine.hpp"

namespace postroad::client {

using boost::asio::awaitable;

class Connection final {
 public:
  /// `url_text` and `login` as Client takes them. Every call returns the error of an invalid URL or
  /// option.
  Connection(std::string_view url_text, std::optional<Login> login, ClientOptions options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  /// Says QUIT without waiting, where the connection is open and idle.
  ~Connection();

  awaitable<Result<void>> open();
  /// The message that is sent next; the source outlives its sending.
  struct Upcoming {
    Envelope envelope;
    MessageSource* source = nullptr;
  };
  /// Called once before the end of a message is written: the message that the next call of `send`
  /// is for; nullopt: none. Its commands may then go out behind this message (RFC 2920
  /// section 3.1). Not called where nothing can go out there. A next call for another message
  /// opens another connection.
  using Following = std::function<std::optional<Upcoming>()>;
  awaitable<Result<SendReport>> send(Envelope envelope, MessageSource& source,
                                     Following following = {});
  /// For the driver: right before the end of a message.
  void announce_next();
  /// The commands of the next message went out, and it was not sent: the connection is of no other
  /// use.
  [[nodiscard]] bool has_announced() const { return machine_ && machine_->has_announced(); }
  awaitable<Result<Reply>> command(std::string verb, std::string argument);
  /// QUIT, waits for the reply for ClientTimeouts::quit, then closes.
  awaitable<Result<Reply>> quit();
  /// Connects to one of these, in place of the addresses that the system finds for the host of the
  /// URL, which stays the name that a certificate must have. Call before the connection is opened.
  void use_addresses(std::vector<boost::asio::ip::address> addresses);
  /// Connects from one of these addresses of this machine. Call before the connection is opened.
  void use_local(net::LocalAddresses local) { local_ = std::move(local); }
  /// Accepts only a certificate that matches one of these associations (DANE, RFC 7672), in place
  /// of the CA certificates and pins of the options. TlsPeer::host takes the place of the URL's
  /// host in the handshake. Call before the connection is opened.
  void use_dane(net::TlsPeer peer);
  /// Accepts a certificate that is not verified, and notes why. Call before the connection is
  /// opened.
  void note_doubts_only() { tls_settings_.only_notes = true; }
  /// The TLS of the open session; nullopt: there is none.
  [[nodiscard]] std::optional<proto::TlsFacts> tls() const {
    return machine_ ? machine_->tls() : std::nullopt;
  }
  /// Resumes a TLS session of this place, and keeps those to come. Its key names the server and all
  /// options of TLS, and after use_dane also the peer. Call before the connection is opened.
  void use_sessions(net::SessionPlace place) { sessions_ = std::move(place); }
  /// The address that was connected to last; nullopt: none, or a proxy was.
  [[nodiscard]] std::optional<boost::asio::ip::address> address() const { return address_; }
  /// The address of this machine that it was connected from; the same.
  [[nodiscard]] const std::optional<boost::asio::ip::address>& local_address() const {
    return local_address_;
  }
  /// The last error is one of this machine: a file of the TLS options cannot be read.
  [[nodiscard]] bool has_fault_here() const { return has_fault_here_ || invalid_reason_; }
  /// The fault in the last handshake that checked the server's certificate.
  [[nodiscard]] net::CertificateFault certificate_fault() const { return certificate_fault_; }
  [[nodiscard]] std::string server() const { return url_.server(); }
  /// The server, with the port and TLS that follow from options and login.
  [[nodiscard]] const Url& url() const { return url_; }
  /// Why the URL or an option is invalid.
  [[nodiscard]] const std::optional<Error>& invalid_reason() const { return invalid_reason_; }
  [[nodiscard]] std::vector<std::string> capabilities() const;
  [[nodiscard]] bool is_open() const { return machine_ && machine_->is_usable(); }
  /// Whether the server has sent something that answers no command, or closed: an idle connection
  /// cannot be used again then.
  [[nodiscard]] bool has_pending_input() const { return stream_ && stream_->has_input(); }
  /// Sessions that were opened so far: a lost or worn connection is replaced by another.
  [[nodiscard]] std::size_t sessions_opened() const { return sessions_opened_; }
  /// Messages that the open connection has carried.
  [[nodiscard]] std::size_t messages() const { return machine_ ? machine_->messages() : 0; }

  /// Connects, through the proxy where there is one, and sends nothing: for a caller that drives a
  /// machine of its own over `stream`. `open` connects in the same way and opens the session.
  awaitable<Result<void>> reach();
  /// Valid after `reach`.
  [[nodiscard]] net::Stream& stream() { return *stream_; }
  /// The handshake on `stream` with the certificates, pins and server name of the options.
  awaitable<Result<proto::TlsFacts>> handshake(net::Time deadline);
  /// Bytes that the server sent while the tunnel through the proxy was opened.
  [[nodiscard]] const std::string& early() const { return early_; }
  /// The local address as a literal: true everywhere, and what RFC 5321 section 4.1.4
  /// requires of a client without a name. Valid after `reach`.
  [[nodiscard]] std::string own_literal();

 private:
  awaitable<void> drive(MessageSource* source);
  awaitable<Result<void>> ensure_open();
  awaitable<Result<void>> dial();
  awaitable<Result<void>> connect_next(net::Time deadline);
  awaitable<Result<std::vector<boost::asio::ip::tcp::endpoint>>> find_addresses(net::Time deadline);
  [[nodiscard]] Error unreachable(Error error) const;
  [[nodiscard]] bool has_other_address(const Error& error) const;
  awaitable<Result<void>> open_tunnel();
  awaitable<Result<void>> open_session(smtp::ClientOptions options);
  awaitable<Result<SendReport>> send_part(Envelope part, MessageSource& source);
  [[nodiscard]] std::optional<Error> find_split_error(std::size_t all, std::size_t done,
                                                      MessageSource& source) const;
  [[nodiscard]] net::Time limit() const;
  [[nodiscard]] bool is_stale(bool was_announced) const;
  [[nodiscard]] ServerOffer offer() const;
  void close();

  Url url_;
  std::optional<ProxyUrl> proxy_;
  std::string early_;
  std::optional<Error> invalid_reason_;
  std::optional<Login> login_;
  ClientOptions options_;
  net::TlsClientSettings tls_settings_;
  std::optional<net::TlsPeer> dane_;    // see use_dane
  net::SessionPlace sessions_;          // see use_sessions
  std::optional<net::TlsContext> tls_;  // once a handshake has begun: it reads the CA certificates
  std::optional<net::SessionTrace> trace_;
  std::vector<boost::asio::ip::tcp::endpoint> given_;  // see use_addresses
  net::LocalAddresses local_;
  std::vector<boost::asio::ip::tcp::endpoint> addresses_;  // while opening: those not tried yet
  std::optional<net::Stream> stream_;
  std::string peer_;  // its address, which is not known any more once the peer has closed
  std::optional<boost::asio::ip::address> address_;  // the same
  std::optional<boost::asio::ip::address> local_address_;
  net::CertificateFault certificate_fault_ = net::CertificateFault::none;
  bool has_fault_here_ = false;
  std::size_t sessions_opened_ = 0;
  std::optional<smtp::ClientMachine> machine_;
  net::BufferPool buffers_;
  net::Time until_ = net::Time::max();
  bool is_driving_ = false;      // an operation is under way, or was left by an exception
  bool used_ = false;            // a message or command has gone over this connection
  Following following_;          // of the message that is being sent
  bool is_out_of_step_ = false;  // the server sent a reply too many: nothing is announced to it
  const MessageSource* announced_ = nullptr;  // of the message whose commands went out already
};

[[nodiscard]] inline Error cancelled() { return fail(Fault::cancelled, {}, "cancelled"); }
/// The error of a call that threw: a cancellation, or a lack of system resources (descriptors,
/// memory, threads).
[[nodiscard]] Error error_of(const std::exception_ptr& thrown);

/// Turns a cancellation into an Error in the result, at whatever wait it arrives. Only one that
/// arrives before the call's first step still throws: the spawning code maps that to `cancelled()`.
template <class T>
awaitable<T> without_throwing(awaitable<T> call) {
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  co_return co_await std::move(call);
}

}  // namespace postroad::client
