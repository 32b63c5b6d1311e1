// Frees disk space: deletes the oldest segment when no message needs its records, and carries the
// needed ones forward when the segments are much larger than the queue. Always the oldest, so that
// no removal or outcome record is deleted before the message it refers to. Writer thread only; each
// step is bounded.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "spool/journal/index.hpp"
#include "spool/journal/work.hpp"
#include "spool/journal/writer.hpp"

namespace postroad::spool {

class Compactor final {
 public:
  struct Context {
    Disk& disk;
    Index& index;
    std::mutex& mutex;  ///< guards changes of the index
    Writer& writer;
    std::vector<std::string>& findings;  ///< under the mutex, as is `damaged`
    std::uint64_t& damaged;
  };
  Compactor(Context context, std::uint64_t segment_size, std::uint32_t payload_seed)
      : context_(context), segment_size_(segment_size), payload_seed_(payload_seed) {}

  /// Does one bounded piece of work. True if there is more to do now.
  bool step();
  /// Lets the next step merge the message's outcome records.
  void fold_later(std::uint64_t id) { to_fold_.push_back(id); }

  /// Number of outcome records of a message from which they are merged into one.
  static constexpr std::size_t fold_at = 64;

 private:
  bool delete_dead();
  bool delete_segment(const Segment& segment);
  [[nodiscard]] bool is_wasteful() const;
  void choose(std::uint32_t oldest);
  bool carry_some();
  Result<void> carry(std::uint64_t id, std::vector<Work>& batch);
  Result<std::vector<OutcomeRecord>> folded(const Entry& entry) const;
  void fold();
  Result<ReadRecord> read(const Location& at) const;
  void set_message_aside(std::uint64_t id, const Error& error);

  Context context_;
  std::uint64_t segment_size_;
  std::uint32_t payload_seed_;
  std::uint32_t chosen_ = 0;  ///< the segment from which `victims_` are carried forward
  std::vector<std::uint64_t> victims_;
  std::vector<std::uint64_t> to_fold_;
  bool folder_dirty_ = false;  ///< a removed name may come back after a crash
};

}  // namespace postroad::spool
