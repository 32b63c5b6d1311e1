// Messages that must not be lost though the program ends: `submit` returns when the message is on
// disk, a background worker sends it, tries again with growing pauses and across restarts, and
// reports the outcome of each recipient. No server is needed. Library: libpostroad-queue
// (postroad::queue).
//
//   auto outbox = postroad::Outbox::open({.folder = "/var/lib/app/outbox",
//                                         .relays = {"smtp://mail.example:587"}, .login = login});
//   auto id = (*outbox)->submit(message, "order-4711");     // twice with one key is sent once
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <postroad/pool.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad {

/// The state of one recipient of a submitted message.
struct POSTROAD_EXPORT OutboxRecipient {
  Mailbox address{};
  /// nullopt: more attempts follow. Never `deferred`; `refused` also means that the outbox gave up
  /// after OutboxOptions::give_up_after.
  std::optional<Outcome> outcome{};
  std::uint32_t attempts = 0;
  /// Time of the next attempt; set only while `outcome` is empty.
  std::chrono::system_clock::time_point next_attempt{};
  std::string note{};  ///< the last reply or error, one line
};

struct POSTROAD_EXPORT OutboxStatus {
  std::string id{};
  std::string key{};  ///< the idempotency key given to `submit`, if any
  std::chrono::system_clock::time_point submitted{};
  std::vector<OutboxRecipient> recipients{};
  /// Whether every recipient has an outcome.
  [[nodiscard]] bool is_done() const noexcept;
};

struct POSTROAD_EXPORT OutboxOptions {
  std::string folder{};               ///< made if it is missing; only one process at a time uses it
  std::vector<std::string> relays{};  ///< as Pool takes them
  std::optional<Login> login{};
  ClientOptions client{};
  PoolOptions pool{};
  std::chrono::milliseconds initial_retry_delay{60'000};  ///< it doubles up to
  std::chrono::milliseconds max_retry_delay{14'400'000};
  std::chrono::milliseconds give_up_after{5LL * 86'400'000};  ///< from submission
  /// Sends again where the outcome is unknown (the connection was lost after the final dot): it
  /// counts as 421 (RFC 5321 section 3.8), and the message may arrive twice. False: the recipient
  /// stays `unknown`, and the message may be lost. See also Outbox::set_retry_unknown.
  bool retry_unknown = true;
  /// How long a message that is done stays, for `status` and so that its key is not sent again.
  std::chrono::milliseconds remember{86'400'000};
  /// How long the destructor waits for the reply to a final dot that was sent. Without the reply
  /// the outcome is unknown.
  std::chrono::milliseconds stop_patience{2'000};
  /// Called after each attempt that decided or deferred a recipient, on a thread of the outbox's
  /// own. It must be short; an exception from it is dropped. `status`, `list` and `submit` must not
  /// be called from it.
  std::function<void(const OutboxStatus&)> on_outcome{};
};

/// A durable outbox in a folder of its own.
///
/// A message is sent at least once: a crash between a relay's 250 and the record of it sends again,
/// and so does a connection that is lost after the final dot, unless OutboxOptions::retry_unknown
/// is false. Thread rule: all members from any thread. The destructor ends the attempts that have
/// not sent their final dot, waits for the others (OutboxOptions::stop_patience) and stops the
/// worker; what is not done goes on at the next `open`.
class POSTROAD_EXPORT Outbox final {
 public:
  /// Error: Fault::input, also for a relay's URL or a client's option that is wrong; Fault::busy
  /// when another process has the folder; Fault::io, also without a thread; Fault::full.
  static Result<std::unique_ptr<Outbox>> open(OutboxOptions options);
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Returns the message's id once it is on disk. With a key that was submitted before, and is
  /// still remembered, nothing is stored and the first message's id is returned. Error:
  /// Fault::input, Fault::io, Fault::full: the message is not in the outbox.
  Result<std::string> submit(const Message& message, std::string_view key = {});
  Result<std::string> submit(const Envelope& envelope, MessageSource& source,
                             std::string_view key = {});

  /// Error: Fault::not_found: never submitted, or forgotten.
  [[nodiscard]] Result<OutboxStatus> status(std::string_view id) const;
  /// The status by the key given to `submit`.
  [[nodiscard]] Result<OutboxStatus> find(std::string_view key) const;
  /// All remembered messages, oldest first.
  [[nodiscard]] std::vector<OutboxStatus> list() const;
  /// Waits until the message is done; false: not within `patience`. Also true when it is done and
  /// forgotten (OutboxOptions::remember); false at once for an id that was never assigned.
  bool wait(std::string_view id, std::chrono::milliseconds patience) const;
  /// Makes all messages due that wait for their next attempt.
  void flush();
  /// OutboxOptions::retry_unknown from now on. True also releases the recipients whose outcome is
  /// `unknown` in messages that are remembered: their outcome is empty again, and the next attempt
  /// follows at once, or with the retry that the message waits for.
  void set_retry_unknown(bool retries);

 private:
  struct State;
  explicit Outbox(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace postroad
