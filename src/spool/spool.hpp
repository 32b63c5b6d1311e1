// The durable store of messages and of each recipient's outcome: the interface and contract of all
// engines. memory.hpp stores in memory, for tests; journal.hpp on disk. Not here: SMTP, retries,
// routes. docs/formats/states.md explains the states of a message.
//
// Thread rule: Spool may be used from any thread. An Incoming or Reader is used by one thread at a
// time. Callbacks run on the engine's thread: they must be short, must not throw and must not call
// the engine. A server posts from them to the session's io_context.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <postroad/result.hpp>

namespace postroad::spool {

/// Identifies a message. Ids increase, across restarts too, and are never reused.
struct QueueId {
  std::uint64_t value = 0;
  /// At most 13 characters of 0-9 and A-Z without I, L, O and U: safe to dictate and as a file
  /// name.
  [[nodiscard]] std::string text() const;
  /// Accepts lower case. Error: Fault::input with the text.
  static Result<QueueId> parse(std::string_view text);
  friend auto operator<=>(const QueueId&, const QueueId&) = default;
};

/// State of one recipient. The numbers are on disk and are never renumbered.
enum class State : std::uint8_t {
  pending = 0,    ///< not tried, or tried and deferred: `attempts` and `next_attempt` say which
  delivered = 1,  ///< accepted by the next hop with a 2yz reply, or in a mailbox: not sent again
  refused = 2,    ///< failed permanently: not sent again
  unknown = 3,    ///< the connection was lost after the final dot: possibly delivered
};

/// One recipient of a queued message with its latest outcome.
struct Recipient {
  std::string address;   ///< the final recipient, without angle brackets
  std::string original;  ///< the client's RCPT address if an alias replaced it; otherwise empty
  State state = State::pending;
  std::uint32_t attempts = 0;
  std::int64_t next_attempt = 0;   ///< Unix time in milliseconds; 0: now
  std::string note;                ///< the last reply or error, one line
  std::string host;                ///< the server that said so (queue/server_text.hpp), or empty
  std::int64_t last_attempt = 0;   ///< Unix time in milliseconds; 0: not tried
  bool is_reported = false;        ///< the sender has been told of this state, or is not to be told
  bool is_delay_reported = false;  ///< the sender has been told of the delay
  bool is_held = false;            ///< not tried until an operator releases it
  std::string parameters;          ///< of RCPT, in its syntax: " NOTIFY=NEVER"
  friend bool operator==(const Recipient&, const Recipient&) = default;
};

/// Everything stored beside the bytes of a message.
struct Envelope {
  std::string reverse_path;  ///< without angle brackets; empty for the null reverse-path
  std::vector<Recipient> recipients;
  std::int64_t arrived = 0;  ///< Unix time in milliseconds
  std::string client;        ///< address of the peer, "[192.0.2.1]:4711"
  std::string helo;          ///< the peer's EHLO or HELO name
  std::string login;         ///< the authenticated user; empty without AUTH
  std::string protocol;      ///< "SMTP", "ESMTP", "ESMTPS", "ESMTPSA" (RFC 3848)
  std::vector<std::pair<std::string, std::string>>
      options;  ///< MAIL parameters and other values that extensions pass on unchanged
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// A new outcome of one recipient, by its index in the envelope. Idempotent: recording it twice
/// changes nothing.
struct OutcomeRecord {
  std::uint32_t recipient = 0;
  State state = State::pending;
  std::uint32_t attempts = 0;
  std::int64_t next_attempt = 0;
  std::string note;
  std::string host{};  ///< this and the following: as in Recipient
  std::int64_t last_attempt = 0;
  bool is_reported = false;
  bool is_delay_reported = false;
  bool is_held = false;
};

/// The record that leaves a recipient as it is.
OutcomeRecord outcome_of(const Envelope& envelope, std::uint32_t recipient);
/// Writes the outcome into the envelope; an index outside it is ignored.
void apply(Envelope& envelope, const OutcomeRecord& outcome);

/// One message in a listing.
struct Summary {
  QueueId id;
  std::uint64_t size = 0;  ///< bytes of the message
};

struct Statistics {
  std::uint64_t messages = 0;  ///< committed and not removed
  std::uint64_t bytes = 0;     ///< of those messages
  std::uint64_t disk = 0;      ///< bytes of all segments on disk
  std::uint64_t segments = 0;
  std::uint64_t commits = 0;  ///< since open
  std::uint64_t syncs = 0;    ///< since open
  std::uint64_t damaged = 0;  ///< damaged records, found at open and since
  std::uint64_t last_id = 0;  ///< the newest id that was assigned
};

using Done = std::function<void(Result<void>)>;

/// A message that is being received. Nothing of it remains if it is destroyed without `commit`.
class Incoming {
 public:
  virtual ~Incoming() = default;
  [[nodiscard]] virtual QueueId id() const = 0;
  /// Copies the bytes. Memory is bounded: full chunks go to the writer. Error: an earlier chunk
  /// could not be written (Fault::full or Fault::io); `commit` will then report the same error.
  virtual Result<void> append(std::string_view bytes) = 0;
  /// False when the writer is behind: the caller should not read more until `when_ready` calls
  /// back.
  [[nodiscard]] virtual bool ready() const = 0;
  /// Calls `resume` once, on the engine's thread, when `ready()` is true again.
  virtual void when_ready(std::function<void()> resume) = 0;
  /// Puts bytes in front of all that were given so far, however large the message is. Before
  /// `commit`. They are held in memory until then.
  virtual void prepend(std::string_view bytes) = 0;
  /// Ends the message. `done` is called exactly once: with success after everything is on disk, the
  /// directory entry included; otherwise with Fault::full or Fault::io, and the message is not in
  /// the spool.
  virtual void commit(Envelope envelope, Done done) = 0;
};

/// Reads the bytes of one message in order, in chunks of a size that the engine chooses.
class Reader {
 public:
  virtual ~Reader() = default;
  /// The next chunk, valid until the next call; empty at the end. Error: Fault::damaged, Fault::io.
  virtual Result<std::string_view> next() = 0;
};

class Spool {
 public:
  virtual ~Spool() = default;

  /// Begins a message. Error: Fault::full or Fault::io while the disk refuses writes.
  virtual Result<std::unique_ptr<Incoming>> begin() = 0;
  /// Checks that a message of this size in bytes (0: unknown) has room. It reserves nothing. Error:
  /// as for `begin`.
  virtual Result<void> room(std::uint64_t bytes) = 0;
  /// Checks that messages can be stored. Error: as for `begin`; also the last failed write, for 30
  /// seconds after it.
  [[nodiscard]] virtual Result<void> health() { return room(0); }
  /// The envelope with the latest outcomes. Error: Fault::not_found, Fault::damaged.
  virtual Result<Envelope> envelope(QueueId id) = 0;
  /// Size of the message in bytes. Error: Fault::not_found.
  virtual Result<std::uint64_t> size(QueueId id) = 0;
  /// A reader of the message. It stays valid if the message is removed meanwhile. Error:
  /// Fault::not_found.
  virtual Result<std::unique_ptr<Reader>> read(QueueId id) = 0;
  /// All committed messages, oldest first.
  virtual std::vector<Summary> list() = 0;
  /// At most `most` of them, those after `last`, oldest first: pages of a long list.
  virtual std::vector<Summary> list_after(QueueId last, std::size_t most) = 0;
  /// Records outcomes. They are visible at once. `done` is called when they are on disk. Without
  /// `done` they are written with the next sync, within JournalOptions::outcome_delay; a crash
  /// before it loses them, and the recipient is tried again. A failed write is then repeated.
  virtual void record(QueueId id, std::vector<OutcomeRecord> outcomes, Done done = {}) = 0;
  /// Commits `incoming`, which is from begin() of this spool, together with outcomes of another
  /// message: after a crash both are there, or neither. `done` as for Incoming::commit, and
  /// Fault::not_found if the other message is not in the spool; nothing is committed then.
  virtual void commit_with(std::unique_ptr<Incoming> incoming, Envelope envelope, QueueId other,
                           std::vector<OutcomeRecord> outcomes, Done done) = 0;
  /// Removes a message. `done` as for `record`.
  virtual void remove(QueueId id, Done done = {}) = 0;
  /// `listener` is called on the engine's thread for each message that is on disk, before its
  /// `done`. Set it once, before use.
  virtual void on_committed(std::function<void(QueueId)> listener) = 0;
  [[nodiscard]] virtual Statistics statistics() const = 0;
  /// Sentences for the log: what recovery found damaged, copied or cut off, and damage found since.
  [[nodiscard]] virtual std::vector<std::string> findings() const = 0;
};

}  // namespace postroad::spool
