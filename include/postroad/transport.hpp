// The one interface of everything that takes a mail and says what became of it: a server by SMTP
// (client.hpp), several connections and relays (pool.hpp), the sendmail command, a folder, memory.
// Write a program against this and give it another in its tests.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <postroad/message.hpp>
#include <postroad/report.hpp>
#include <postroad/result.hpp>
#include <string>
#include <vector>

namespace postroad {

class POSTROAD_EXPORT Transport {
 public:
  virtual ~Transport() = default;
  /// Sends octets to an envelope of the caller's. `source` is read on from where it stands. Error:
  /// nothing was delivered to anybody; all else is in the report, recipient by recipient. Never
  /// throws.
  virtual Result<SendReport> send(const Envelope& envelope, MessageSource& source) = 0;
  /// Sends to the recipients that the message names.
  Result<SendReport> send(const Message& message);
  /// Sends it to an envelope of the caller's, whomever it names: for another attempt, and for what
  /// is asked of the servers.
  Result<SendReport> send(const Envelope& envelope, const Message& message);
};

/// Hands mails to a command that speaks as sendmail does: the recipients are its arguments, the
/// message its standard input; an address never counts as a flag. Exit codes of sysexits.h: 0
/// accepts for all, EX_TEMPFAIL (75) and EX_OSERR, EX_IOERR defer, others refuse. Ended by a
/// signal, or in a process that ignores SIGCHLD, all are unknown. No shell is involved. There is no
/// deadline: it waits until the command ends. Thread rule: any thread.
class POSTROAD_EXPORT SendmailTransport final : public Transport {
 public:
  /// `command`: the program and the arguments that come first.
  explicit SendmailTransport(std::vector<std::string> command = {"/usr/sbin/sendmail"});
  using Transport::send;
  Result<SendReport> send(const Envelope& envelope, MessageSource& source) override;

 private:
  std::vector<std::string> command_;
};

/// Writes each mail into a folder as NAME.eml, with its envelope in fields in front
/// (X-Envelope-From, X-Envelope-To). A file is there whole or not at all; it is synced when `send`
/// returns. Thread rule: any thread, and several processes.
class POSTROAD_EXPORT FileTransport final : public Transport {
 public:
  explicit FileTransport(std::string folder);
  using Transport::send;
  Result<SendReport> send(const Envelope& envelope, MessageSource& source) override;

 private:
  std::string folder_;
};

/// Keeps each mail for a test to look at. Thread rule: any thread.
class POSTROAD_EXPORT MemoryTransport final : public Transport {
 public:
  struct Sent {
    Envelope envelope;
    std::string octets;
  };
  using Transport::send;
  Result<SendReport> send(const Envelope& envelope, MessageSource& source) override;
  /// A copy of what came so far.
  [[nodiscard]] std::vector<Sent> sent() const;
  void clear();
  /// What a recipient hears: set it, before the first `send`, to refuse or defer; unset, all are
  /// accepted. Called on the thread that sends, by several at once if several do.
  std::function<Reply(const Mailbox& recipient)> answer;

 private:
  mutable std::mutex mutex_;
  std::vector<Sent> sent_;
};

}  // namespace postroad
