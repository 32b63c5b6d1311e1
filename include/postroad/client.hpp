// The sending side: one server, one connection that is kept, many messages. This header is the
// manual of the blocking client; async.hpp has the same for Asio's completion tokens.
//
//   postroad::Client client{"smtp://mail.example:587",
//                           postroad::Login{"test", postroad::Secret::from_env("PW")}};
//   auto report = client.send(
//       postroad::Message{}.from("a@b").to("c@d").subject("hi").text("hello"));
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <postroad/client_options.hpp>
#include <postroad/login.hpp>
#include <postroad/message.hpp>
#include <postroad/report.hpp>
#include <postroad/result.hpp>
#include <postroad/stage.hpp>
#include <postroad/transport.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postroad {

/// A client of one server. The first call that needs the connection opens it; it is kept for the
/// next calls.
///
/// URL: `smtp://[user[:password]@]host[:port][?tls=never|opportunistic|required]` (also
/// `&insecure_allow_legacy_tls=yes`), `smtps://…` or `lmtp://…`; ports 25 (587 with a login), 465
/// and 24 by default; user and password are percent-encoded. The first call reports an invalid URL.
/// A login in the URL overrides the `Login` of the constructor; for the same user without a
/// password in the URL, the constructor's completes it.
///
/// Thread rule: one call at a time; only `cancel()` may be called from any thread. No member
/// throws.
class POSTROAD_EXPORT Client final : public Transport {
 public:
  explicit Client(std::string_view url, ClientOptions options = {});
  Client(std::string_view url, Login login, ClientOptions options = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  /// Sends QUIT without waiting for the reply (RFC 5321 section 4.1.1.10), then closes.
  ~Client() override;

  /// Connects, sends EHLO, starts TLS and logs in, unless that has happened already.
  Result<void> connect();
  /// Sends to the recipients that the message names. Error: the session ended before the
  /// outcome of any recipient was known, and nothing was delivered. Everything else is in the
  /// report, per recipient.
  using Transport::send;
  /// Sends message data to an envelope of the caller's. `source` is read once, from front to back.
  Result<SendReport> send(const Envelope& envelope, MessageSource& source) override;

  /// VRFY and EXPN (RFC 5321 section 3.5). Most servers reply 252 or 502: those are Replies too.
  Result<Reply> verify(std::string_view address);
  Result<Reply> expand(std::string_view list);
  Result<Reply> noop();
  Result<Reply> reset();
  Result<Reply> help(std::string_view topic = {});
  /// Sends QUIT, waits for the reply for ClientTimeouts::quit, then closes. The reply is
  /// empty (code 0) without a connection, and without a reply in time.
  Result<Reply> quit();
  /// Ends the call under way, on whichever thread, with Fault::cancelled. No effect without one.
  void cancel();

  /// "host:port", as error messages name it.
  [[nodiscard]] std::string server() const;
  /// The keywords of the server's EHLO reply; empty before `connect()`.
  [[nodiscard]] std::vector<std::string> capabilities() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postroad
