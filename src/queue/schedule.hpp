// Decides which message is looked at next and which site may be given one: the pure part of the
// queue. No clock, no I/O, no thread: time is an argument, so that days of retries run in a test at
// once. The Dispatcher acts on it (dispatcher.hpp).
//
// A message is in one place at a time: among the due ones, among those that wait for a time, in a
// site's line, or out with the Dispatcher, which puts it back. The memory of a waiting message is
// 16 bytes.
//
// Retries follow the steady clock: a wall clock that is set back or forward moves none of them.
// Holds (FUTURERELEASE, RFC 4865) name a date, so they follow the wall clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "queue/carrier.hpp"
#include "queue/fair_line.hpp"
#include "spool/spool.hpp"

namespace postroad::queue {

/// Due times of retries.
using Time = std::chrono::steady_clock::time_point;
/// Unix time in milliseconds, as envelopes and outcomes have it.
using WallTime = std::int64_t;

/// The times of the caller's clocks, both read at once.
struct Now {
  Time steady;
  WallTime wall = 0;
};

/// The pauses of a site whose hosts accept no messages.
struct PausePolicy {
  std::chrono::milliseconds first{1'000};  ///< it doubles with each failure in a row, up to
  std::chrono::milliseconds longest{300'000};
  /// A pause that has longer than this to go suspends the site: its messages are deferred in place
  /// of waiting in its line, so that their lifetime counts and their retries spread.
  std::chrono::milliseconds suspended_beyond{5'000};
};

/// The group of hosts that serve a destination, with its limit and its line of waiting messages.
///
/// The limit follows the site: it grows by one after twice as many successes as it allows messages,
/// and falls below the number of messages under way when a host asks for less (additive increase,
/// as in TCP). It also falls while transactions take twice as long as they did at best: the hosts
/// are at their limit before they say so (a gradient of latencies, as in TCP Vegas). A site that
/// fails several times in a row is down: one message at a time is tried, with growing pauses, until
/// one succeeds; then the site begins again with its initial limit, so that the end of an outage
/// brings no burst.
class Site final {
 public:
  Site(SiteLimits limits, PausePolicy pauses)
      : limits_(limits), limit_(std::min(limits.initial, limits.most)), pauses_(pauses) {}

  /// A message may be sent now: fewer than the limit are, no pause holds, and the rate allows it.
  [[nodiscard]] bool may_start(Time now) const;
  [[nodiscard]] bool is_suspended(Time now) const;
  /// Says when an attempt began, as the number of failures and lowered limits by then.
  using Epoch = std::uint32_t;
  /// An attempt begins; its Epoch is given back with its result.
  [[nodiscard]] Epoch started(Time now);
  void ended() { --in_flight_; }
  /// The site as a whole took no mail: it cannot be reached, answered 421, refused the login.
  /// Ignored if the attempt began before the last failure: messages that were under way at the same
  /// time meet the same failure.
  void failed(Time now, Epoch began, std::string why);
  /// A host asked for less; after ended(). The limit becomes the number of messages that are still
  /// under way, one at least. Where none is, `is_failure` says that no other host took the message:
  /// that counts as failed(), too. Ignored as there. True: the site waits for a time that the host
  /// asked for, and messages wait in its line: none is deferred for it.
  bool throttled(Time now, Epoch began, bool is_failure, Throttle throttle);
  /// The site answered for a message: accepted, refused or deferred. `latency` as Attempt has it.
  void worked(Epoch began, std::optional<std::chrono::milliseconds> latency = {});
  /// The limit that an earlier process had learnt.
  void remember(std::size_t limit);
  /// Forgets limit, failures, pauses and rate; attempts that are under way still count.
  void forget();
  /// Another carrier, and perhaps another destination, has this site's name from now on: all is as
  /// new, except for the line, the rate, and a pause that a host asked for. Attempts that began
  /// before are not given to ended().
  void reset();
  /// Begins a pause that a host had asked an earlier process for.
  void wait_until(Time until, std::string why);
  /// Ends a pause after failures: the next message tries the site.
  void end_pause() { paused_until_ = {}; }
  /// Ends a pause that a host asked for.
  void end_wait() { waits_until_ = {}; }

  /// The messages that wait for the site.
  [[nodiscard]] FairLine& line() { return line_; }
  [[nodiscard]] const FairLine& line() const { return line_; }
  [[nodiscard]] bool has_waiting() const { return !line_.is_empty(); }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  /// Nothing waits, nothing is under way, no pause holds, and the rate would allow an attempt.
  [[nodiscard]] bool is_idle(Time now) const {
    return line_.is_empty() && in_flight_ == 0 && paused_until() <= now && next_token() <= now;
  }
  /// Nothing was learnt of it.
  [[nodiscard]] bool is_as_new() const {
    return failures_ == 0 && successes_ == 0 && limit_ == std::min(limits_.initial, limits_.most);
  }
  /// It failed so often in a row that it is tried with one message at a time.
  [[nodiscard]] bool is_down() const { return failures_ >= limits_.failures; }
  /// The reason of the last failure or pause; empty after a success.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  /// When the pause ends or the rate allows an attempt, if a message waits for that.
  [[nodiscard]] std::optional<Time> next_wake(Time now) const;
  /// When the rate allows the next attempt; in the past: now.
  [[nodiscard]] Time next_token() const;
  /// The end of the pause; in the past: there is none.
  [[nodiscard]] Time paused_until() const { return std::max(paused_until_, waits_until_); }
  /// The end of the pause that a host asked for.
  [[nodiscard]] Time waits_until() const { return waits_until_; }
  /// Messages at once, now.
  [[nodiscard]] std::size_t limit() const { return is_down() ? 1 : limit_; }
  [[nodiscard]] const SiteLimits& limits() const { return limits_; }
  void set_limits(SiteLimits limits);
  /// A pause that holds is cut to the new longest one.
  void set_pauses(Time now, PausePolicy pauses);

 private:
  [[nodiscard]] bool is_slower();
  void begin_round();
  FairLine line_;
  SiteLimits limits_;
  std::size_t limit_;
  std::size_t successes_ = 0;               // since the limit changed
  std::chrono::milliseconds latencies_{0};  // of so many of these:
  std::size_t measured_ = 0;
  std::chrono::milliseconds best_latency_{0};  // mean of such a round; 0: not known
  std::size_t in_flight_ = 0;
  PausePolicy pauses_;
  std::uint32_t failures_ = 0;  // in a row
  Epoch epoch_ = 0;             // failures and lowered limits in all
  Time paused_until_{};         // after failures
  Time waits_until_{};          // a host asked for it
  std::size_t worked_since_asked_ = 0;
  unsigned times_asked_ = 0;  // for a pause, since then
  Time first_asked_{};
  Time rate_until_{};  // attempts so far use up the rate until then (GCRA, ITU-T I.371)
  std::string reason_;
};

/// The messages by time.
class Schedule final {
 public:
  explicit Schedule(Time start) : start_(start) {}

  /// Due now, behind those that are due already.
  void add(spool::QueueId id) { due_.push_back(id.value); }
  /// Due now, with all its recipients.
  void add_flushed(spool::QueueId id) { flushed_.push_back(id.value); }
  void add_retry(spool::QueueId id, Time due);
  void add_hold(spool::QueueId id, WallTime until);
  enum class Why : std::uint8_t {
    added,    ///< it is new here: its own times say whether it is due
    timed,    ///< it waited for its time, which has come
    flushed,  ///< all its recipients are due, whatever their times
  };
  struct Taken {
    spool::QueueId id;
    Why why = Why::added;
  };
  /// The next message that is due; nullopt: none.
  std::optional<Taken> take(const Now& now);
  /// Takes these messages out, wherever they are. Linear in the number of all messages.
  void take_out(const std::unordered_set<std::uint64_t>& ids);
  /// Makes everything due that waits for a retry. Holds stay.
  void flush();
  /// Makes the held messages due as if they were added: what decides about their holds has changed.
  void release_holds();
  /// When take() will have something; nullopt: only after an add. A hold is looked at once a
  /// minute at least, as the wall clock may jump.
  [[nodiscard]] std::optional<Time> next_wake(const Now& now) const;
  [[nodiscard]] std::size_t due() const { return due_.size() + flushed_.size(); }
  [[nodiscard]] std::size_t size() const {
    return due_.size() + flushed_.size() + retries_.size() + holds_.size();
  }

 private:
  struct Entry {
    std::int64_t at;  // milliseconds: since start_, or Unix time
    std::uint64_t id;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  struct Heap : std::priority_queue<Entry, std::deque<Entry>, std::greater<>> {
    void take_out(const std::unordered_set<std::uint64_t>& ids) {
      std::erase_if(c, [&](const Entry& entry) { return ids.contains(entry.id); });
      std::make_heap(c.begin(), c.end(), comp);
    }
  };
  [[nodiscard]] std::int64_t since_start(Time time) const {
    return std::chrono::ceil<std::chrono::milliseconds>(time - start_).count();
  }

  Time start_;
  std::deque<std::uint64_t> due_;
  std::deque<std::uint64_t> flushed_;
  Heap retries_;
  Heap holds_;
};

/// Unix time in milliseconds by the system's clock.
WallTime now_ms();

}  // namespace postroad::queue
