// The SMTP client without any I/O, for programs that run their own event loop: the machine says
// what it needs, and the program does it. It opens no socket, starts no thread, reads no clock and
// no file. If you do not run your own event loop, use client.hpp. A complete program is
// examples/own_loop.cpp.
//
//   Wish        the program                                        and calls
//   send        writes `bytes`, or a front part of them            sent(n)
//   receive     reads what is available                            received(view) or closed()
//   start_tls   does a TLS handshake, after everything sent        tls_up(facts)
//   consult     gives bytes of the message                         body_from(source), or body(view)
//                                                                  and at the end body_end()
//   done        nothing: the operation is over
//
//   postroad::Machine machine{"smtp://mail.example"};
//   machine.open();                         // drive until done, then machine.opened()
//   machine.send(envelope, source);         // drive until done, then machine.report()
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <postroad/action.hpp>
#include <postroad/client.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad {

/// One session with one server. One operation at a time: begin it (`open`, `send`, `command`,
/// `quit`), ask `next` and do what it says until it says `done`, then read the result.
/// `failed(error)` may answer any wish: the operation then ends. Each connection needs a machine of
/// its own.
///
/// Not done here, because it needs a connection: a second attempt when the server has closed an
/// idle connection, several transactions when LIMITS allows fewer recipients than there are,
/// proxies.
///
/// Thread rule: one thread at a time. No member throws.
class POSTROAD_EXPORT Machine final {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Wish = postroad::Wish;
  using Action = postroad::Action;

  /// The result of a handshake, as far as the program knows it.
  struct TlsFacts {
    bool verified = false;    ///< the certificate was verified and names host(); for REQUIRETLS
    std::string exporter{};   ///< tls-exporter (RFC 9266), for SCRAM-…-PLUS; empty: unknown
    std::string end_point{};  ///< tls-server-end-point (RFC 5929 section 4); empty: unknown
  };

  /// As Client takes them. These options have no effect, because the program does their part: of
  /// `tls` all but `policy`, of `timeouts` `connect`, `quit` and `overall`, and `proxy`, `progress`
  /// and `trace`. `tls.client_certificate` is not read; when set, it says that the handshake
  /// presents one. Set `helo_name`; the default is "localhost". `open` reports an invalid URL.
  explicit Machine(std::string_view url, ClientOptions options = {});
  Machine(std::string_view url, Login login, ClientOptions options = {});
  Machine(Machine&&) noexcept;
  Machine& operator=(Machine&&) noexcept;
  ~Machine();

  /// Where to connect, and the name that the certificate must carry. Empty and 0 for an invalid
  /// URL.
  [[nodiscard]] std::string host() const;
  [[nodiscard]] std::uint16_t port() const;

  /// Greeting, EHLO, STARTTLS, AUTH: the first operation, once. Calls Login::fetch_token.
  void open();
  /// One message. Only the size and the kind of `source` are read here; its bytes are requested
  /// later.
  void send(Envelope envelope, const MessageSource& source);
  /// VRFY, EXPN, NOOP, RSET, HELP.
  void command(std::string_view verb, std::string_view argument = {});
  void quit();

  /// Returns the next action; repeats it until the result is reported. For consult and done the
  /// deadline is Time::max().
  [[nodiscard]] Action next(Time now);
  void sent(std::size_t bytes);
  /// Input; the view must stay valid and unchanged until the next wish to receive. Also between two
  /// operations: is_usable() shows after `next` whether the server sent 421 or closed.
  void received(std::string_view bytes);
  /// The server closed its side.
  void closed();
  void tls_up(TlsFacts facts);
  /// The wish could not be met: `fail(Fault::closed, {}, "reset by the peer")`.
  void failed(const Error& error);
  /// The deadline of the last action has passed.
  void timed_out();
  /// The next bytes of the message, in pieces of any size, not dot-stuffed. Ignored when the last
  /// wish was another one, as are the three below.
  void body(std::string_view bytes);
  void body_end();
  /// The message cannot be read to its end: the transaction is aborted, so that no part of it
  /// counts as the complete message.
  void body_failed(const Error& error);
  /// Calls one of the three above with the next piece of a source, its end or its error.
  void body_from(MessageSource& source);

  /// Why the last operation failed; nullopt when it did not.
  [[nodiscard]] const std::optional<Error>& error() const;
  [[nodiscard]] Result<void> opened() const;
  /// The result of the last `send`, as Client::send returns it.
  [[nodiscard]] Result<SendReport> report() const;
  /// The reply to the last command or QUIT.
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
