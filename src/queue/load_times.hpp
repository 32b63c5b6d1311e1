// How much a message can have aged while this process had it, whatever the wall clock says: pure,
// with time as an argument. A wall clock that is set forward, though for a moment only, must not
// end the lifetime of young messages.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "queue/schedule.hpp"
#include "spool/spool.hpp"

namespace postroad::queue {

/// When messages came into this process, to ten minutes: queue ids increase, so a few marks serve
/// for all of them.
class LoadTimes final {
 public:
  /// The message is here from now on.
  void add(spool::QueueId id, const Now& now);
  /// The age at `now` of a message whose lifetime began at `since`. By the wall clock, but it has
  /// grown no faster than the steady clock while the message was here. Negative before `since`.
  [[nodiscard]] std::chrono::milliseconds age(spool::QueueId id, WallTime since,
                                              const Now& now) const;

 private:
  // Messages from this id on came here at that time or later.
  struct Mark {
    std::uint64_t id;
    Now time;
  };
  std::vector<Mark> marks_;  // ascending
};

}  // namespace postroad::queue
