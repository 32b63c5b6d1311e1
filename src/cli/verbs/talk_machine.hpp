// The protocol of `postroad talk`: a session whose commands a person types. In the form of every
// machine (proto/action.hpp), so that the one driver serves it. It wishes to consult when it needs
// the next line; the driver gives one with `say`, `start_auth` or `say_body`, or ends the
// session with `leave`. Not here: reading lines and passwords (talk.cpp).
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <postroad/error.hpp>
#include <string>
#include <string_view>

#include "proto/action.hpp"
#include "proto/smtp/capabilities.hpp"
#include "proto/smtp/client/command_queue.hpp"
#include "proto/smtp/reply.hpp"

namespace postroad::cli {

struct TalkOptions {
  std::string server{};                       ///< "host:port", for errors
  std::chrono::milliseconds timeout{30'000};  ///< per reply
  bool implicit_tls = false;                  ///< TLS before the greeting
  bool lmtp = false;
  bool require_tls = false;  ///< EHLO and STARTTLS are said after the greeting; without TLS it ends
  std::string hello{};       ///< said after the greeting, as "EHLO name"; empty: left to the user
};

class TalkMachine final {
 public:
  explicit TalkMachine(TalkOptions options);

  proto::Action next(proto::Time now);
  void received(std::string_view bytes);
  void sent(std::size_t count) { out_.erase(0, count); }
  void closed();
  void failed(const Error& error);
  void tls_up(const proto::TlsFacts& facts);
  [[nodiscard]] bool needs_input() const { return false; }

  // While it consults.

  /// Whether the next line is one of the message, after a 354; otherwise it is a command.
  [[nodiscard]] bool wants_body() const { return state_ == State::body; }
  /// Sends a command. `secret`: its arguments are credentials.
  void say(std::string line, bool secret);
  /// Begins AUTH and carries the exchange on until the server's verdict.
  void start_auth(const std::string& mechanism, std::unique_ptr<sasl::Client> login);
  /// A line of the message with its leading dot doubled; "." ends the message.
  void say_body(std::string line);
  /// The input ended inside a message: ends the session without the final dot, so that the server
  /// discards the part that it has.
  void abandon_body();
  /// Ends the session; the connection is closed without a command.
  void leave() { state_ = State::done; }

  /// Why the session ended before the user ended it.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] bool is_secure() const { return is_secure_; }
  [[nodiscard]] const sasl::ChannelBinding& binding() const { return binding_; }
  [[nodiscard]] const smtp::Capabilities& capabilities() const { return capabilities_; }

 private:
  enum class State : std::uint8_t { tls, reply, command, body, done };
  void take(const Reply& reply);
  void take_hello(const Reply& reply);
  void take_starttls(const Reply& reply);
  void take_auth(const Reply& reply);
  void wait_for_reply(std::string line, smtp::Exchange exchange, bool secret = false);
  [[nodiscard]] bool awaits_first_byte() const;
  void begin();
  void stop(Fault fault, std::string why);

  TalkOptions options_;
  State state_ = State::reply;
  smtp::Exchange awaited_ = smtp::Exchange::greeting;  // what the next reply answers
  std::string out_;
  bool secret_ = false;
  std::string in_;  // received and not parsed yet
  smtp::ReplyParser parser_;
  smtp::Capabilities capabilities_;
  std::unique_ptr<sasl::Client> login_;
  int challenges_ = 0;
  sasl::ChannelBinding binding_;
  bool is_secure_ = false;
  std::optional<proto::Time> deadline_;
  std::optional<Error> error_;
};

}  // namespace postroad::cli
