// The interface for everything that decides about a session or a message: relay rules, logins, and
// later milters, SPF, DKIM, DMARC, HTTP hooks. Not here: where a message goes
// (store.hpp) and what one client may do (guard.hpp). docs/design/13-session-policy.md says why.
//
// A hook gets an Answer and calls it before it returns, or keeps it and calls it later from any
// thread. The session waits meanwhile, for at most ListenerSettings::policy_timeout, and other
// sessions go on. A stop of the server does not wait for the answer unless a message is under way.
// References and views that a hook was given are valid until it returns.
//
// Thread rule: any thread, and never two hooks of one session at once; those of different sessions
// run at the same time. Most hooks run on the session's own thread; the first `connect`, and
// `closed` of a session that was turned away, on the thread that accepts. A hook must not block:
// for an answer that takes time it starts a coroutine on SessionInfo::executor, or uses a thread.
//
// Exceptions. A hook that cannot decide answers 451. A hook that throws has a bug: its session ends
// at once without a reply, is logged (`session.failed`), and no other session notices. The client
// tries a message that was under way again: nothing of it was stored. An exception of the
// first `connect` closes the connection before the greeting (`accept.failed`: there is no session
// yet; `session.failed` behind a PROXY header). An exception of `auth` or `keys` accepts no login
// and does not count as a failed login. An exception of `closed` is logged, and the other policies
// are told of the end.
#pragma once

#include <optional>
#include <string_view>

#include "proto/sasl/mechanism.hpp"
#include "proto/smtp/server/server_machine.hpp"
#include "server/answer.hpp"
#include "server/session_info.hpp"

namespace postroad::server {

using smtp::Transaction;

class SessionPolicy {
 public:
  virtual ~SessionPolicy() = default;

  /// A client connected, or a trusted proxy named another client (XCLIENT). Before the greeting.
  virtual void connect(const SessionInfo&, Answer answer) { answer(); }
  /// HELO, EHLO or LHLO; `info.helo` is still that of the command before.
  virtual void helo(const SessionInfo&, std::string_view name, Answer answer) {
    (void)name;
    answer();
  }
  /// MAIL: `transaction` has the reverse-path and the parameters.
  virtual void mail(const SessionInfo&, const Transaction&, Answer answer) { answer(); }
  /// RCPT: `recipient` is the last one of the transaction.
  virtual void rcpt(const SessionInfo&, const Transaction&, const Mailbox& recipient,
                    Answer answer) {
    (void)recipient;
    answer();
  }
  /// DATA, or the first BDAT.
  virtual void data(const SessionInfo&, const Transaction&, Answer answer) { answer(); }
  /// Whether `body` is called at all.
  [[nodiscard]] virtual bool reads_bodies() const { return false; }
  /// The next bytes of the message, dots unstuffed. A refusal is the reply to the final dot.
  virtual void body(const SessionInfo&, std::string_view bytes, Answer answer) {
    (void)bytes;
    answer();
  }
  /// The message is complete: the last chance to refuse it, and to add to it (Additions).
  virtual void message(const SessionInfo&, const Transaction&, Answer answer) { answer(); }
  /// VRFY and EXPN, with the argument as received. The first policy of a chain that answers with a
  /// code ends the question.
  virtual void vrfy(const SessionInfo&, std::string_view text, Answer answer) {
    (void)text;
    answer();
  }
  virtual void expn(const SessionInfo&, std::string_view text, Answer answer) {
    (void)text;
    answer();
  }
  /// AUTH with a password or a token. `login_accepted()`, `login_refused()`,
  /// `login_unavailable()`, `logins_busy()`; code 0: this policy does not know the user, and the
  /// next one is asked.
  virtual void auth(const SessionInfo&, const sasl::Credentials&, Answer answer) { answer(); }
  /// The keys that a SASL mechanism needs of a user, at once; decoys for an unknown user. Nothing:
  /// this policy has no keys, and the next one is asked.
  virtual std::optional<sasl::Keys> keys(std::string_view user, std::string_view mechanism) {
    (void)user;
    (void)mechanism;
    return std::nullopt;
  }
  /// The session ended, for any reason. Called once if any other hook was.
  virtual void closed(const SessionInfo&) {}
};

/// The answers to `auth`.
Reply login_accepted();
Reply login_refused();
/// The backend was not reachable, or gave no verdict.
Reply login_unavailable();
/// Too many logins wait for their check.
Reply logins_busy();

}  // namespace postroad::server
