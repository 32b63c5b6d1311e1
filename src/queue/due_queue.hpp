// Which messages are due, now or later, and who has them in hand: the queue of the delivery
// threads. It knows ids and times only; what is done with a message is delivery.hpp's.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "spool/spool.hpp"

namespace postroad::queue {

/// Unix time in milliseconds, as envelopes and outcomes have it.
std::int64_t now_ms();

/// Mail for here has a lane of its own: a smarthost that is silent for minutes must not hold it up.
enum class Lane : std::uint8_t { local, remote };

/// Thread rule: any thread.
class DueQueue final {
 public:
  void add(Lane lane, spool::QueueId id);
  /// Due at a time, in the local lane: who looks at it then sends it on.
  void add_later(std::int64_t when, spool::QueueId id);
  /// Waits for messages and gives at most `most` of them, each to one caller until `release`; none
  /// once it is stopped.
  std::vector<spool::QueueId> take(Lane lane, std::size_t most);
  void release(const std::vector<spool::QueueId>& ids);
  void stop();

 private:
  struct Waiting {
    std::deque<spool::QueueId> due;
    std::condition_variable bell;
  };
  Waiting& of(Lane lane) { return lanes_[static_cast<std::size_t>(lane)]; }
  void bring_forward(std::int64_t now);

  std::mutex mutex_;
  std::array<Waiting, 2> lanes_;
  std::multimap<std::int64_t, spool::QueueId> later_;
  std::set<std::uint64_t> under_way_;
  bool stopping_ = false;
};

}  // namespace postroad::queue
