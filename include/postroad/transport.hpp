// The interface of everything that takes a message and reports the outcome per recipient: an SMTP
// server (client.hpp), several connections and relays (pool.hpp), the sendmail command, a folder,
// memory. Write a program against this, and use another implementation in its tests.
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
  /// Sends message data to an envelope. `source` is read from its current position. Error: nothing
  /// was delivered to any recipient; everything else is in the report, per recipient. Never throws.
  virtual Result<SendReport> send(const Envelope& envelope, MessageSource& source) = 0;
  /// Sends to the recipients that the message names.
  Result<SendReport> send(const Message& message);
  /// Sends to `envelope`, whatever recipients the message names: for another attempt, and for the
  /// options of an envelope.
  Result<SendReport> send(const Envelope& envelope, const Message& message);
};

/// Hands messages to a sendmail-compatible command: the recipients are its arguments, the message
/// its standard input. An address never counts as a flag, and no shell is involved. Exit codes of
/// sysexits.h: 0 accepts for all; EX_TEMPFAIL (75), EX_OSERR and EX_IOERR defer; others refuse.
/// When a signal ended the command, or the process ignores SIGCHLD, all outcomes are unknown. There
/// is no deadline: `send` waits until the command ends. Thread rule: any thread.
class POSTROAD_EXPORT SendmailTransport final : public Transport {
 public:
  /// `command`: the program and its first arguments.
  explicit SendmailTransport(std::vector<std::string> command = {"/usr/sbin/sendmail"});
  using Transport::send;
  Result<SendReport> send(const Envelope& envelope, MessageSource& source) override;

 private:
  std::vector<std::string> command_;
};

/// Writes each message into a folder as NAME.eml, with its envelope in header fields before it
/// (X-Envelope-From, X-Envelope-To). A file appears whole or not at all, and is synced when `send`
/// returns. Thread rule: any thread, and several processes.
class POSTROAD_EXPORT FileTransport final : public Transport {
 public:
  explicit FileTransport(std::string folder);
  using Transport::send;
  Result<SendReport> send(const Envelope& envelope, MessageSource& source) override;

 private:
  std::string folder_;
};

/// Keeps each message in memory, for tests. Thread rule: any thread.
class POSTROAD_EXPORT MemoryTransport final : public Transport {
 public:
  struct Sent {
    Envelope envelope;
    std::string bytes;  ///< the message as RFC 5322 has it, with CRLF line ends
  };
  using Transport::send;
  Result<SendReport> send(const Envelope& envelope, MessageSource& source) override;
  /// A copy of the messages so far.
  [[nodiscard]] std::vector<Sent> sent() const;
  void clear();
  /// The reply for a recipient: set it before the first `send` to refuse or defer; unset, all are
  /// accepted. Called on the sending thread, and concurrently when several threads send.
  std::function<Reply(const Mailbox& recipient)> answer;

 private:
  mutable std::mutex mutex_;
  std::vector<Sent> sent_;
};

}  // namespace postroad
