// The receiving SMTP as a machine without I/O: takes octets, asks a consultant (policy, store,
// users), gives replies. In the form of proto/action.hpp; the table of commands is command.hpp, the
// replies stand beside their checks in server_commands.cpp, AUTH in server_auth.cpp, the text of a
// message, by DATA or BDAT, in server_data.cpp.
//
// A question is answered by `answered(reply)`: a reply with code 0 means "yes, in the usual words";
// 2yz is yes in other words; 4yz and 5yz refuse; 421 refuses and closes. Nothing may refuse after
// something changed: all checks of a command stand before its question, and the transaction changes
// when the answer is in.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <postroad/mail_options.hpp>
#include <postroad/mailbox.hpp>
#include <postroad/reply.hpp>
#include <postroad/result.hpp>
#include <string>
#include <variant>
#include <vector>

#include "proto/action.hpp"
#include "proto/sasl/mechanism.hpp"
#include "proto/smtp/command.hpp"
#include "proto/smtp/dot_codec.hpp"
#include "proto/smtp/mail_parameters.hpp"
#include "proto/smtp/path.hpp"
#include "proto/smtp/server/server_options.hpp"

namespace postroad::smtp {

enum class Body : std::uint8_t { seven_bit, eight_bit_mime, binary_mime };

/// One mail transaction (RFC 5321 §3.3) as far as it has come.
struct Transaction {
  Mailbox reverse_path;
  std::vector<Mailbox> recipients;
  Body body = Body::seven_bit;
  bool smtputf8 = false;
  bool prdr = false;
  std::optional<std::uint64_t>
      declared_size;  ///< of SIZE=; checked against the limit, reserves nothing
  // Few mails have any, and most sessions idle: apart from the rest.
  std::unique_ptr<MailOptions> options;  ///< null: nothing was asked
  /// Of the first recipients in order; may be shorter. Null: nothing was asked.
  std::unique_ptr<std::vector<RecipientOptions>> recipient_options;
  [[nodiscard]] const std::vector<RecipientOptions>& asked_of_recipients() const;
  /// As new, but the recipients' memory is kept for the next.
  void clear();
};

/// What a consultant may be asked. Views and references live until the answer.
struct AskConnect {};  ///< a session begins; refusing sends the reply as greeting and closes
struct AskHelo {
  std::string_view name;
};  ///< the client's name
struct AskMail {
  const Transaction& transaction;
};  ///< a transaction is about to begin
struct AskRcpt {
  const Mailbox& recipient;
};                  ///< a recipient is about to be added
struct AskData {};  ///< a message is about to come: make room for it
struct AskBody {
  std::string_view octets;
};  ///< keep these; answered with a refusal, the rest is eaten
struct AskEnd {
  bool keep;
  const Reply* why = nullptr;
};  ///< the end: commit (reply 250 when durable), or drop what came, for that reason
struct AskXclient {
  /// Names in capitals, values decoded; "[UNAVAILABLE]" and "[TEMPUNAVAIL]" as they stand.
  const std::vector<std::pair<std::string, std::string>>& attributes;
};  ///< a trusted peer speaks for this client from now on
struct AskAuth {
  const sasl::Credentials& credentials;
  const std::string& mechanism;
};  ///< 235, 535 or 454
struct AskKeys {
  const std::string& user;
  const std::string& mechanism;
};  ///< answered by answered_keys()
struct AskVrfy {
  std::string_view text;
};
struct AskExpn {
  std::string_view text;
};
using Question = std::variant<AskConnect, AskHelo, AskMail, AskRcpt, AskData, AskBody, AskEnd,
                              AskAuth, AskKeys, AskVrfy, AskExpn, AskXclient>;

/// How a session stands or ended, for logs.
enum class Ending : std::uint8_t {
  open,
  quit,
  closed_by_peer,
  timeout,
  too_many_errors,
  stopped,
  refused,
  failed,
  not_smtp,  ///< it speaks HTTP, or TLS where clear text comes first
};

class ServerMachine final {
 public:
  explicit ServerMachine(const ServerOptions& options);  ///< `options` must outlive the machine
  explicit ServerMachine(ServerOptions&& options) = delete;

  [[nodiscard]] proto::Action next(proto::Time now);
  void received(std::string_view bytes);
  /// Whether octets of the last `received` are still looked at, by this or by the question.
  [[nodiscard]] bool needs_input() const;
  void closed();  ///< the peer ended its side
  void sent(std::size_t count);
  void tls_up(proto::TlsFacts facts);
  void failed(const Error& error);
  [[nodiscard]] const Question& question() const { return *question_; }
  /// `each`: of AskEnd, a reply for each recipient; where it is empty they all get `reply`. Heard
  /// by clients that speak LMTP or asked for PRDR; the others hear `reply`.
  void answered(const Reply& reply, const std::vector<Reply>& each = {});
  void answered_keys(const sasl::Keys& keys);
  /// XCLIENT is offered to this peer, where the listener knows it at all.
  void trust_peer() { peer_is_trusted_ = true; }
  /// The wall clock's time, for FUTURERELEASE; told while EHLO is asked about. From then on it
  /// advances with the time given to `next`.
  void tell_time(std::chrono::sys_seconds now) {
    wall_time_ = now;
    wall_time_told_ = now_;
  }
  /// No new transaction: an idle session is told 421 and closed, one inside a message ends that
  /// first.
  void stop() { stopping_ = true; }

  [[nodiscard]] const ServerOptions& options() const { return options_; }
  [[nodiscard]] const Transaction& transaction() const { return transaction_; }
  [[nodiscard]] const std::string& helo() const { return helo_; }
  [[nodiscard]] bool is_esmtp() const { return esmtp_; }
  [[nodiscard]] const std::string& login() const { return login_; }        ///< empty: nobody
  [[nodiscard]] const proto::TlsFacts* tls() const { return tls_.get(); }  ///< null: in clear
  [[nodiscard]] Ending ending() const { return ending_; }
  [[nodiscard]] std::uint64_t message_octets() const { return message_octets_; }
  /// Octets of all texts so far, of those that were refused or broke off too.
  [[nodiscard]] std::uint64_t text_octets() const { return text_octets_; }
  /// Commands refused so far.
  [[nodiscard]] std::uint32_t errors() const { return errors_; }

 private:
  enum class Mode : std::uint8_t { start, commands, auth, text, chunk, closing };

  bool step();
  bool take_line(std::string_view& line);
  void line_too_long();
  void refuse_bare_lf();
  void arm(proto::Time now);
  [[nodiscard]] bool is_in_transaction() const { return phase_ >= Phase::mail; }

  void on_command(std::string_view line);
  std::optional<Reply> check(const CommandLine& command) const;
  void on_helo(std::string_view name, bool extended);
  void on_mail(std::string_view argument);
  void on_rcpt(std::string_view argument);
  void on_data();
  void on_starttls();
  void on_rset();
  void on_bdat(const CommandLine& command);
  void on_xclient(std::string_view argument);
  void on_vrfy(std::string_view argument);
  void on_expn(std::string_view argument);
  void on_help(std::string_view argument);
  [[nodiscard]] bool is_spoken(Verb verb) const;
  Reply greeting_lines() const;
  std::optional<Reply> apply_parameters(std::string_view text, Transaction& transaction) const;

  [[nodiscard]] Offered offered() const;
  [[nodiscard]] std::optional<Reply> check_options(const MailOptions& asked) const;
  void drop_recipient();

  void on_auth(std::string_view argument);
  void on_auth_line(std::string_view line);
  void continue_auth(std::optional<std::string_view> response);
  void follow_auth(sasl::Server::Move move);
  void on_auth_checked(const Reply& reply);
  void end_auth(const Reply& reply);
  [[nodiscard]] sasl::Context sasl_context(std::string_view name) const;
  [[nodiscard]] bool offers_mechanism(std::string_view name) const;

  void on_text();
  void on_text_end();
  void on_chunk();
  void on_chunk_end();
  void begin_text();
  void take_octets(std::string_view octets);
  bool is_read_in_vain();
  void say_end(const Reply& reply, const std::vector<Reply>& each);

  void ask(Question question);
  void reply(int code, EnhancedStatus status, std::string_view text);
  void reply(const Reply& reply);
  void refuse(const Reply& reply);
  void refuse_recipient(const Reply& reply);
  [[nodiscard]] std::chrono::sys_seconds wall_time() const;
  void close(Ending ending);
  void reset_transaction();

  const ServerOptions& options_;
  Mode mode_ = Mode::start;
  Phase phase_ = Phase::greeted;
  Ending ending_ = Ending::open;

  std::string_view input_;  // octets of the last received(), not yet taken
  std::string partial_;     // a line of which the end has not come; bounded by the line's limit
  bool skipping_line_ = false;
  bool line_taken_from_partial_ = false;
  std::string out_;
  std::size_t out_sent_ = 0;
  bool shed_out_ = false;  // once it is sent, its memory goes

  std::optional<Question> question_;
  bool start_tls_ = false;
  bool stopping_ = false;

  std::string helo_;
  bool esmtp_ = false;
  std::string pending_helo_;  // what HELO or EHLO will set once the answer is in
  bool pending_esmtp_ = false;
  std::string login_;
  // What few sessions have stands apart: most are idle most of the time.
  std::unique_ptr<proto::TlsFacts> tls_;
  Transaction transaction_;  // with the sender and the recipient that are being asked about
  bool recipients_refused_ = false;

  // One AUTH, while it lasts.
  struct Authentication {
    std::string mechanism;
    std::unique_ptr<sasl::Server> sasl;
    std::string user;  // whose keys are asked for
    sasl::Credentials credentials;
    std::optional<std::string> on_success;
    std::optional<std::string> on_failure;
    std::optional<Reply> verdict;  // what is said once the client has answered our last word
  };
  std::unique_ptr<Authentication> auth_;

  DotDecoder decoder_;
  LineEndWatch line_ends_;  // of chunks
  // The BDAT being read.
  struct Chunk {
    std::uint64_t left = 0;
    std::uint64_t size = 0;
    std::unique_ptr<Reply> refusal;  // why it is eaten
    bool is_last = false;
    bool was_reset = false;  // RSET between chunks: what came is being dropped
  };
  std::unique_ptr<Chunk> chunk_;
  std::unique_ptr<std::vector<std::pair<std::string, std::string>>> xclient_;  // being asked about
  std::uint64_t message_octets_ = 0;
  std::uint64_t block_octets_ = 0;
  std::uint64_t text_octets_ = 0;
  std::unique_ptr<Reply> verdict_;  // why the message being read will be refused

  bool peer_is_trusted_ = false;
  bool spoken_for_ = false;  // by XCLIENT; what comes behind the next greeting is the client's
  std::chrono::sys_seconds wall_time_{};
  proto::Time wall_time_told_{};
  proto::Time now_{};
  std::uint32_t mails_ = 0;
  std::uint32_t commands_ = 0;
  std::uint32_t errors_ = 0;
  std::uint32_t overshoot_ = 0;  // RCPTs of this transaction that were refused for now
  std::uint32_t auth_failures_ = 0;

  bool waiting_ = false;  // deadline_ counts for the command or block now awaited
  bool sending_ = false;
  proto::Time deadline_{};
  proto::Time transaction_deadline_{};
  proto::Time send_deadline_{};
};

}  // namespace postroad::smtp
