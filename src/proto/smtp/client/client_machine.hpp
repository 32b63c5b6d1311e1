// The sending SMTP as a machine without I/O, in the form of proto/action.hpp. One operation at a
// time: begin it, drive until `done`, read the result. An operation is the opening (greeting, EHLO,
// STARTTLS, AUTH), one mail, one plain command, or QUIT. Every command that is written leaves an
// Expect; replies are paired with them in order, so that pipelined and plain conversations are one
// code. The mail transaction is in client_send.cpp.
//
// consult: the machine wants octets of the message: answer by body(), body_end() or body_failed().
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <postroad/mailbox.hpp>
#include <postroad/report.hpp>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "proto/action.hpp"
#include "proto/sasl/mechanism.hpp"
#include "proto/smtp/capabilities.hpp"
#include "proto/smtp/client/client_options.hpp"
#include "proto/smtp/dot_codec.hpp"
#include "proto/smtp/reply.hpp"

namespace postroad::smtp {

/// One mail as the machine needs to know it; the octets come by consult.
struct MailRequest {
  Envelope envelope;
  std::optional<std::uint64_t> size;  ///< octets of the message, for SIZE=
  bool is_8bit = false;
  bool is_binary = false;   ///< lines without end or bare CR and LF that must stay: BINARYMIME
  bool needs_utf8 = false;  ///< the header holds UTF-8 (RFC 6531)
};

class ClientMachine final {
 public:
  explicit ClientMachine(ClientOptions options);

  void open();
  void send(MailRequest request);
  /// VRFY, EXPN, NOOP, RSET, HELP. An argument with CR, LF or NUL ends in Fault::input, nothing is
  /// sent.
  void command(std::string_view verb, std::string_view argument);
  void quit();

  [[nodiscard]] proto::Action next(proto::Time now);
  void received(std::string_view bytes);
  /// Whether octets of the last `received` are still looked at.
  [[nodiscard]] bool needs_input() const { return !input_.empty(); }
  void closed();
  void sent(std::size_t count);
  void tls_up(proto::TlsFacts facts);
  void failed(const Error& error);
  void body(std::string_view octets);
  void body_end();
  void body_failed(const Error& error);

  /// Why the last operation could not be carried on; nullopt when it was.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  /// Of the last mail; outcomes known so far also after an error.
  [[nodiscard]] const SendReport& report() const { return report_; }
  /// The reply to the last plain command, QUIT or the greeting.
  [[nodiscard]] const Reply& reply() const { return last_reply_; }
  [[nodiscard]] const Capabilities& capabilities() const { return capabilities_; }
  [[nodiscard]] const std::optional<proto::TlsFacts>& tls() const { return tls_; }
  /// Another operation may follow on this connection.
  [[nodiscard]] bool is_usable() const { return usable_; }
  /// Mails that this connection has begun: LIMITS' MAILMAX counts them.
  [[nodiscard]] std::size_t mails() const { return mails_; }

 private:
  enum class Exchange : std::uint8_t {
    greeting,
    ehlo,
    helo,
    starttls,
    xclient,
    auth,
    mail,
    rcpt,
    data,
    chunk,
    end_of_data,
    end_of_recipient,
    rset,
    command,
    quit
  };
  struct Expect {
    Exchange exchange;
    std::size_t recipient = 0;
    Stage stage = Stage::none;
  };
  enum class State : std::uint8_t { idle, talking, handshake, body, draining };

  void begin();
  void put(std::string_view line, Expect expect, bool secret = false);
  void on_reply(const Reply& reply);
  void take_replies();
  [[nodiscard]] bool gathers() const noexcept;
  std::chrono::milliseconds patience() const;

  void await_greeting();
  void hello();
  void after_hello();
  void log_in();
  void start_auth();
  void begin_mechanism(const std::string& mechanism);
  void on_auth_reply(const Reply& reply);
  void answer_challenge(const std::string& text);
  void on_hello_reply(Exchange exchange, const Reply& reply);
  void on_starttls_reply(const Reply& reply);
  [[nodiscard]] std::string choose_mechanism() const;
  [[nodiscard]] sasl::Context sasl_context(std::string_view mechanism) const;

  std::optional<Error> preflight(const MailRequest& request) const;
  void drop_unsupported(Envelope& envelope) const;
  std::optional<Error> check_options(const MailRequest& request) const;
  void put_mail();
  void put_data();
  void put_chunk(bool last);
  void put_xclient();
  void on_chunk_reply(const Reply& reply);
  void on_end_of_recipient(std::size_t recipient, const Reply& reply);
  void expect_end();
  [[nodiscard]] bool is_reading_replies() const;
  void advance();
  void on_mail_reply(const Reply& reply);
  void on_rcpt_reply(std::size_t recipient, const Reply& reply);
  void on_data_reply(const Reply& reply);
  void on_end_of_data(std::size_t recipient, const Reply& reply);
  void decide_after_recipients();
  void settle(const Reply& reply, Stage stage);
  void settle_broken(const Error& error);
  bool is_goodbye(const Reply& reply, Stage stage);
  [[nodiscard]] bool has_undecided() const;

  bool stops_after(Stage stage);
  void end(std::optional<Error> error = std::nullopt);
  void broke(Error error);
  [[nodiscard]] Error make_error(Fault fault, Stage stage, std::string detail) const;
  void refused(const Reply& reply, Stage stage);

  ClientOptions options_;
  State state_ = State::idle;
  bool usable_ = false;
  std::optional<Error> error_;
  Reply last_reply_;

  ReplyParser parser_;
  std::string_view input_;
  std::string out_;
  std::size_t out_sent_ = 0;
  bool secret_ = false;
  bool sending_ = false;  // the last wish was to send
  std::deque<Expect> expects_;
  std::size_t written_ = 0;  // expects whose command is on the wire: only those can be answered
  bool waiting_ = false;
  proto::Time deadline_{};

  Capabilities capabilities_;
  std::optional<proto::TlsFacts> tls_;
  std::unique_ptr<sasl::Client> sasl_;
  std::optional<sasl::Client::Answer> held_initial_;
  std::size_t challenges_ = 0;
  Stage auth_stage_ = Stage::auth;
  std::string mechanism_;
  std::vector<std::string> refused_mechanisms_;  // on this connection, as not available

  MailRequest request_;
  SendReport report_;
  std::size_t next_recipient_ = 0;  // the first RCPT not yet written
  bool data_put_ = false;
  bool mail_refused_ = false;
  DotEncoder encoder_;
  bool asks_utf8_ = false;   // SMTPUTF8 stands on MAIL
  bool asks_prdr_ = false;   // likewise PRDR
  bool by_chunks_ = false;   // BDAT in place of DATA
  std::string chunk_;        // octets of the next BDAT, which may be the last
  std::vector<Reply> each_;  // of PRDR: each recipient's reply, which the last one makes good
  bool xclient_said_ = false;
  std::size_t mails_ = 0;
  bool dot_put_ = false;          // the final dot is in out_ or on the wire
  std::optional<Error> stopped_;  // it was asked to stop here, and says QUIT
  Error send_failure_;            // why writing failed, while what the server still said is read
};

}  // namespace postroad::smtp
