// The durable store of messages and of what became of each recipient: the contract that every
// engine keeps. The memory engine (memory.hpp) keeps it for tests, the journal (journal.hpp) on
// disk. Not here: SMTP, retries, routes. The states of a message are a page:
// docs/formats/states.md.
//
// Thread rule: Spool may be used from any thread. An Incoming or Reader belongs to one thread at a
// time. Callbacks run on the engine's own thread: they must be short, must not throw and must not
// call back into the engine; a server posts from them to the session's own loop.
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

/// Names one message for ever: ids grow, across restarts too, and are never given twice.
struct QueueId {
  std::uint64_t value = 0;
  /// Thirteen characters or fewer of 0-9A-Z without I, L, O, U: safe to read aloud and as a file
  /// name.
  [[nodiscard]] std::string text() const;
  /// Takes lower case too. Error: Fault::input with the text.
  static Result<QueueId> parse(std::string_view text);
  friend auto operator<=>(const QueueId&, const QueueId&) = default;
};

/// What is known of one recipient. The numbers are on disk and are never renumbered.
enum class State : std::uint8_t {
  pending = 0,    ///< not tried, or tried and deferred: `attempts` and `next_attempt` say which
  delivered = 1,  ///< handed on with a 2yz, or kept in a mailbox: never sent again
  refused = 2,    ///< failed for good: never sent again
  unknown = 3,    ///< the line broke after the final dot; it may have been delivered
};

/// One recipient of a queued message with its latest outcome.
struct Recipient {
  std::string address;   ///< whom it goes to, without the angle brackets
  std::string original;  ///< whom the client named, where an alias led from there; else empty
  State state = State::pending;
  std::uint32_t attempts = 0;
  std::int64_t next_attempt = 0;  ///< Unix time in milliseconds; 0: at once
  std::string note;               ///< the last reply or error, one line
  std::string parameters;         ///< what RCPT asked for it, in RCPT's own words: " NOTIFY=NEVER"
  friend bool operator==(const Recipient&, const Recipient&) = default;
};

/// Everything kept beside the octets of a message.
struct Envelope {
  std::string reverse_path;  ///< without the angle brackets; empty for the null reverse-path
  std::vector<Recipient> recipients;
  std::int64_t arrived = 0;  ///< Unix time in milliseconds
  std::string client;        ///< address of the peer, "[192.0.2.1]:4711"
  std::string helo;          ///< what the peer called itself
  std::string login;         ///< who was authenticated, empty for nobody
  std::string protocol;      ///< "SMTP", "ESMTP", "ESMTPS", "ESMTPSA" (RFC 3848)
  std::vector<std::pair<std::string, std::string>>
      options;  ///< what extensions must carry along, unchanged
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// A new outcome for one recipient, by its index in the envelope. Recording the same twice changes
/// nothing.
struct OutcomeRecord {
  std::uint32_t recipient = 0;
  State state = State::pending;
  std::uint32_t attempts = 0;
  std::int64_t next_attempt = 0;
  std::string note;
};

/// One line of a listing.
struct Summary {
  QueueId id;
  std::uint64_t size = 0;  ///< octets of the message
};

struct Statistics {
  std::uint64_t messages = 0;  ///< committed and not removed
  std::uint64_t octets = 0;    ///< of those messages
  std::uint64_t disk = 0;      ///< octets of all segments on disk
  std::uint64_t segments = 0;
  std::uint64_t commits = 0;  ///< since open
  std::uint64_t syncs = 0;    ///< since open
  std::uint64_t damaged = 0;  ///< records set aside since open, with the start's own
  std::uint64_t last_id = 0;  ///< the newest id that was given
};

using Done = std::function<void(Result<void>)>;

/// One message on its way in. Destroyed without `commit`, it leaves nothing behind.
class Incoming {
 public:
  virtual ~Incoming() = default;
  [[nodiscard]] virtual QueueId id() const = 0;
  /// Takes a copy of the octets. Memory is bounded: what exceeds a chunk goes to the writer.
  /// Error: the writer failed on an earlier chunk (Fault::full or Fault::io); the message is then
  /// lost to this Incoming and `commit` will say the same.
  virtual Result<void> append(std::string_view octets) = 0;
  /// False when the writer is behind and the caller should stop reading until `when_ready` calls.
  [[nodiscard]] virtual bool ready() const = 0;
  /// Calls `resume` once, on the engine's thread, when `ready()` holds again.
  virtual void when_ready(std::function<void()> resume) = 0;
  /// Puts bytes in front of all that were given so far, however large the message is. Before
  /// `commit`. They are held in memory until then.
  virtual void prepend(std::string_view bytes) = 0;
  /// Ends the message. `done` is called exactly once: with success only after everything, the
  /// folder's entry included, is on disk; with Fault::full or Fault::io otherwise, and then the
  /// message is not in the spool.
  virtual void commit(Envelope envelope, Done done) = 0;
};

/// Reads the octets of one message in order, in chunks of the engine's choosing.
class Reader {
 public:
  virtual ~Reader() = default;
  /// The next chunk, valid until the next call; empty at the end. Error: Fault::damaged, Fault::io.
  virtual Result<std::string_view> next() = 0;
};

class Spool {
 public:
  virtual ~Spool() = default;

  /// Begins a message. Error: Fault::full or Fault::io when the disk is known to refuse.
  virtual Result<std::unique_ptr<Incoming>> begin() = 0;
  /// Whether a message of that many octets (0: not known) would find room, asked before it is sent;
  /// it reserves nothing. Error: as for `begin`.
  virtual Result<void> room(std::uint64_t octets) = 0;
  /// Whether mail can be kept. Error: as for `begin`; also, for half a minute, why the last thing
  /// could not be written.
  [[nodiscard]] virtual Result<void> health() { return room(0); }
  /// The envelope with the latest outcomes. Error: Fault::not_found, Fault::damaged.
  virtual Result<Envelope> envelope(QueueId id) = 0;
  /// How many octets it has. Error: Fault::not_found.
  virtual Result<std::uint64_t> size(QueueId id) = 0;
  /// The octets. Error: Fault::not_found. The message may be removed while it is read: the reader
  /// goes on.
  virtual Result<std::unique_ptr<Reader>> read(QueueId id) = 0;
  /// All committed messages, oldest first.
  virtual std::vector<Summary> list() = 0;
  /// Keeps outcomes. With a `done`, it is called once they are on disk; without one they ride with
  /// the next sync and may be lost by a crash (for work that may be done twice).
  virtual void record(QueueId id, std::vector<OutcomeRecord> outcomes, Done done = {}) = 0;
  /// Forgets a message. `done` as for `record`.
  virtual void remove(QueueId id, Done done = {}) = 0;
  /// Called on the engine's thread for each message once it is on disk, before its `done`. Set
  /// once, before use.
  virtual void on_committed(std::function<void(QueueId)> listener) = 0;
  [[nodiscard]] virtual Statistics statistics() const = 0;
  /// Sentences about what was set aside or cut at the start, for the log.
  [[nodiscard]] virtual std::vector<std::string> findings() const = 0;
};

}  // namespace postroad::spool
