// Gives room back: deletes the oldest segment once nothing in it is needed, and carries forward
// what is needed in it when the disk holds much more than the queue. Always the oldest, so that no
// removal or outcome record goes before the data it speaks of. Writer thread only; each step is
// bounded.
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
  struct House {
    Disk& disk;
    Index& index;
    std::mutex& mutex;  ///< guards changes of the index
    Writer& writer;
    std::vector<std::string>& findings;  ///< under the mutex, as is `damaged`
    std::uint64_t& damaged;
  };
  Compactor(House house, std::uint64_t segment_size, std::uint32_t payload_seed)
      : context_(house), segment_size_(segment_size), payload_seed_(payload_seed) {}

  /// One bounded piece of work. True when there is more to do at once.
  bool step();
  /// A message has so many outcome records that the next step puts them together.
  void fold_later(std::uint64_t id) { to_fold_.push_back(id); }

  /// From this many outcome records on a message's are put together in one.
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

  House context_;
  std::uint64_t segment_size_;
  std::uint32_t payload_seed_;
  std::uint32_t chosen_ = 0;  ///< the segment that `victims_` are carried out of
  std::vector<std::uint64_t> victims_;
  std::vector<std::uint64_t> to_fold_;
  bool folder_dirty_ = false;  ///< a removed name is not certainly gone
};

}  // namespace postroad::spool
