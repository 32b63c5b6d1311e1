// The dispatcher's thread, its inbox, and what is done with a message that is due; see
// dispatcher.hpp. The search for its sites and its parts are in dispatcher_parts.cpp, sites and
// attempts in dispatcher_sites.cpp, the records after an attempt in dispatcher_records.cpp.
#include "queue/dispatcher.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"

namespace postroad::queue {

namespace {

constexpr std::int64_t together =
    1000;  // milliseconds: recipients that are due within, go together
constexpr std::chrono::seconds failure_pause{1};  // after an exception

// Those of the `open` recipients are due whose time is the first, whatever the wall clock says: a
// message was taken because its first recipients are due. A time that lies further ahead than any
// retry was stored before the wall clock was set back: it says nothing, and the recipient is due.
std::vector<std::uint32_t> due_recipients(const spool::Envelope& envelope,
                                          std::vector<std::uint32_t> open, const RetryPolicy& retry,
                                          WallTime wall) {
  auto due = std::move(open);
  if (due.empty()) return due;
  const auto is_stale = [&](std::uint32_t at) {
    return is_beyond_retry(envelope.recipients[at], retry, wall);
  };
  const auto time_of = [&](std::uint32_t at) { return envelope.recipients[at].next_attempt; };
  const auto first = std::min_element(due.begin(), due.end(),
                                      [&](auto a, auto b) { return time_of(a) < time_of(b); });
  const auto last =
      together + (std::any_of(due.begin(), due.end(), is_stale) ? wall : time_of(*first));
  std::erase_if(due, [&](std::uint32_t at) { return !is_stale(at) && time_of(at) > last; });
  return due;
}

}  // namespace

Now Dispatcher::system_clock() { return {std::chrono::steady_clock::now(), now_ms()}; }

Dispatcher::Dispatcher(spool::Spool& spool, DispatcherObserver& observer,
                       std::shared_ptr<const Routes> routes, DispatcherSettings settings,
                       Clock clock)
    : spool_(spool),
      observer_(observer),
      clock_(std::move(clock)),
      routes_(std::move(routes)),
      settings_(std::move(settings)),
      now_(clock_()),
      schedule_(now_.steady) {}

Dispatcher::~Dispatcher() { stop(std::chrono::steady_clock::now()); }

void Dispatcher::start() {
  thread_ = std::thread([this] { run(); });
}

void Dispatcher::add(spool::QueueId id) {
  post([id](Inbox& inbox) { inbox.added.push_back(id); });
}

void Dispatcher::flush() {
  post([](Inbox& inbox) { inbox.flush = true; });
}

void Dispatcher::change(std::shared_ptr<const Routes> routes, DispatcherSettings settings) {
  post([&](Inbox& inbox) { inbox.change = {std::move(routes), std::move(settings)}; });
}

std::string Dispatcher::trouble(const std::string& site) const {
  const std::lock_guard lock(mutex_);
  const auto found = troubles_.find(site);
  return found == troubles_.end() ? std::string() : found->second;
}

void Dispatcher::run() {
  for (;;) {
    std::optional<Time> wake;
    try {
      wake = turn();
    } catch (...) {
      step_failed();
    }
    std::unique_lock lock(mutex_);
    if (has_failed_ && !stopping_)
      bell_.wait_for(lock, failure_pause, [this] { return stopping_; });
    if (!inbox_.is_empty() || (has_failed_ && !stopping_)) continue;
    if (stopping_ && under_way_ == 0) break;
    is_idle_ = true;
    if (stopping_) bell_.notify_all();
    const auto is_called = [this] { return !is_idle_ || stopping_; };
    if (stopping_) {
      bell_.wait(lock, [this] { return !is_idle_; });
    } else if (wake) {
      bell_.wait_until(lock, *wake, is_called);
    } else {
      bell_.wait(lock, is_called);
    }
    is_idle_ = false;
  }
  const std::lock_guard lock(mutex_);
  is_done_ = true;
  bell_.notify_all();
}

void Dispatcher::begin_stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  is_idle_ = false;
  bell_.notify_all();
}

void Dispatcher::stop(std::chrono::steady_clock::time_point until) {
  if (!thread_.joinable()) return;
  begin_stop();
  std::vector<std::weak_ptr<Carrier>> carriers;
  {
    std::unique_lock lock(mutex_);
    // The thread begins nothing once it has seen this: the carriers in use are known then.
    bell_.wait(lock, [this] { return is_done_ || is_idle_; });
    carriers = carriers_;
  }
  for (const auto& weak : carriers) {
    if (const auto carrier = weak.lock()) carrier->stop(until);
  }
  thread_.join();
}

QueueCounts Dispatcher::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::optional<Time> Dispatcher::turn() {
  const auto wake = take_turn();
  const std::lock_guard lock(mutex_);
  counts_ = {.due = schedule_.due(),
             .waiting = schedule_.size() - schedule_.due(),
             .lookup = lookups_.size(),
             .line = in_line_.size(),
             .attempt = under_way_};
  return wake;
}

std::optional<Time> Dispatcher::take_turn() {
  now_ = clock_();
  has_failed_ = false;
  take_inbox();
  if (is_stopping()) {
    begin_carriers_stop();
    return std::nullopt;
  }
  run_lines();
  for (std::size_t i = 0; i < most_per_turn && under_way_ < most_under_way && !has_failed_; ++i) {
    const auto taken = schedule_.take(now_);
    if (!taken) break;
    run_step(taken->id, [&] { look_at(*taken); });
  }
  if (under_way_ >= most_under_way) return std::nullopt;  // what ends rings
  auto wake = schedule_.next_wake(now_);
  if (!ready_lines_.empty()) return now_.steady;
  if (!line_wakes_.empty() && (!wake || line_wakes_.begin()->first < *wake))
    wake = line_wakes_.begin()->first;
  return wake;
}

bool Dispatcher::is_stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Dispatcher::begin_carriers_stop() {
  if (std::exchange(is_stop_begun_, true)) return;
  for (const auto& weak : carriers_) {
    if (const auto carrier = weak.lock()) tell([&] { carrier->begin_stop(); });
  }
}

// The text of the exception that is being handled.
std::string Dispatcher::exception_text() {
  try {
    throw;
  } catch (const std::exception& thrown) {
    return thrown.what();
  } catch (...) {
    return "unknown exception";
  }
}

void Dispatcher::step_failed() noexcept {
  has_failed_ = true;
  tell([this] { observer_.failed(exception_text()); });
}

// Its attempt, if there was one, is over. Later reports of the carrier or the disk are ignored.
void Dispatcher::abandon(const ActivePointer& active) noexcept {
  if (!uncount(*active)) return;
  abandon(active->part.id);
}

// The part has ended without an attempt.
void Dispatcher::abandon(spool::QueueId id) noexcept {
  tell([&] { part_ended(id, nullptr); });
}

void Dispatcher::take_inbox() {
  Inbox inbox;
  {
    const std::lock_guard lock(mutex_);
    std::swap(inbox, inbox_);
  }
  if (inbox.change) {
    try {
      take_change(std::move(*inbox.change));
    } catch (...) {
      step_failed();
    }
  }
  for (const auto& ended : inbox.ended) run_step(ended.active, [&] { end_attempt(ended); });
  for (const auto& recorded : inbox.recorded)
    run_step(recorded.active, [&] { end_record(recorded); });
  for (const auto& reported : inbox.reported)
    run_step(reported.active, [&] { end_report(reported); });
  for (const auto id : inbox.added) {
    run_step(id, [&] {
      loaded_.add(id, now_);
      settings_.discard ? spool_.remove(id) : schedule_.add(id);
    });
  }
  for (const auto& stored : inbox.stored) run_step(stored.active, [&] { end_stored(stored); });
  for (const auto& asked : inbox.asked) {
    try {
      take_request(asked);
    } catch (...) {
      step_failed();
    }
  }
  for (const auto& key : inbox.found) {
    try {
      end_lookup(key);
    } catch (...) {
      step_failed();
    }
  }
  for (const auto& asked : inbox.asked_of_sites) serve_site_request(asked);
  for (const auto& search : inbox.site_searches) tell([&] { search(sites_now()); });
  for (const auto& search : inbox.searches) tell([&] { search.found(find_now(search.id)); });
  if (!inbox.flush) return;
  schedule_.flush();
  for (auto& [name, line] : lines_) line.site.end_pause();
  wake_all_lines();
}

void Dispatcher::take_change(Change change) {
  const auto before = settings_.settlement.on_unknown;
  routes_ = std::move(change.routes);
  settings_ = std::move(change.settings);
  std::erase_if(carriers_, [](const auto& carrier) { return carrier.expired(); });
  update_lines();
  wake_all_lines();
  unpark_all();  // their routes may lead elsewhere now
  if (before != OnUnknown::park || settings_.settlement.on_unknown != OnUnknown::retry) return;
  // Each once, though it may have been added here more than once.
  const std::set<std::uint64_t> released(parked_.begin(), parked_.end());
  parked_.clear();
  for (const auto id : released) schedule_.add(spool::QueueId{id});
  // A finished message with a time of removal is held until then.
  schedule_.release_holds();
}

std::optional<Dispatcher::Active> Dispatcher::open(spool::QueueId id) {
  auto envelope = spool_.envelope(id);
  if (!envelope) {
    if (envelope.error().fault != Fault::not_found)
      tell([&] { observer_.unreadable(id, envelope.error()); });
    return std::nullopt;
  }
  Active opened;
  opened.part.id = id;
  opened.part.envelope = std::move(*envelope);
  opened.part.handling = handling_of(opened.part.envelope);
  if (const auto size = spool_.size(id)) opened.part.size = *size;
  const auto& policy = settings_.settlement;
  opened.part.recipients = due_recipients(
      opened.part.envelope,
      free_of(id, opened.part.envelope, open_recipients(opened.part.envelope, policy.on_unknown)),
      policy.retry, now_.wall);
  return opened;
}

// Whether its first attempt is not due: it is held (FUTURERELEASE), or it was in the spool when
// this process began and waits for its retry.
bool Dispatcher::hold(const Active& opened) {
  const auto& part = opened.part;
  const auto left_of = [&](std::uint32_t at) {
    return time_until(part.envelope.recipients[at], settings_.settlement.retry, now_.wall);
  };
  const auto first = *std::min_element(part.recipients.begin(), part.recipients.end(),
                                       [&](auto a, auto b) { return left_of(a) < left_of(b); });
  if (left_of(first).count() == 0) return false;
  wait_for(part.id, part.envelope.recipients[first]);
  return true;
}

bool Dispatcher::is_any_due(const Active& opened) const {
  const auto& part = opened.part;
  return std::any_of(part.recipients.begin(), part.recipients.end(), [&](std::uint32_t at) {
    return time_until(part.envelope.recipients[at], settings_.settlement.retry, now_.wall)
               .count() == 0;
  });
}

void Dispatcher::look_at(const Schedule::Taken& taken) {
  const bool had_several = entries_.contains(taken.id.value);
  const bool has_another = take_entry(taken.id);
  // A request may have come before the message itself. The end of what is under way says when the
  // message is due again.
  if (active_.contains(taken.id.value)) return;
  if (lookups_.has(taken.id)) {
    if (taken.why == Schedule::Why::flushed) lookups_.flush(taken.id);
    return;
  }
  if (in_line_.contains(taken.id.value) && give_up_in_lines(taken.id)) return;
  auto opened = open(taken.id);
  if (!opened) return read_later(taken.id);
  const auto step = report(taken.id, opened->part.envelope);
  if (step == ReportStep::begun) {
    if (taken.why == Schedule::Why::flushed) after_.try_emplace(taken.id.value, Request::flush);
    return;
  }
  // It is here for its report, which waits: its recipients have their own times.
  if (step == ReportStep::later && taken.why == Schedule::Why::timed &&
      !is_due(opened->part.envelope))
    return reschedule(taken.id, opened->part.envelope);
  if (taken.why == Schedule::Why::flushed)
    opened->part.recipients = free_of(
        taken.id, opened->part.envelope,
        flushed_recipients(opened->part.envelope, settings_.settlement.on_unknown, now_.wall));
  // One of several entries may come before the time of the recipients that are left.
  const bool is_early = had_several && taken.why == Schedule::Why::timed && !is_any_due(*opened);
  if (opened->part.recipients.empty() || is_early) {
    if (!has_another) reschedule(taken.id, opened->part.envelope);
    return;
  }
  if (taken.why == Schedule::Why::added && hold(*opened)) return;
  dispatch(std::move(*opened), taken.why == Schedule::Why::flushed);
}

std::size_t Dispatcher::count_open(const spool::Envelope& envelope) const {
  return open_recipients(envelope, settings_.settlement.on_unknown).size();
}

// Without an attempt.
void Dispatcher::decide(Active part, Outcome outcome, std::string note) {
  const auto active = std::make_shared<Active>(std::move(part));
  count(*active);
  run_step(active, [&] {
    settle_all(active, same_for_all(active->part.recipients.size(), outcome, std::move(note)));
  });
}

void Dispatcher::count(Active& active) {
  active_.emplace(active.part.id.value, &active);
  ++under_way_;
  active.is_counted = true;
}

bool Dispatcher::uncount(Active& active) noexcept {
  if (!std::exchange(active.is_counted, false)) return false;
  --under_way_;
  const auto [first, last] = active_.equal_range(active.part.id.value);
  const auto found =
      std::find_if(first, last, [&](const auto& one) { return one.second == &active; });
  if (found != last) active_.erase(found);
  return true;
}

}  // namespace postroad::queue
