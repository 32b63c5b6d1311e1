// Parts that all carriers over SMTP share: the client's envelope for a part of the queue, the
// queue's attempt for the client's result, and the attempts that are under way, which a stop ends.
// Not here: connections (pool_carrier.hpp).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <postroad/mailbox.hpp>
#include <postroad/report.hpp>
#include <postroad/result.hpp>
#include <vector>

#include "queue/carrier.hpp"
#include "queue/spool_source.hpp"
#include "spool/spool.hpp"

namespace postroad::outbox {

/// The parameters of MAIL have the times that are left. With `passes_holds_on` the next server is
/// asked to hold the message (FUTURERELEASE); otherwise the queue has held it already.
Envelope envelope_of(const queue::Part& part, bool passes_holds_on);

/// The end of an attempt.
struct Ended {
  queue::Attempt attempt;
  /// By recipient: not tried, because the host accepts no more recipients in this transaction, or
  /// because the message belongs to another site; the next attempt begins at once. Empty: none.
  std::vector<bool> has_no_place{};
};

/// With the failure of the site.
Ended ended_by(const Result<SendReport>& result, std::size_t count);

/// One attempt that is under way.
struct Call {
  Call(spool::Spool& spool, const queue::Part& part_, queue::Carrier::Done done_)
      : part(part_), source(spool, part_), done(std::move(done_)) {}
  const queue::Part& part;
  queue::SpoolSource source;
  queue::Carrier::Done done;
  /// Ends it early; from any thread. Set by its start.
  std::function<void()> cancel{};
  /// The carrier is stopping: no other host is tried.
  std::atomic<bool> is_stopping = false;

  /// After an attempt with this result: whether another one would get through, because the
  /// host has no 8BITMIME and the message does not depend on it. Prepares the source for it.
  bool can_hide_8bit(const Result<SendReport>& result);
};

/// The attempts of one carrier. Thread rule: any thread.
class Calls final {
 public:
  /// Begins the call and sets Call::cancel. It may end before this returns. If it throws, the
  /// attempt did not begin.
  using Start = std::function<void(const std::shared_ptr<Call>&)>;

  explicit Calls(spool::Spool& spool) : spool_(spool) {}

  void begin(const queue::Part& part, queue::Carrier::Done done, const Start& start);
  /// Begins a call again that has ended its last try.
  void begin_again(const std::shared_ptr<Call>& call, const Start& start);
  void end(const std::shared_ptr<Call>& call, Ended ended);
  /// As Carrier::begin_stop.
  void begin_stop();
  /// As Carrier::stop.
  void stop(std::chrono::steady_clock::time_point until);

 private:
  static void cancel(Call& call) noexcept;
  void start(const std::shared_ptr<Call>& call, const Start& start);

  spool::Spool& spool_;
  std::mutex mutex_;
  std::condition_variable bell_;
  std::map<const Call*, std::shared_ptr<Call>> calls_;
  bool is_stopping_ = false;
  bool is_cut_ = false;  // those too whose final dot was sent
};

}  // namespace postroad::outbox
