// The sending SMTP without any I/O, for programs that have an event loop of their own: it says what
// it needs, and the program does it. It opens no socket, starts no thread, reads no clock and no
// file. Whoever has no such loop wants client.hpp. A complete program is examples/own_loop.cpp.
//
//   Wish        the program does                                   and says
//   send        writes `octets`, or a front part of them           sent(n)
//   receive     reads what is there                                received(view), or closed()
//   start_tls   a TLS handshake, after everything sent so far      tls_up(facts)
//   body        gives octets of the message                        body(view) … body_end(),
//   body_from done        nothing: the operation is over
//
//   postroad::Machine machine{"smtp://mail.example"};
//   machine.open();                         // drive until done, then machine.opened()
//   machine.send(envelope, source);         // drive until done, then machine.report()
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <postroad/client.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad {

/// One conversation with one server. One operation at a time: begin it (`open`, `send`, `command`,
/// `quit`), ask `next` and grant what it wishes until it wishes nothing (`done`), read the result.
/// `failed(error)` may answer any wish: the operation then ends. Another machine is needed for
/// another connection.
///
/// Not done here, for it needs a connection: another attempt where the server has closed one that
/// was kept, several mails where LIMITS allows fewer recipients than there are, proxies on the way.
///
/// Thread rule: one thread at a time. No member throws.
class POSTROAD_EXPORT Machine final {
 public:
  using Time = std::chrono::steady_clock::time_point;

  enum class Wish : std::uint8_t { send, receive, start_tls, body, done };
  struct Action {
    Wish wish = Wish::done;
    std::string_view
        octets{};         ///< for send; valid until the next call of a member that is not const
    bool secret = false;  ///< no trace may show what is sent now: a password is in it
    Time deadline = Time::max();  ///< when it has passed, say timed_out(); it belongs to the
                                  ///< command, not to one read
  };
  /// What a handshake settled, as far as the program knows it.
  struct TlsFacts {
    bool verified = false;    ///< the certificate was checked and is for host(): REQUIRETLS asks
    std::string exporter{};   ///< tls-exporter (RFC 9266), for SCRAM-…-PLUS; empty: not to be had
    std::string end_point{};  ///< tls-server-end-point (RFC 5929 §4), likewise
  };

  /// As Client takes them. Without effect, since they are the program's part: ca_file, pinned_keys,
  /// insecure_accept_any_certificate, client_key, proxy, progress, trace, connect_timeout,
  /// overall_timeout. `client_certificate`: not read, but given, it says that the handshake shows
  /// one. `helo_name`: give it; "localhost" else. A wrong URL is what `open` ends with.
  explicit Machine(std::string_view url, ClientOptions options = {});
  Machine(std::string_view url, Login login, ClientOptions options = {});
  Machine(Machine&&) noexcept;
  Machine& operator=(Machine&&) noexcept;
  ~Machine();

  /// Where to connect to, and whom the certificate must name. Empty and 0 for a wrong URL.
  [[nodiscard]] std::string host() const;
  [[nodiscard]] std::uint16_t port() const;

  /// Greeting, EHLO, STARTTLS, AUTH; first of all, and once. Login::fetch_token is called in it.
  void open();
  /// One mail. Of `source` only size and kind are asked here: its octets are wished for later.
  void send(Envelope envelope, const MessageSource& source);
  /// VRFY, EXPN, NOOP, RSET, HELP.
  void command(std::string_view verb, std::string_view argument = {});
  void quit();

  /// What it needs now; the same again, until it was granted.
  [[nodiscard]] Action next(Time now);
  void sent(std::size_t octets);
  /// What was read; the view must stay valid and unchanged until the next wish to receive. Between
  /// two operations too: a server that says goodbye or hangs up is known by is_usable() after
  /// `next`.
  void received(std::string_view octets);
  /// The server closed its side.
  void closed();
  void tls_up(TlsFacts facts);
  /// Why a wish could not be granted: `fail(Fault::closed, {}, "reset by the peer")`.
  void failed(const Error& error);
  void timed_out();
  /// The next octets of the message, in pieces of any size; its dots are doubled here. Nobody's
  /// wish, and it is ignored.
  void body(std::string_view octets);
  void body_end();
  /// The message cannot be read to its end: half of it must not be taken for the whole.
  void body_failed(const Error& error);
  /// The next piece out of a source, its end, or its error: one of the three above.
  void body_from(MessageSource& source);

  /// Of the last operation: why it could not be carried on.
  [[nodiscard]] const std::optional<Error>& error() const;
  [[nodiscard]] Result<void> opened() const;
  /// Of the last mail, as Client::send gives it.
  [[nodiscard]] Result<SendReport> report() const;
  /// To the last command or QUIT.
  [[nodiscard]] Result<Reply> reply() const;
  /// Whether another operation may follow on this connection; if not, close it.
  [[nodiscard]] bool is_usable() const;
  /// The keywords of the server's EHLO reply.
  [[nodiscard]] std::vector<std::string> capabilities() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postroad
