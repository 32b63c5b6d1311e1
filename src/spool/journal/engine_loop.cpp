// The writer thread of the engine: takes everything that is queued, lets the writer write and sync
// it once, updates the index and then calls the callbacks. While it syncs, the next batch collects.
// See engine.hpp.
#include <algorithm>
#include <chrono>
#include <iterator>

#include "spool/journal/engine.hpp"

namespace postroad::spool {

namespace {

// Number of works that no caller waits for, at which they are written without delay.
constexpr std::size_t lazy_limit = 4096;

}  // namespace

Engine::Engine(std::unique_ptr<Disk> disk, const JournalOptions& options, Recovered recovered,
               Salt salt, std::uint64_t last_id)
    : disk_(std::move(disk)),
      options_(options),
      space_(*disk_, options.reserve),
      salt_(salt),
      index_(std::move(recovered.index)),
      findings_(std::move(recovered.findings)),
      counts_{.damaged = recovered.damaged},
      last_id_(last_id),
      writer_(*disk_, options_,
              {salt, recovered.next_sequence, recovered.last_segment, std::move(recovered.cut)},
              {[this](std::span<Work> works, const Result<void>& result) { settle(works, result); },
               [this](std::shared_ptr<Segment> segment) {
                 const std::lock_guard lock(mutex_);
                 index_.add_segment(std::move(segment));
               },
               [this](Segment& segment, std::uint64_t length) {
                 const std::lock_guard lock(mutex_);
                 segment.length = length;
               },
               [this] { return last_id_.load(); }}),
      compactor_({*disk_, index_, mutex_, writer_, findings_, counts_.damaged},
                 options_.segment_size, salt.payload_seed()) {
  if (auto ready = writer_.prepare(); !ready) {
    health_.refusing = ready.error();
    health_.is_refusing.store(true);
    findings_.push_back("the spool cannot be written: " + ready.error().text());
  }
}

void Engine::loop() {
  // The segment of a process that wrote nothing is empty: it goes now, as this one may write
  // nothing.
  batch_.more = compactor_.step();
  std::unique_lock lock(mutex_);
  while (true) {
    wait_for_work(lock);
    if (closing_ && queue_.empty()) break;
    batch_.works.swap(queue_);
    const bool probe = std::exchange(health_.probe, false);
    urgent_ = false;
    lock.unlock();
    std::optional<Error> refusing;
    if (!batch_.works.empty()) writer_.run(batch_.works);
    if (probe || !writer_.active()) {
      if (auto ready = writer_.prepare(); !ready) refusing = ready.error();
    }
    batch_.more = compactor_.step();
    lock.lock();
    health_.is_refusing.store(refusing.has_value());
    health_.refusing = std::move(refusing);
    recycle();
    lock.unlock();
    resume_waiters();
    lock.lock();
  }
  lock.unlock();
  writer_.close();
}

void Engine::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const auto called = [&] {
    return urgent_ || closing_ || health_.probe || batch_.more ||
           (queue_.size() >= lazy_limit && !batch_.retrying) || (!waiters_.empty() && ready());
  };
  idle_ = true;
  wake_.wait(lock, [&] { return called() || !queue_.empty(); });
  if (!called()) wake_.wait_for(lock, options_.outcome_delay, called);
  idle_ = false;
}

/// Under the lock: reuses the batch's buffers and puts works to be retried first in the queue.
void Engine::recycle() {
  const auto most = options_.pending_limit / options_.chunk_size + 1;
  std::size_t bytes = 0;
  for (auto& work : batch_.works) {
    bytes += work.bytes.size();
    if (work.bytes.capacity() < options_.chunk_size || buffers_.size() >= most) continue;
    work.bytes.clear();
    buffers_.push_back(std::move(work.bytes));
  }
  batch_.works.clear();
  pending_.fetch_sub(bytes);
  batch_.retrying = !batch_.again.empty();
  if (batch_.again.empty()) return;
  queue_.insert(queue_.begin(), std::make_move_iterator(batch_.again.begin()),
                std::make_move_iterator(batch_.again.end()));
  batch_.again.clear();
}

void Engine::resume_waiters() {
  std::vector<std::function<void()>> waiters;
  {
    const std::lock_guard lock(mutex_);
    if (ready()) waiters.swap(waiters_);
  }
  for (const auto& resume : waiters) resume();
}

void Engine::settle(std::span<Work> works, const Result<void>& result) {
  {
    const std::lock_guard lock(mutex_);
    if (!result) {
      health_.failed = result.error();
      health_.failed_at = std::chrono::steady_clock::now();
    }
    for (auto& work : works) {
      if (work.refusal) continue;
      if (!result) {
        settle_failure(work, result.error());
      } else if (work.flow && work.flow->failed.load() && !work.at) {
        settle_failure(work, work.flow->error);
      } else {
        settle_success(work);
      }
    }
  }
  for (auto& work : works) answer(work);
}

void Engine::settle_success(Work& work) {
  switch (work.kind) {
    case Kind::chunk:
      if (!work.at || work.flow->abandoned.load()) return;
      work.flow->chunks.insert(
          work.part == head_part ? work.flow->chunks.begin() : work.flow->chunks.end(), work.at);
      ++index_.segment(work.at.segment)->open;
      return;
    case Kind::commit:
      return settle_commit(work);
    case Kind::outcome: {
      add_outcome(work.id, work.at, (work.flags & flag_whole) != 0);
      return forget_unsaved(work);
    }
    case Kind::remove:
      index_.erase(work.id);
      return forget_unsaved(work);
    case Kind::footer:
      return;
  }
}

void Engine::add_outcome(std::uint64_t id, const Location& at, bool is_whole) {
  index_.add_outcome(id, at, is_whole);
  if (index_.outcome_count(id) >= Compactor::fold_at) compactor_.fold_later(id);
}

void Engine::settle_commit(Work& work) {
  Entry entry;
  entry.id = work.id;
  entry.commit = work.at;
  entry.size = work.size;
  entry.recipients = work.recipients;
  std::vector<Location> chunks;
  if (work.flow) {
    chunks = work.flow->chunks;
    release(*work.flow);
  }
  index_.put(entry, std::move(chunks));
  if (work.other != 0) {
    add_outcome(work.other, work.at, false);
    forget_outcomes(work.other, work.other_ticket);
  }
  health_.failed.reset();
  if ((work.flags & flag_copy) == 0) ++counts_.commits;
}

void Engine::settle_failure(Work& work, const Error& error) {
  // A work that no caller waits for is tried again, and stays visible until then.
  if (work.is_lazy() && work.flags == 0 && !closing_) {
    work.at = {};
    batch_.again.push_back(std::move(work));
    return;
  }
  if (work.flow && !work.flow->failed.load()) {
    work.flow->error = error;
    work.flow->failed.store(true);
  }
  if (work.flow && work.kind == Kind::commit) release(*work.flow);
  forget_unsaved(work);
  if (work.other != 0) forget_outcomes(work.other, work.other_ticket);
  work.refusal = std::make_unique<Error>(error);
}

void Engine::forget_unsaved(const Work& work) {
  if (work.kind == Kind::outcome) return forget_outcomes(work.id, work.ticket);
  const auto found = unsaved_.find(work.id);
  if (work.kind != Kind::remove || found == unsaved_.end()) return;
  auto& unsaved = found->second;
  if (unsaved.removals > 0) --unsaved.removals;
  if (unsaved.removals == 0 && unsaved.outcomes.empty()) unsaved_.erase(found);
}

void Engine::forget_outcomes(std::uint64_t id, std::uint64_t ticket) {
  const auto found = unsaved_.find(id);
  if (found == unsaved_.end()) return;
  auto& unsaved = found->second;
  std::erase_if(unsaved.outcomes, [&](const auto& kept) { return kept.first == ticket; });
  if (unsaved.removals == 0 && unsaved.outcomes.empty()) unsaved_.erase(found);
}

void Engine::release(Flow& flow) {
  for (const auto& at : flow.chunks) {
    if (const auto segment = index_.segment(at.segment)) --segment->open;
  }
  flow.chunks.clear();
}

void Engine::answer(Work& work) const {
  const bool is_new = work.kind == Kind::commit && (work.flags & flag_copy) == 0;
  if (is_new && !work.refusal && listener_) listener_(QueueId{work.id});
  if (!work.done) return;
  work.done(work.refusal ? Result<void>(*work.refusal) : Result<void>());
}

}  // namespace postroad::spool
