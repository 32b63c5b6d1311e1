// Writes records to disk; see writer.hpp.
#include "spool/journal/writer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "spool/journal/crc32c.hpp"

namespace postroad::spool {

namespace {

/// Only settled, not written.
bool is_void(const Work& work) {
  if (work.refusal) return true;
  return work.flow && (work.flow->failed.load() || work.flow->abandoned.load());
}

bool needs_sync(std::span<const Work> batch) {
  return std::any_of(batch.begin(), batch.end(),
                     [](const Work& work) { return work.kind != Kind::chunk && !is_void(work); });
}

}  // namespace

Writer::Writer(Disk& disk, const JournalOptions& options, Start start, Hooks hooks)
    : disk_(disk),
      options_(options),
      hooks_(std::move(hooks)),
      salt_(start.salt),
      sequence_(start.sequence),
      last_segment_(start.last_segment) {
  for (const auto& cut : start.cut) cut_.push_back({cut, false});
}

void Writer::run(std::span<Work> batch) {
  std::size_t settled = 0;
  auto result = prepare();
  for (std::size_t i = 0; i < batch.size() && result; ++i) {
    if (is_void(batch[i])) continue;
    if (is_full_for(batch[i])) result = make_room(batch[i], batch.subspan(0, i), settled);
    if (result) stage(batch[i]);
  }
  if (result) result = write_staged();
  if (result && needs_sync(batch.subspan(settled))) result = sync();
  if (!result) give_up(result.error());
  hooks_.settle(batch.subspan(settled), result);
}

Result<void> Writer::prepare() {
  if (active_) return {};
  return begin_segment();
}

void Writer::close() {
  if (!active_ || end_ == head_page_size) return;
  if (auto sealed = seal(); !sealed) give_up(sealed.error());
}

void Writer::forget(std::uint32_t segment) {
  std::erase_if(cut_, [&](const Cut& cut) { return cut.segment.number == segment; });
}

bool Writer::is_full_for(const Work& work) const {
  const auto footer = (footer_.size() + 3) * FooterEntry::size_on_disk + record_header_size;
  return end_ > head_page_size &&
         end_ + record_header_size + work.length() + footer > options_.segment_size;
}

/// Ends the segment. The works before are on disk with it and are settled: a later failure does not
/// affect them.
Result<void> Writer::make_room(const Work&, std::span<Work> before, std::size_t& settled) {
  if (auto sealed = seal(); !sealed) return sealed;
  if (settled < before.size()) hooks_.settle(before.subspan(settled), {});
  settled = before.size();
  return begin_segment();
}

Result<void> Writer::make_room_for_cuts() {
  while (cut_.size() > SegmentHead::max_short) {
    const auto sure =
        std::find_if(cut_.begin(), cut_.end(), [](const Cut& cut) { return cut.trimmed; });
    if (sure == cut_.end()) {
      return fail(
          Fault::io, "the spool",
          fmt::format("writes failed on {} segments: replace the disk, or let the queue drain",
                      cut_.size()));
    }
    cut_.erase(sure);
  }
  return {};
}

Result<void> Writer::begin_segment() {
  if (auto room = make_room_for_cuts(); !room) return room;
  const auto number = ++last_segment_;
  const auto name = segment_name(number);
  auto file = disk_.create(name);
  if (!file) return file.error();
  auto made = write_head(**file, number);
  if (made) made = disk_.sync_folder();
  if (!made) {
    (void)disk_.remove(name);
    return made;
  }
  active_ = std::make_shared<Segment>();
  active_->number = number;
  active_->salt = salt_;
  active_->file = std::move(*file);
  active_->length = good_ = written_ = end_ = head_page_size;
  sync_failed_ = false;
  hooks_.begun(active_);
  return {};
}

Result<void> Writer::write_head(File& file, std::uint32_t number) {
  SegmentHead head{number, salt_, hooks_.id_floor(), sequence_, {}};
  for (const auto& cut : cut_) head.cut.push_back(cut.segment);
  const auto page = encode(head);
  const std::string_view part = page;
  if (auto written = file.write({&part, 1}, 0); !written) return written;
  syncs_.fetch_add(1, std::memory_order_relaxed);
  return file.sync();
}

void Writer::stage(Work& work) {
  work.at = {active_->number, static_cast<std::uint32_t>(end_), work.length()};
  const RecordHeader header{work.at.length, sequence_++, work.id,         work.kind,
                            work.flags,     work.part,   work.payload_crc};
  work.header = encode(header, salt_, active_->number);
  parts_.emplace_back(work.header.data(), work.header.size());
  if (!work.front.empty()) parts_.emplace_back(work.front);
  if (!work.bytes.empty()) parts_.emplace_back(work.bytes);
  end_ += work.at.bytes();
  footer_.push_back({work.id, work.size, work.at.offset, work.at.length, work.part, work.recipients,
                     work.kind, work.flags});
  if ((work.flags & flag_joined) != 0) footer_.push_back(joined_entry(footer_.back(), work.other));
  if (work.kind == Kind::chunk) unsynced_.push_back(work.flow);
}

void Writer::stage_footer() {
  footer_payload_ = encode(footer_);
  RecordHeader header;
  header.length = static_cast<std::uint32_t>(footer_payload_.size());
  header.sequence = sequence_++;
  header.kind = Kind::footer;
  header.payload_crc = crc32c(salt_.payload_seed(), footer_payload_);
  footer_header_ = encode(header, salt_, active_->number);
  parts_.emplace_back(footer_header_.data(), footer_header_.size());
  parts_.emplace_back(footer_payload_);
  end_ += record_header_size + footer_payload_.size();
}

Result<void> Writer::write_staged() {
  if (parts_.empty()) return {};
  auto result = active_->file->write(parts_, written_);
  parts_.clear();
  if (!result) return result;
  written_ = end_;
  hooks_.measured(*active_, written_);
  return {};
}

Result<void> Writer::sync() {
  if (good_ == written_) return {};
  syncs_.fetch_add(1, std::memory_order_relaxed);
  if (auto result = active_->file->sync(); !result) {
    sync_failed_ = true;
    return result;
  }
  good_ = written_;
  unsynced_.clear();
  return {};
}

Result<void> Writer::seal() {
  stage_footer();
  if (auto written = write_staged(); !written) return written;
  if (auto synced = sync(); !synced) return synced;
  active_.reset();
  footer_.clear();
  return {};
}

/// Gives up a segment that failed. Bytes after its last successful sync are not trusted, whatever
/// the disk did with them: the next segment's head records that before any caller is told.
void Writer::give_up(const Error& error) {
  for (const auto& flow : unsynced_) {
    if (flow->failed.load()) continue;
    flow->error = error;
    flow->failed.store(true);
  }
  unsynced_.clear();
  parts_.clear();
  footer_.clear();
  if (!active_) return;
  const auto failed = std::exchange(active_, nullptr);
  cut_.push_back({{failed->number, static_cast<std::uint32_t>(good_)}, false});
  trim(*failed);
  hooks_.measured(*failed, good_);
  (void)begin_segment();
}

/// A second safeguard beside the next head. A file whose sync failed is cut too, but not synced
/// again.
void Writer::trim(Segment& segment) {
  if (!segment.file->truncate(good_) || sync_failed_) return;
  syncs_.fetch_add(1, std::memory_order_relaxed);
  cut_.back().trimmed = static_cast<bool>(segment.file->sync());
}

}  // namespace postroad::spool
