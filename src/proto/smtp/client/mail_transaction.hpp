// One mail transaction of the client (RFC 5321 section 3.3, pipelined as RFC 2920 allows): MAIL,
// RCPT, DATA or BDAT, their replies, and the outcome of each recipient. It writes to the machine's
// CommandQueue and says what the machine does next; the connection belongs to client_machine.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <postroad/mailbox.hpp>
#include <postroad/report.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "proto/action.hpp"
#include "proto/smtp/capabilities.hpp"
#include "proto/smtp/client/client_options.hpp"
#include "proto/smtp/client/command_queue.hpp"
#include "proto/smtp/dot_codec.hpp"

namespace postroad::smtp {

/// One message as the machine sees it; its bytes come by consult.
struct MailRequest {
  Envelope envelope;
  std::optional<std::uint64_t> size;  ///< bytes of the message, for SIZE=
  bool is_8bit = false;
  bool is_binary = false;   ///< bare CR or LF, or a last line without end, must stay: BINARYMIME
  bool needs_utf8 = false;  ///< the header holds UTF-8 (RFC 6531)
};

/// Why the server would refuse this request or drop a part of it, known before MAIL is sent.
/// `tls`: null without TLS.
std::optional<Error> preflight(const MailRequest& request, const Capabilities& capabilities,
                               const ClientOptions& options, const proto::TlsFacts* tls);
/// Removes the options that a relay may leave out where the server lacks the extension (RFC 3461,
/// 4865, 6710); never REQUIRETLS and BY=…;R.
void drop_unsupported(const Capabilities& capabilities, Envelope& envelope);

class MailTransaction final {
 public:
  /// The machine's next step.
  struct Next {
    enum class Do : std::uint8_t {
      keep,       ///< carry on in the state in which it is
      talk,       ///< write what is queued, read replies
      send_data,  ///< ask for message data
      end,        ///< the transaction is over
      give_up,    ///< over, and the connection cannot be used again
      lost,       ///< the connection was lost before; all replies that came are read
      stop,       ///< `stage` was answered, and the caller asked to stop there
      fail,       ///< `error` ends the session
    };
    Do what = Do::keep;
    Stage stage = Stage::none;
    std::optional<Error> error{};
  };

  /// All references must outlive the transaction.
  MailTransaction(const ClientOptions& options, const Capabilities& capabilities,
                  CommandQueue& queue, MailRequest request);

  /// Writes MAIL and, with pipelining, what may follow it.
  void begin();
  /// `is_lost`: the connection is gone, and the reply was read from what came before.
  Next on_reply(const Expect& expect, const Reply& reply, bool is_lost);
  void body(std::string_view bytes);
  Next body_end();
  /// The undecided recipients get this error: unknown behind the end of the message, else deferred.
  void fail(const Error& error);

  /// The next transaction may begin behind the end of this one (RFC 2920 section 3.1): each reply
  /// is known to belong to one of them.
  [[nodiscard]] bool may_be_followed() const;
  [[nodiscard]] const SendReport& report() const { return report_; }
  [[nodiscard]] bool is_chunked() const { return is_chunked_; }
  /// The final dot or the last BDAT is queued or sent: the message may be delivered.
  [[nodiscard]] bool has_ended() const { return has_ended_; }

 private:
  [[nodiscard]] bool pipelines() const;
  [[nodiscard]] bool has_undecided() const;
  Next advance();
  Next decide_after_recipients();
  void put_mail();
  void put_data();
  void put_rset();
  void put_chunk(bool last);
  void expect_end();
  Next on_mail(const Reply& reply);
  Next on_rcpt(std::size_t recipient, const Reply& reply);
  Next on_data(const Reply& reply);
  Next on_chunk(const Reply& reply, bool is_lost);
  Next on_end(std::size_t recipient, const Reply& reply, bool is_lost);
  Next on_differing_recipients(const Reply& reply);
  Next refuse(Stage stage, const Reply& reply) const;
  void settle(const Reply& reply, Stage stage);
  void settle(std::size_t recipient, const Reply& reply, Stage stage);

  const ClientOptions& options_;
  const Capabilities& capabilities_;
  CommandQueue& queue_;
  MailRequest request_;
  SendReport report_;
  std::size_t next_recipient_ = 0;  // the first RCPT that is not written
  bool data_put_ = false;
  bool mail_refused_ = false;
  bool asks_utf8_ = false;   // MAIL has SMTPUTF8
  bool asks_prdr_ = false;   // MAIL has PRDR
  bool is_chunked_ = false;  // BDAT in place of DATA
  bool has_ended_ = false;
  DotEncoder encoder_;
  std::string chunk_;        // bytes of the next BDAT, which may be the last
  std::vector<Reply> each_;  // PRDR: replies per recipient, valid with a final 2yz
};

}  // namespace postroad::smtp
