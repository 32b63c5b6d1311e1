// The receiving SMTP as a machine without I/O, in the form of proto/action.hpp: it takes bytes,
// asks policy, store and login backend by questions, and writes replies.
//
//   command.hpp            the table of commands
//   server_commands.cpp    their handlers; replies are beside their checks
//   server_answers.cpp     what the answer to each question does
//   server_extensions.cpp  the EHLO list, the parameters of MAIL, XCLIENT
//   server_auth.cpp        AUTH
//   server_data.cpp        message data, by DATA or BDAT
//   line_reader.hpp        lines out of bytes
//
// A question is answered by `answered(reply)`: code 0 means yes, with the usual reply; 2yz is yes
// with another reply; 4yz and 5yz refuse; 421 refuses and closes. All checks of a command come
// before its question, and the transaction changes when the answer is in: nothing refuses after
// something changed.
#pragma once

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
#include "proto/smtp/dot_codec.hpp"
#include "proto/smtp/mail_parameters.hpp"
#include "proto/smtp/path.hpp"
#include "proto/smtp/server/command.hpp"
#include "proto/smtp/server/line_reader.hpp"
#include "proto/smtp/server/server_options.hpp"

namespace postroad::smtp {

constexpr std::size_t most_helo_bytes = 255;  ///< of a client's name (RFC 5321 section 4.5.3.1.2)

enum class Body : std::uint8_t { seven_bit, eight_bit_mime, binary_mime };

/// The state of one mail transaction (RFC 5321 section 3.3).
struct Transaction {
  Mailbox reverse_path;
  std::vector<Mailbox> recipients;
  Body body = Body::seven_bit;
  bool smtputf8 = false;
  bool prdr = false;
  /// SIZE=; checked against the limit, reserves no memory.
  std::optional<std::uint64_t> declared_size;
  // On the heap, because few messages have any and most sessions idle.
  std::unique_ptr<MailOptions> options;  ///< null: no option was given
  /// Options of the recipients in order; may be shorter. Null: no option was given.
  std::unique_ptr<std::vector<RecipientOptions>> recipient_options;
  [[nodiscard]] const std::vector<RecipientOptions>& asked_of_recipients() const;
  /// Makes it new; keeps the memory of the recipients for the next transaction.
  void clear();
};

// The questions. Views and references are valid until the answer.

/// A session begins; a refusal is sent as the greeting and closes.
struct AskConnect {};
/// The client's name. Any bytes but control characters; at most 255.
struct AskHelo {
  std::string_view name;
};
/// A transaction is about to begin.
struct AskMail {
  const Transaction& transaction;
};
/// A recipient is about to be added.
struct AskRcpt {
  const Mailbox& recipient;
};
/// Message data is about to come.
struct AskData {};
/// A part of the message data. After a refusal the rest is read and dropped.
struct AskBody {
  std::string_view bytes;
};
/// The message data has ended: commit it and answer 250 when it is durable, or, with `keep` false,
/// drop what came for the reason `why` (code 0: no reply was sent).
struct AskEnd {
  bool keep;
  const Reply* why = nullptr;
};
/// A trusted peer speaks for this client from now on.
struct AskXclient {
  /// Names in capitals, values decoded; "[UNAVAILABLE]" and "[TEMPUNAVAIL]" are not replaced.
  const std::vector<std::pair<std::string, std::string>>& attributes;
};
/// Whether the credentials are right: 235, 535 or 454.
struct AskAuth {
  const sasl::Credentials& credentials;
  const std::string& mechanism;
};
/// The keys of a user; answered by answered_keys().
struct AskKeys {
  const std::string& user;
  const std::string& mechanism;
};
struct AskVrfy {
  std::string_view text;
};
struct AskExpn {
  std::string_view text;
};
using Question = std::variant<AskConnect, AskHelo, AskMail, AskRcpt, AskData, AskBody, AskEnd,
                              AskAuth, AskKeys, AskVrfy, AskExpn, AskXclient>;

/// How a session ended, for logs.
enum class Ending : std::uint8_t {
  open,
  quit,
  closed_by_peer,
  timeout,
  too_many_errors,
  stopped,
  refused,
  failed,
  not_smtp,  ///< the client speaks HTTP, or TLS where plaintext comes first
};

class ServerMachine final {
 public:
  explicit ServerMachine(const ServerOptions& options);  ///< `options` must outlive the machine
  explicit ServerMachine(ServerOptions&& options) = delete;

  [[nodiscard]] proto::Action next(proto::Time now);
  void received(std::string_view bytes);
  /// Whether bytes of the last `received` are still in use, here or by the question.
  [[nodiscard]] bool needs_input() const;
  void closed();  ///< the peer ended its side
  void sent(std::size_t count);
  void tls_up(proto::TlsFacts facts);
  void failed(const Error& error);
  [[nodiscard]] const Question& question() const { return *question_; }
  /// `each`: for AskEnd, a reply per recipient, or empty when all get `reply`. Sent to clients that
  /// speak LMTP or requested PRDR; the others get `reply`.
  void answered(const Reply& reply, const std::vector<Reply>& each = {});
  void answered_keys(const sasl::Keys& keys);
  /// Offers XCLIENT to this peer, where ServerExtensions::xclient is set.
  void trust_peer() { proxy_.is_trusted = true; }
  /// The wall clock's time, for FUTURERELEASE; told while EHLO is asked about. From then on it
  /// advances with the time given to `next`.
  void tell_time(std::chrono::sys_seconds now) { clock_ = {now, clock_.now, clock_.now}; }
  /// Begins no new transaction: a session that idles, in AUTH too, is closed with 421, one in a TLS
  /// handshake without a reply; one inside a message ends the message first.
  void stop() { stopping_ = true; }
  /// A stop ends the session now: it was requested, and no message is under way.
  [[nodiscard]] bool is_stopped() const { return stopping_ && !is_in_transaction(); }
  /// In place of `answered`, when is_stopped(): the answer is no longer awaited, and the
  /// session ends with 421 (RFC 5321 section 3.8).
  void withdraw_question();
  /// A mail transaction is under way: MAIL was accepted, and the message has not ended.
  [[nodiscard]] bool is_in_transaction() const { return phase_ >= Phase::mail; }

  [[nodiscard]] const ServerOptions& options() const { return options_; }
  [[nodiscard]] const Transaction& transaction() const { return transaction_; }
  [[nodiscard]] const std::string& helo() const { return hello_.name; }
  [[nodiscard]] bool is_esmtp() const { return hello_.is_esmtp; }
  [[nodiscard]] const std::string& login() const { return login_; }        ///< empty: not logged in
  [[nodiscard]] const proto::TlsFacts* tls() const { return tls_.get(); }  ///< null: no TLS
  [[nodiscard]] Ending ending() const { return ending_; }
  /// Bytes of the message that is read or was read last.
  [[nodiscard]] std::uint64_t message_bytes() const { return data_.bytes; }
  /// Bytes of message data so far, with messages that were refused or not finished.
  [[nodiscard]] std::uint64_t data_bytes() const { return counts_.data_bytes; }
  /// Commands refused so far.
  [[nodiscard]] std::uint32_t errors() const { return counts_.errors; }

 private:
  friend struct CommandTable;  // names the handlers
  enum class Mode : std::uint8_t { start, commands, auth, text, chunk, closing };

  // Replies on their way out.
  struct Output {
    std::string bytes;
    std::size_t sent = 0;
    bool is_sending = false;    // deadline counts
    bool sheds_memory = false;  // once all is sent
    proto::Time deadline{};
    [[nodiscard]] std::size_t unsent() const { return bytes.size() - sent; }
    void clear() {
      bytes.clear();
      sent = 0;
    }
  };
  // The client's name, by HELO, EHLO or LHLO.
  struct Hello {
    std::string name{};
    bool is_esmtp = false;
  };
  // One AUTH, while it lasts.
  struct Authentication {
    std::string mechanism;
    std::unique_ptr<sasl::Server> sasl;
    std::string user;  // whose keys are requested
    sasl::Credentials credentials;
    std::optional<std::string> on_success;
    std::optional<std::string> on_failure;
    std::optional<Reply> verdict;  // sent once the client has answered the mechanism's last words
  };
  // The BDAT that is read.
  struct Chunk {
    std::uint64_t left = 0;
    std::uint64_t size = 0;
    std::unique_ptr<Reply> refusal;  // its bytes are dropped, then this is sent
    bool is_last = false;
    bool was_reset = false;  // RSET between chunks: the message is dropped
  };
  // The message that is read.
  struct MessageData {
    DotDecoder decoder;
    LineEndWatch line_ends;  // of chunks
    std::uint64_t bytes = 0;
    std::uint64_t block_bytes = 0;   // towards the deadline of a block
    std::unique_ptr<Reply> verdict;  // why the message will be refused
  };
  using Attributes = std::vector<std::pair<std::string, std::string>>;
  struct Proxy {
    bool is_trusted = false;
    bool has_spoken = false;  // by XCLIENT; what follows the next greeting is the client's
    std::unique_ptr<Attributes> attributes;  // in question
  };
  struct WallClock {
    std::chrono::sys_seconds wall{};
    proto::Time told{};
    proto::Time now{};
  };
  // Counted for the session; `overshoot` for the transaction.
  struct Counts {
    std::uint32_t messages = 0;
    std::uint32_t commands = 0;
    std::uint32_t errors = 0;
    std::uint32_t auth_failures = 0;
    std::uint32_t overshoot = 0;  // RCPTs of this transaction that were refused for now
    std::uint64_t data_bytes = 0;
  };
  struct Waits {
    bool is_waiting = false;  // `deadline` counts for the command or block that is awaited
    bool is_asking = false;   // a question was put at `asked`
    proto::Time deadline{};
    proto::Time transaction{};
    proto::Time asked{};
  };

  bool advance();
  bool take_line(std::string_view& line);
  void line_too_long();
  void refuse_bare_lf();
  void arm(proto::Time now);
  void excuse(proto::Time now);
  void say_stopped();

  // Commands.
  void on_command(std::string_view line);
  [[nodiscard]] std::optional<Reply> check(const CommandLine& command) const;
  [[nodiscard]] std::optional<Reply> check_protocol(Verb verb) const;
  [[nodiscard]] Reply out_of_order(const CommandRow& row) const;
  void on_helo(const CommandLine& command);
  void on_mail(const CommandLine& command);
  void on_rcpt(const CommandLine& command);
  void on_data(const CommandLine& command);
  void on_rset(const CommandLine& command);
  void on_noop(const CommandLine& command);
  void on_quit(const CommandLine& command);
  void on_vrfy(const CommandLine& command);
  void on_expn(const CommandLine& command);
  void on_help(const CommandLine& command);
  void on_starttls(const CommandLine& command);
  void on_auth(const CommandLine& command);
  void on_bdat(const CommandLine& command);
  void on_xclient(const CommandLine& command);
  [[nodiscard]] bool is_spoken(Verb verb) const;
  [[nodiscard]] Reply ehlo_reply() const;
  [[nodiscard]] std::string auth_line() const;
  std::optional<Reply> apply_parameters(std::string_view text, Transaction& transaction) const;
  std::optional<Reply> read_recipient_options(std::string_view text, RecipientOptions& asked) const;
  [[nodiscard]] Offered offered() const;
  [[nodiscard]] std::optional<Reply> check_options(const MailOptions& asked) const;

  // Answers, one per question.
  using Each = std::vector<Reply>;
  void on_answer(const AskConnect& asked, const Reply& answer, const Each& each);
  void on_answer(const AskHelo& asked, const Reply& answer, const Each& each);
  void on_answer(const AskMail& asked, const Reply& answer, const Each& each);
  void on_answer(const AskRcpt& asked, const Reply& answer, const Each& each);
  void on_answer(const AskData& asked, const Reply& answer, const Each& each);
  void on_answer(const AskBody& asked, const Reply& answer, const Each& each);
  void on_answer(const AskEnd& asked, const Reply& answer, const Each& each);
  void on_answer(const AskAuth& asked, const Reply& answer, const Each& each);
  void on_answer(const AskKeys& asked, const Reply& answer, const Each& each);
  void on_answer(const AskVrfy& asked, const Reply& answer, const Each& each);
  void on_answer(const AskExpn& asked, const Reply& answer, const Each& each);
  void on_answer(const AskXclient& asked, const Reply& answer, const Each& each);
  void reply_or(const Reply& answer, const Reply& usual);
  void reply_greeting(const Reply& answer);
  void forget_client();
  void drop_recipient();

  // AUTH.
  void on_auth_line(std::string_view line);
  void continue_auth(std::optional<std::string_view> response);
  void follow_auth(sasl::Server::Move move);
  void end_auth(const Reply& reply);
  [[nodiscard]] sasl::Context sasl_context(std::string_view name) const;
  [[nodiscard]] bool offers_mechanism(std::string_view name) const;

  // Message data.
  void on_text();
  void on_text_end();
  void on_chunk();
  void on_chunk_end();
  void begin_text();
  void take_bytes(std::string_view bytes);
  void count_block(std::uint64_t bytes);
  bool gives_up_reading();
  void say_end(const Reply& reply, const Each& each);

  void ask(Question question);
  void reply(int code, EnhancedStatus status, std::string_view text);
  void reply(const Reply& reply);
  void refuse(const Reply& reply);
  void refuse_recipient(const Reply& reply);
  void close(Ending ending);
  void reset_transaction();
  [[nodiscard]] std::chrono::sys_seconds wall_time() const;

  const ServerOptions& options_;
  Mode mode_ = Mode::start;
  Phase phase_ = Phase::greeted;
  Ending ending_ = Ending::open;
  std::string_view input_;  // bytes of the last received() that are not taken
  LineReader lines_;
  Output out_;
  std::optional<Question> question_;
  bool start_tls_ = false;
  bool stopping_ = false;

  Hello hello_;
  Hello pending_hello_;  // in question
  std::string login_;
  std::unique_ptr<proto::TlsFacts> tls_;
  Transaction transaction_;  // with the sender and the recipient that are in question
  bool recipients_refused_ = false;
  std::unique_ptr<Authentication> auth_;
  std::unique_ptr<Chunk> chunk_;
  MessageData data_;
  Proxy proxy_;
  WallClock clock_;
  Counts counts_;
  Waits waits_;
};

}  // namespace postroad::smtp
