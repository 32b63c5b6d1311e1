// Due times, sites and their pauses; see schedule.hpp.
#include "queue/schedule.hpp"

#include <algorithm>

namespace postroad::queue {

WallTime now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

namespace {

constexpr std::chrono::hours asked_together{1};
constexpr std::size_t enough_successes = 100;
constexpr std::chrono::milliseconds latency_noise{50};

Time::duration interval_of(const Rate& rate) { return Time::duration(rate.per) / rate.count; }

}  // namespace

bool Site::may_start(Time now) const {
  return now >= paused_until() && in_flight_ < limit() && now >= next_token();
}

Site::Epoch Site::started(Time now) {
  ++in_flight_;
  const auto& rate = limits_.rate;
  if (rate.count > 0) rate_until_ = std::max(rate_until_, now) + interval_of(rate);
  return epoch_;
}

bool Site::is_suspended(Time now) const { return paused_until_ - now > pauses_.suspended_beyond; }

void Site::failed(Time now, Epoch began, std::string why) {
  if (began != epoch_) return;
  ++epoch_;
  reason_ = std::move(why);
  if (++failures_ < limits_.failures) return;
  const auto doublings = std::min<std::uint32_t>(failures_ - limits_.failures, 20);
  paused_until_ = now + std::min(pauses_.longest, pauses_.first * (std::int64_t{1} << doublings));
}

bool Site::throttled(Time now, Epoch began, bool is_failure, Throttle throttle) {
  if (began != epoch_) return false;
  limit_ = std::max<std::size_t>(1, std::min(limit_, in_flight_));
  begin_round();
  if (throttle.pause.count() > 0) {
    worked_since_asked_ = 0;
    if (times_asked_ == 0 || now - first_asked_ > asked_together) {
      first_asked_ = now;
      times_asked_ = 0;
    }
    if (++times_asked_ >= throttle.after) {
      ++epoch_;
      times_asked_ = 0;
      limit_ = 1;
      wait_until(now + throttle.pause, std::move(throttle.why));
      return true;
    }
  }
  if (in_flight_ == 0 && (is_failure || is_down())) {
    failed(now, began, std::move(throttle.why));
  } else {
    reason_ = std::move(throttle.why);
    ++epoch_;
  }
  return false;
}

void Site::wait_until(Time until, std::string why) {
  waits_until_ = std::max(waits_until_, until);
  reason_ = std::move(why);
}

void Site::begin_round() {
  successes_ = measured_ = 0;
  latencies_ = {};
}

// At the end of a round of successes. A host that is slow with one message at a time has another
// reason than the load: it is measured by its present time from then on.
bool Site::is_slower() {
  if (measured_ == 0) return false;
  const auto mean =
      std::max(latencies_ / static_cast<std::int64_t>(measured_), std::chrono::milliseconds(1));
  const bool is_slow = best_latency_.count() > 0 && mean > 2 * best_latency_ + latency_noise;
  if (is_slow && limit_ > 1) return true;
  if (is_slow || best_latency_.count() == 0 || mean < best_latency_) best_latency_ = mean;
  return false;
}

void Site::worked(Epoch began, std::optional<std::chrono::milliseconds> latency) {
  if (began != epoch_) return;
  if (latency) {
    latencies_ += *latency;
    ++measured_;
  }
  if (is_down()) {
    limit_ = std::min(limits_.initial, limits_.most);
    begin_round();
  } else if ((latency || limit_ < limits_.most) && ++successes_ >= 2 * limit_) {
    if (is_slower())
      limit_ = std::max<std::size_t>(limit_ - 1, 1);
    else if (limit_ < limits_.most)
      ++limit_;
    begin_round();
  }
  // Many successes between two demands: the site serves.
  if (times_asked_ > 0 && ++worked_since_asked_ >= enough_successes) times_asked_ = 0;
  failures_ = 0;
  paused_until_ = {};
  reason_.clear();
}

void Site::set_limits(SiteLimits limits) {
  if (limits == limits_) return;
  if (limits.rate != limits_.rate) rate_until_ = {};
  limits_ = limits;
  limit_ = std::min(limit_, limits.most);
}

void Site::remember(std::size_t limit) { limit_ = std::clamp<std::size_t>(limit, 1, limits_.most); }

void Site::forget() {
  ++epoch_;
  limit_ = std::min(limits_.initial, limits_.most);
  begin_round();
  best_latency_ = {};
  failures_ = 0;
  times_asked_ = 0;
  end_pause();
  end_wait();
  rate_until_ = {};
  reason_.clear();
}

void Site::reset() {
  const auto until = waits_until_;
  const auto rate_until = rate_until_;
  auto why = std::move(reason_);
  forget();
  rate_until_ = rate_until;
  if (until != Time{}) wait_until(until, std::move(why));
  in_flight_ = 0;
}

void Site::set_pauses(Time now, PausePolicy pauses) {
  pauses_ = pauses;
  paused_until_ = std::min(paused_until_, now + pauses.longest);
}

Time Site::next_token() const {
  if (limits_.rate.count == 0) return {};
  // The attempts of one second may come together.
  const Time::duration together = std::min(limits_.rate.per, std::chrono::milliseconds(1000));
  return rate_until_ - std::max(together - interval_of(limits_.rate), Time::duration(0));
}

std::optional<Time> Site::next_wake(Time now) const {
  const auto until = std::max(paused_until(), next_token());
  if (line_.is_empty() || until <= now) return std::nullopt;
  return until;
}

void Schedule::add_retry(spool::QueueId id, Time due) {
  retries_.push({since_start(due), id.value});
}

void Schedule::add_hold(spool::QueueId id, WallTime until) { holds_.push({until, id.value}); }

std::optional<Schedule::Taken> Schedule::take(const Now& now) {
  const auto pop = [](Heap& heap) {
    const Taken taken{spool::QueueId{heap.top().id}, Why::timed};
    heap.pop();
    return taken;
  };
  const auto steady = std::chrono::floor<std::chrono::milliseconds>(now.steady - start_).count();
  if (!retries_.empty() && retries_.top().at <= steady) return pop(retries_);
  if (!holds_.empty() && holds_.top().at <= now.wall) return pop(holds_);
  const auto pop_front = [](std::deque<std::uint64_t>& line, Why why) {
    const Taken taken{spool::QueueId{line.front()}, why};
    line.pop_front();
    return taken;
  };
  if (!flushed_.empty()) return pop_front(flushed_, Why::flushed);
  if (!due_.empty()) return pop_front(due_, Why::added);
  return std::nullopt;
}

void Schedule::take_out(const std::unordered_set<std::uint64_t>& ids) {
  const auto is_named = [&](std::uint64_t id) { return ids.contains(id); };
  std::erase_if(due_, is_named);
  std::erase_if(flushed_, is_named);
  retries_.take_out(ids);
  holds_.take_out(ids);
}

void Schedule::flush() {
  for (; !retries_.empty(); retries_.pop()) flushed_.push_back(retries_.top().id);
}

void Schedule::release_holds() {
  for (; !holds_.empty(); holds_.pop()) due_.push_back(holds_.top().id);
}

std::optional<Time> Schedule::next_wake(const Now& now) const {
  if (!due_.empty() || !flushed_.empty()) return now.steady;
  std::optional<Time> wake;
  if (!retries_.empty()) wake = start_ + std::chrono::milliseconds(retries_.top().at);
  if (!holds_.empty()) {
    constexpr std::chrono::milliseconds look_again{60'000};
    const std::chrono::milliseconds left(std::max<WallTime>(holds_.top().at - now.wall, 0));
    const auto look = now.steady + std::min(left, look_again);
    wake = wake ? std::min(*wake, look) : look;
  }
  return wake;
}

}  // namespace postroad::queue
