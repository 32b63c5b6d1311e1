// Frees disk space; see compactor.hpp. A message is copied with its id and its outcomes so far, the
// copy is synced, and only then does the index point to it and may the old segment be deleted.
#include "spool/journal/compactor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "spool/journal/crc32c.hpp"
#include "spool/journal/envelope_codec.hpp"
#include "spool/journal/recovery.hpp"

namespace postroad::spool {

namespace {

constexpr std::size_t bytes_per_step = 1 << 20;
constexpr int deletions_per_step = 4;
constexpr std::size_t spare_segments = 64;

std::size_t bytes_of(const std::vector<Work>& batch) {
  std::size_t total = 0;
  for (const auto& work : batch) total += work.length();
  return total;
}

Error unreadable(std::uint64_t id) {
  return fail(Fault::damaged, "message " + QueueId{id}.text(),
              "one of its records has an unknown format");
}

}  // namespace

bool Compactor::step() {
  const bool deleted = delete_dead();
  if (!context_.writer.active()) return false;
  fold();
  return carry_some() || deleted;
}

bool Compactor::delete_dead() {
  if (folder_dirty_ && !context_.disk.sync_folder()) return false;
  folder_dirty_ = false;
  const auto active = context_.writer.active();
  int deleted = 0;
  // A segment that failed before its first record was synced is empty, wherever it is in the order.
  for (auto at = context_.index.segments().begin();
       active && at != context_.index.segments().end();) {
    const auto segment = (at++)->second;
    if (segment == active || segment->length > head_page_size) continue;
    if (!delete_segment(*segment)) return false;
  }
  // The newest head has the salt, the minimum id and the valid lengths: it stays.
  while (deleted < deletions_per_step && context_.index.segments().size() > 1) {
    const auto oldest = context_.index.segments().begin()->second;
    if (oldest == active || oldest->live != 0) break;
    {
      const std::lock_guard lock(context_.mutex);
      if (oldest->open != 0) break;
    }
    if (!delete_segment(*oldest)) return false;
    ++deleted;
  }
  return deleted == deletions_per_step;
}

bool Compactor::delete_segment(const Segment& segment) {
  const auto number = segment.number;
  if (!context_.disk.remove(segment_name(number))) return false;
  context_.writer.forget(number);
  {
    const std::lock_guard lock(context_.mutex);
    context_.index.drop_segment(number);
  }
  // The next segment may have this one's removal records: delete it only when this one cannot come
  // back.
  folder_dirty_ = !context_.disk.sync_folder();
  return !folder_dirty_;
}

bool Compactor::is_wasteful() const {
  const auto disk = context_.index.disk();
  if (disk > 2 * context_.index.live() + 2 * segment_size_) return true;
  return context_.index.segments().size() > spare_segments + 2 * disk / segment_size_;
}

void Compactor::choose(std::uint32_t oldest) {
  chosen_ = oldest;
  victims_.clear();
  const auto is_in_oldest = [&](const Location& at) { return at.segment == oldest; };
  context_.index.entries().for_each([&](const Entry& entry) {
    const auto& chunks = context_.index.chunks(entry);
    if (is_in_oldest(entry.commit) || std::any_of(chunks.begin(), chunks.end(), is_in_oldest))
      victims_.push_back(entry.id);
  });
  std::reverse(victims_.begin(), victims_.end());
}

bool Compactor::carry_some() {
  const auto oldest = context_.index.segments().begin()->second;
  if (oldest == context_.writer.active()) return false;
  if (chosen_ != oldest->number) {
    if (!is_wasteful()) return false;
    choose(oldest->number);
  }
  if (victims_.empty()) return false;
  std::vector<Work> batch;
  while (!victims_.empty() && bytes_of(batch) < bytes_per_step) {
    const auto carried = carry(victims_.back(), batch);
    if (!carried && carried.error().fault != Fault::damaged) break;
    if (!carried) set_message_aside(victims_.back(), carried.error());
    victims_.pop_back();
  }
  const bool moved = !batch.empty();
  const auto before = context_.writer.active();
  if (moved) context_.writer.run(batch);
  if (!context_.writer.active()) chosen_ = 0;
  return moved && context_.writer.active();
}

/// Reads the whole message into memory: a partial copy would have to be undone if a later part is
/// damaged.
Result<void> Compactor::carry(std::uint64_t id, std::vector<Work>& batch) {
  const auto* entry = context_.index.find(id);
  if (entry == nullptr) return {};
  {
    const std::lock_guard lock(context_.mutex);  // a reader may set it at the same time
    if (entry->damaged) return unreadable(id);
  }
  std::vector<Work> works;
  const auto chunks = context_.index.chunks(*entry);
  const auto flow = chunks.empty() ? nullptr : std::make_shared<Flow>();
  for (const auto& at : chunks) {
    auto record = read(at);
    if (!record) return record.error();
    auto& work = works.emplace_back();
    work.kind = Kind::chunk;
    work.part = static_cast<std::uint32_t>(works.size() - 1);  // a head becomes part 0
    work.bytes = record->payload();
    work.payload_crc = record->header.payload_crc;
  }
  auto record = read(entry->commit);
  if (!record) return record.error();
  auto commit = decode_commit_payload(record->payload());
  if (!commit) return unreadable(id);
  const auto outcomes = folded(*entry);
  if (!outcomes) return outcomes.error();
  apply(commit->envelope, *outcomes);
  auto& work = works.emplace_back();
  work.front = commit_payload_front(commit->envelope, commit->front.size);
  work.bytes = commit->rest;
  work.payload_crc = crc32c(crc32c(payload_seed_, work.front), work.bytes);
  work.size = entry->size;
  work.recipients = entry->recipients;
  work.part = static_cast<std::uint32_t>(chunks.size());
  for (auto& each : works) {
    each.id = id;
    each.flags = flag_copy;
    each.flow = flow;
    batch.push_back(std::move(each));
  }
  return {};
}

/// The latest outcome of each recipient from all outcome records.
Result<std::vector<OutcomeRecord>> Compactor::folded(const Entry& entry) const {
  std::map<std::uint32_t, OutcomeRecord> latest;
  for (const auto& at : context_.index.outcomes(entry)) {
    const auto record = read(at);
    auto outcomes = record ? outcomes_in(*record, entry.id) : record.error();
    // A damaged outcome counts as not recorded.
    if (!outcomes && outcomes.error().fault == Fault::damaged) continue;
    if (!outcomes) return outcomes.error();
    for (auto& outcome : *outcomes) latest[outcome.recipient] = std::move(outcome);
  }
  std::vector<OutcomeRecord> out;
  for (auto& [recipient, outcome] : latest) out.push_back(std::move(outcome));
  return out;
}

void Compactor::fold() {
  if (to_fold_.empty()) return;
  std::vector<Work> batch;
  for (const auto id : std::exchange(to_fold_, {})) {
    if (context_.index.outcome_count(id) < fold_at) continue;
    const auto outcomes = folded(*context_.index.find(id));
    if (!outcomes) continue;
    auto& work = batch.emplace_back();
    work.kind = Kind::outcome;
    work.flags = flag_whole;
    work.id = id;
    encode(work.front, *outcomes);
    work.payload_crc = crc32c(payload_seed_, work.front);
  }
  if (!batch.empty()) context_.writer.run(batch);
}

Result<ReadRecord> Compactor::read(const Location& at) const {
  const auto segment = context_.index.segment(at.segment);
  if (segment) return read_record(*segment, at);
  return fail(Fault::damaged, segment_name(at.segment), "missing from the spool's folder");
}

/// Saves the records of a message that cannot be copied whole in files, and removes it from the
/// queue. If that fails too, it stays, and so does its segment.
void Compactor::set_message_aside(std::uint64_t id, const Error& error) {
  const auto* entry = context_.index.find(id);
  if (entry == nullptr) return;
  auto places = context_.index.chunks(*entry);
  places.push_back(entry->commit);
  std::string names;
  for (const auto& at : places) {
    const auto segment = context_.index.segment(at.segment);
    if (!segment) continue;
    const auto saved =
        save_damaged(context_.disk, *segment, at.offset, static_cast<std::uint32_t>(at.bytes()));
    if (!saved) return;
    names += ' ' + *saved;
  }
  {
    const std::lock_guard lock(context_.mutex);
    context_.damaged += entry->damaged ? 0 : 1;
    context_.findings.push_back(
        fmt::format("message {} cannot be read completely ({}) and was removed from the queue; its "
                    "records are in{}",
                    QueueId{id}.text(), error.text(), names));
  }
  std::vector<Work> batch(1);
  batch.front().kind = Kind::remove;
  batch.front().id = id;
  batch.front().payload_crc = crc32c(payload_seed_, {});
  context_.writer.run(batch);
}

}  // namespace postroad::spool
