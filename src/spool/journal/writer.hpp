// Writes records to disk in order, and knows up to where they are synced. It owns the segment that
// is being written; after a failure it never writes to that segment again and begins the next. One
// thread only. Not here: threads and queues (engine.hpp), the index.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "spool/journal/journal.hpp"
#include "spool/journal/work.hpp"

namespace postroad::spool {

class Writer final {
 public:
  struct Start {
    Salt salt;
    std::uint64_t sequence = 1;
    std::uint32_t last_segment = 0;
    std::vector<ShortSegment> cut;
  };
  struct Hooks {
    /// Called for consecutive works of the batch, for each work once: on disk, or lost with the
    /// error. Chunks of a batch without a commit are written but not synced by then; if they are
    /// lost later, their flow says so.
    std::function<void(std::span<Work>, const Result<void>&)> settle;
    /// A new segment is ready for records.
    std::function<void(std::shared_ptr<Segment>)> begun;
    /// A segment has another length now.
    std::function<void(Segment&, std::uint64_t)> measured;
    /// No id up to this one may be given after a restart.
    std::function<std::uint64_t()> id_floor;
  };

  Writer(Disk& disk, const JournalOptions& options, Start start, Hooks hooks);

  /// Writes the batch and syncs it, or only writes it when it holds nothing but chunks.
  void run(std::span<Work> batch);
  /// Makes sure that there is a segment to write to.
  Result<void> prepare();
  /// Closes the segment with its footer; what is written is on disk then.
  void close();

  /// The segment that is written now; null when the disk refuses one.
  [[nodiscard]] const std::shared_ptr<Segment>& active() const noexcept { return active_; }
  /// A segment was deleted: its valid length need not be recorded in later heads.
  void forget(std::uint32_t segment);
  [[nodiscard]] std::uint64_t syncs() const noexcept {
    return syncs_.load(std::memory_order_relaxed);
  }

 private:
  Result<void> begin_segment();
  Result<void> write_head(File& file, std::uint32_t number);
  Result<void> make_room_for_cuts();
  void stage(Work& work);
  void stage_footer();
  Result<void> write_staged();
  Result<void> sync();
  Result<void> seal();
  Result<void> make_room(const Work& work, std::span<Work> before, std::size_t& settled);
  void give_up(const Error& error);
  void trim(Segment& segment);
  [[nodiscard]] bool is_full_for(const Work& work) const;

  Disk& disk_;
  JournalOptions options_;
  Hooks hooks_;
  Salt salt_;
  std::uint64_t sequence_;
  std::uint32_t last_segment_;
  struct Cut {
    ShortSegment segment;
    bool trimmed = false;  ///< the file itself ends there, certainly
  };
  std::vector<Cut> cut_;

  std::shared_ptr<Segment> active_;
  std::uint64_t good_ = 0;     ///< synced up to here
  std::uint64_t written_ = 0;  ///< handed to the system up to here
  std::uint64_t end_ = 0;      ///< staged up to here
  std::vector<std::string_view> parts_;
  std::vector<FooterEntry> footer_;
  std::vector<std::shared_ptr<Flow>> unsynced_;  ///< with chunks behind good_
  RecordHeaderBytes footer_header_{};
  std::string footer_payload_;
  bool sync_failed_ = false;  ///< on the active file: it is not trusted with another
  std::atomic<std::uint64_t> syncs_ = 0;
};

}  // namespace postroad::spool
