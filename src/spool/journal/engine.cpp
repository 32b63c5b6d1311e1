// The core of the journal; see engine.hpp. This file: functions that other threads call. The writer
// thread is in engine_loop.cpp.
#include "spool/journal/engine.hpp"

#include <algorithm>
#include <chrono>

#include "spool/journal/crc32c.hpp"
#include "spool/journal/envelope_codec.hpp"

namespace postroad::spool {

namespace {

Error absent(QueueId id) {
  return fail(Fault::not_found, "message " + id.text(),
              "not in the queue: it was removed, or never existed");
}

Error closed() { return fail(Fault::cancelled, "the spool", "closed: open it again"); }

bool all_within(const std::vector<OutcomeRecord>& outcomes, std::uint32_t recipients) {
  return std::all_of(outcomes.begin(), outcomes.end(),
                     [&](const OutcomeRecord& outcome) { return outcome.recipient < recipients; });
}

}  // namespace

void Engine::start() {
  thread_ = std::thread([this] { loop(); });
}

void Engine::stop() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

Result<QueueId> Engine::next_id() {
  if (auto enough = space_.room(0); !enough) return enough.error();
  if (health_.is_refusing.load()) {
    const std::lock_guard lock(mutex_);
    health_.probe = true;
    wake_.notify_one();
    if (health_.refusing) return *health_.refusing;
  }
  return QueueId{last_id_.fetch_add(1) + 1};
}

Result<void> Engine::health() {
  // While this reports a failure, nothing may be written that would clear it: it expires.
  constexpr std::chrono::seconds remembered{30};
  {
    const std::lock_guard lock(mutex_);
    if (health_.refusing) {
      health_.probe = true;
      wake_.notify_one();
      return *health_.refusing;
    }
    if (health_.failed && std::chrono::steady_clock::now() - health_.failed_at < remembered)
      return *health_.failed;
  }
  return space_.room(0);
}

void Engine::submit(Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (!closing_) return push(std::move(work));
  }
  if (work.done) work.done(closed());
}

void Engine::push(Work work) {
  pending_.fetch_add(work.bytes.size());
  const bool first = queue_.empty();
  const bool urgent = !work.is_lazy();
  queue_.push_back(std::move(work));
  const bool wake = idle_ && (first || (urgent && !urgent_));
  urgent_ = urgent_ || urgent;
  if (wake) wake_.notify_one();
}

void Engine::submit_outcomes(QueueId id, std::vector<OutcomeRecord> outcomes, Done done) {
  Work work;
  work.kind = Kind::outcome;
  work.id = id.value;
  encode(work.front, outcomes);
  work.payload_crc = crc32c(payload_seed(), work.front);
  work.done = std::move(done);
  {
    const std::lock_guard lock(mutex_);
    if (auto refusal = refusal_of(id.value, outcomes)) {
      work.refusal = std::make_unique<Error>(std::move(*refusal));
    } else if (!closing_) {
      work.ticket = add_unsaved(id.value, std::move(outcomes));
    }
    if (!closing_) return push(std::move(work));
  }
  if (work.done) work.done(closed());
}

void Engine::submit_joined(Work commit, std::vector<OutcomeRecord> outcomes) {
  {
    const std::lock_guard lock(mutex_);
    if (auto refusal = refusal_of(commit.other, outcomes)) {
      if (commit.flow) {
        commit.flow->abandoned.store(true);
        release(*commit.flow);
      }
      commit.refusal = std::make_unique<Error>(std::move(*refusal));
    } else if (!closing_) {
      commit.other_ticket = add_unsaved(commit.other, std::move(outcomes));
    }
    if (!closing_) return push(std::move(commit));
  }
  if (commit.done) commit.done(closed());
}

// Why they cannot be recorded.
std::optional<Error> Engine::refusal_of(std::uint64_t id,
                                        const std::vector<OutcomeRecord>& outcomes) const {
  const auto* entry = is_hidden(id) ? nullptr : index_.find(id);
  if (entry == nullptr) return absent(QueueId{id});
  if (all_within(outcomes, entry->recipients)) return std::nullopt;
  return fail(Fault::input, "message " + QueueId{id}.text(),
              "the outcome's recipient index is outside the envelope");
}

std::uint64_t Engine::add_unsaved(std::uint64_t id, std::vector<OutcomeRecord> outcomes) {
  unsaved_[id].outcomes.emplace_back(++counts_.tickets, std::move(outcomes));
  return counts_.tickets;
}

void Engine::submit_removal(QueueId id, Done done) {
  Work work;
  work.kind = Kind::remove;
  work.id = id.value;
  work.payload_crc = crc32c(payload_seed(), {});
  work.done = std::move(done);
  {
    const std::lock_guard lock(mutex_);
    if (!closing_) {
      ++unsaved_[id.value].removals;
      return push(std::move(work));
    }
  }
  if (work.done) work.done(closed());
}

void Engine::abandon(const std::shared_ptr<Flow>& flow) {
  const std::lock_guard lock(mutex_);
  flow->abandoned.store(true);
  release(*flow);
}

std::string Engine::take_buffer() {
  {
    const std::lock_guard lock(mutex_);
    if (!buffers_.empty()) {
      auto buffer = std::move(buffers_.back());
      buffers_.pop_back();
      return buffer;
    }
  }
  std::string buffer;
  buffer.reserve(options_.chunk_size);
  return buffer;
}

void Engine::when_ready(std::function<void()> resume) {
  const std::lock_guard lock(mutex_);
  waiters_.push_back(std::move(resume));
  if (idle_) wake_.notify_one();
}

bool Engine::is_hidden(std::uint64_t id) const {
  const auto found = unsaved_.find(id);
  return found != unsaved_.end() && found->second.removals > 0;
}

Result<Snapshot> Engine::find(QueueId id) const {
  const std::lock_guard lock(mutex_);
  const auto* entry = is_hidden(id.value) ? nullptr : index_.find(id.value);
  if (entry == nullptr) return absent(id);
  Snapshot out;
  out.damaged = entry->damaged;
  out.size = entry->size;
  const auto place = [&](const Location& at) {
    return Snapshot::Place{index_.segment(at.segment), at};
  };
  out.commit = place(entry->commit);
  for (const auto& at : index_.chunks(*entry)) out.chunks.push_back(place(at));
  for (const auto& at : index_.outcomes(*entry)) out.outcomes.push_back(place(at));
  if (const auto found = unsaved_.find(id.value); found != unsaved_.end()) {
    for (const auto& [ticket, outcomes] : found->second.outcomes) {
      out.unsaved.insert(out.unsaved.end(), outcomes.begin(), outcomes.end());
    }
  }
  return out;
}

void Engine::note_damage(QueueId id, const Error& error) {
  const std::lock_guard lock(mutex_);
  const auto* entry = index_.find(id.value);
  if (entry == nullptr || entry->damaged) return;
  index_.mark_damaged(id.value);
  ++counts_.damaged;
  findings_.push_back("message " + id.text() + " is damaged: " + error.text());
}

void Engine::note_lost_outcome(QueueId id, const Error& error) {
  const std::lock_guard lock(mutex_);
  if (!with_lost_outcome_.insert(id.value).second) return;
  ++counts_.damaged;
  findings_.push_back("an outcome of message " + id.text() +
                      " is damaged, so that it may be sent again: " + error.text());
}

std::vector<Summary> Engine::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<Summary> out;
  out.reserve(index_.entries().size());
  index_.entries().for_each([&](const Entry& entry) {
    if (unsaved_.empty() || !is_hidden(entry.id)) out.push_back({QueueId{entry.id}, entry.size});
  });
  return out;
}

std::vector<Summary> Engine::list_after(QueueId last, std::size_t most) const {
  const std::lock_guard lock(mutex_);
  std::vector<Summary> out;
  index_.entries().visit_after(last.value, [&](const Entry& entry) {
    if (out.size() == most) return false;
    if (unsaved_.empty() || !is_hidden(entry.id)) out.push_back({QueueId{entry.id}, entry.size});
    return true;
  });
  return out;
}

Statistics Engine::statistics() const {
  const std::lock_guard lock(mutex_);
  Statistics out;
  out.messages = index_.entries().size();
  out.bytes = index_.bytes();
  for (const auto& [id, unsaved] : unsaved_) {
    const auto* entry = unsaved.removals > 0 ? index_.find(id) : nullptr;
    if (entry == nullptr) continue;
    --out.messages;
    out.bytes -= entry->size;
  }
  out.disk = index_.disk();
  out.segments = index_.segments().size();
  out.commits = counts_.commits;
  out.syncs = writer_.syncs();
  out.damaged = counts_.damaged;
  out.last_id = last_id_.load();
  return out;
}

std::vector<std::string> Engine::findings() const {
  const std::lock_guard lock(mutex_);
  return findings_;
}

}  // namespace postroad::spool
