// The queue of the delivery threads; see due_queue.hpp.
#include "queue/due_queue.hpp"

#include <chrono>

namespace postroad::queue {

namespace {
constexpr std::int64_t look_again = 1000;  // milliseconds
}  // namespace

std::int64_t now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// Only the first wakes a thread, which wakes the next when it leaves some behind: under load nobody
// sleeps, and a wake-up would be a system call for nothing.
void DueQueue::add(Lane lane, spool::QueueId id) {
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    is_first = of(lane).due.empty();
    of(lane).due.push_back(id);
  }
  if (is_first) of(lane).bell.notify_one();
}

void DueQueue::add_later(std::int64_t when, spool::QueueId id) {
  {
    const std::lock_guard lock(mutex_);
    later_.emplace(when, id);
  }
  of(Lane::local).bell.notify_one();
}

void DueQueue::bring_forward(std::int64_t now) {
  const bool was_empty = of(Lane::local).due.empty();
  while (!later_.empty() && later_.begin()->first <= now) {
    of(Lane::local).due.push_back(later_.begin()->second);
    later_.erase(later_.begin());
  }
  if (was_empty && !of(Lane::local).due.empty()) of(Lane::local).bell.notify_one();
}

std::vector<spool::QueueId> DueQueue::take(Lane lane, std::size_t most) {
  std::vector<spool::QueueId> ids;
  auto& waiting = of(lane);
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto now = now_ms();
    bring_forward(now);
    while (!waiting.due.empty() && ids.size() < most) {
      const auto id = waiting.due.front();
      waiting.due.pop_front();
      if (under_way_.insert(id.value).second) {
        ids.push_back(id);
      } else {
        later_.emplace(now + look_again, id);  // somebody has it in hand; it may be due again then
      }
    }
    if (!ids.empty()) {
      if (!waiting.due.empty()) waiting.bell.notify_one();
      return ids;
    }
    if (lane == Lane::remote || later_.empty()) {
      waiting.bell.wait(lock);
    } else {
      waiting.bell.wait_for(lock, std::chrono::milliseconds(later_.begin()->first - now));
    }
  }
  return {};
}

void DueQueue::release(const std::vector<spool::QueueId>& ids) {
  const std::lock_guard lock(mutex_);
  for (const auto id : ids) under_way_.erase(id.value);
}

void DueQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  for (auto& lane : lanes_) lane.bell.notify_all();
}

}  // namespace postroad::queue
