// The sending SMTP as a machine without I/O, in the form of proto/action.hpp. One operation at a
// time: begin it, drive until `done`, read the result. An operation is the opening (greeting, EHLO,
// STARTTLS, AUTH), one message, one plain command, or QUIT. This class is the connection; the mail
// transaction is mail_transaction.hpp, commands and their replies are paired in command_queue.hpp,
// AUTH is in client_auth.cpp.
//
// consult: the machine wants message data: answer by body(), body_end() or body_failed().
#pragma once

#include <memory>
#include <optional>
#include <postroad/report.hpp>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "proto/action.hpp"
#include "proto/sasl/mechanism.hpp"
#include "proto/smtp/capabilities.hpp"
#include "proto/smtp/client/client_options.hpp"
#include "proto/smtp/client/command_queue.hpp"
#include "proto/smtp/client/mail_transaction.hpp"
#include "proto/smtp/reply.hpp"

namespace postroad::smtp {

class ClientMachine final {
 public:
  explicit ClientMachine(ClientOptions options);
  ClientMachine(const ClientMachine&) = delete;  // a transaction refers to the machine's parts
  ClientMachine& operator=(const ClientMachine&) = delete;

  void open();
  void send(MailRequest request);
  /// At a consult for message data: the message that is sent next. Its MAIL, RCPTs and DATA go out
  /// behind the end of this one (RFC 2920 section 3.1): one round trip per message. If this one
  /// ends and the connection is usable, `send` follows, whose request is then not looked at; any
  /// other operation ends the connection. False: it cannot go out there, and `send` begins it as
  /// usual.
  bool announce(MailRequest next);
  /// Whether `announce` can succeed at all now.
  [[nodiscard]] bool may_announce() const {
    return state_ == State::body && mail_ && mail_->may_be_followed();
  }
  /// A message was announced, and `send` has not taken it up.
  [[nodiscard]] bool has_announced() const { return following_.has_value(); }
  /// VRFY, EXPN, NOOP, RSET, HELP. An argument with CR, LF or NUL ends in Fault::input and nothing
  /// is sent.
  void command(std::string_view verb, std::string_view argument);
  void quit();

  [[nodiscard]] proto::Action next(proto::Time now);
  void received(std::string_view bytes);
  /// Whether the bytes of the last `received` are still in use.
  [[nodiscard]] bool needs_input() const { return !input_.empty(); }
  void closed();
  void sent(std::size_t count);
  void tls_up(proto::TlsFacts facts);
  void failed(const Error& error);
  void body(std::string_view bytes);
  void body_end();
  void body_failed(const Error& error);

  /// Why the last operation failed; nullopt when it did not.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  /// The report of the last message; after an error the outcomes that were known. Valid until the
  /// next operation begins.
  [[nodiscard]] const SendReport& report() const;
  /// The reply to the last plain command, QUIT or the greeting.
  [[nodiscard]] const Reply& reply() const { return last_reply_; }
  [[nodiscard]] const Capabilities& capabilities() const { return capabilities_; }
  [[nodiscard]] const std::optional<proto::TlsFacts>& tls() const { return tls_; }
  /// Another operation may follow on this connection.
  [[nodiscard]] bool is_usable() const { return usable_; }
  /// Transactions begun on this connection, which MAILMAX of LIMITS bounds (RFC 9422).
  [[nodiscard]] std::size_t messages() const { return messages_; }

 private:
  /// `draining`: the connection is lost, and what the server wrote before is read.
  enum class State : std::uint8_t { idle, talking, handshake, body, draining };

  // One AUTH: the mechanism, and those that the server announced and does not have.
  struct Login {
    std::unique_ptr<sasl::Client> sasl;  // null once the exchange is cancelled
    std::optional<sasl::Client::Answer> held_initial;
    std::size_t challenges = 0;
    std::string mechanism;
    Stage stage = Stage::auth;
    std::vector<std::string> refused;
  };

  void begin();
  void drop_announced();
  void follow_up();
  void on_reply(const Reply& reply);
  void take_replies();
  [[nodiscard]] bool is_chunked() const { return mail_ && mail_->is_chunked(); }
  [[nodiscard]] bool gathers() const noexcept;
  [[nodiscard]] bool is_reading_replies() const;
  [[nodiscard]] std::chrono::milliseconds patience() const;

  void await_greeting();
  [[nodiscard]] bool awaits_first_byte() const;
  void hello();
  void after_hello();
  void log_in();
  void on_hello_reply(Exchange exchange, const Reply& reply);
  void on_starttls_reply(const Reply& reply);
  void put_xclient();

  void start_auth();
  void begin_mechanism(const std::string& mechanism);
  void on_auth_reply(const Reply& reply);
  void answer_challenge(const std::string& text);
  [[nodiscard]] std::string choose_mechanism() const;
  [[nodiscard]] std::string without_mechanism() const;
  [[nodiscard]] sasl::Context sasl_context(std::string_view mechanism) const;

  void follow(MailTransaction::Next next);
  bool stops_after(Stage stage);
  void stop_at(Stage stage);
  void end(std::optional<Error> error = std::nullopt);
  void broke(Error error);
  void refused(const Reply& reply, Stage stage);
  [[nodiscard]] Error make_error(Fault fault, Stage stage, std::string detail) const;

  ClientOptions options_;
  State state_ = State::idle;
  bool usable_ = false;
  std::optional<Error> error_;
  Reply last_reply_;

  ReplyParser parser_;
  std::string_view input_;
  CommandQueue queue_;
  bool sending_ = false;  // the last wish was to send
  bool waiting_ = false;  // deadline_ counts for the wait that has begun
  proto::Time deadline_{};

  Capabilities capabilities_;
  std::optional<proto::TlsFacts> tls_;
  Login login_;
  bool xclient_said_ = false;
  std::optional<MailTransaction> mail_;       // of the last operation, if it was a message
  std::optional<MailRequest> announced_;      // until the end of the message before it is written
  std::optional<MailTransaction> following_;  // from then on
  std::string early_;                         // replies to it that came before it was taken up
  std::size_t messages_ = 0;
  std::optional<Error> stopped_;  // the caller asked to stop here: reported when QUIT is answered
  Error send_failure_;            // why writing failed; reported when draining ends
};

}  // namespace postroad::smtp
