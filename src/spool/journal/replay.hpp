// Builds the index from records, in the order in which they were written. Pure: no files. Used at
// the start, for records found by footer or by scan.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "spool/journal/index.hpp"

namespace postroad::spool {

class Replay final {
 public:
  explicit Replay(Index& index) : index_(index) {}

  void apply(std::uint32_t segment, const FooterEntry& entry);
  /// The largest id seen.
  [[nodiscard]] std::uint64_t last_id() const noexcept { return last_id_; }
  /// Messages that are listed although a part of them is missing.
  [[nodiscard]] const std::vector<std::uint64_t>& incomplete() const noexcept {
    return incomplete_;
  }

 private:
  struct Open {
    std::vector<Location> chunks;
    bool gap = false;
  };
  void add_chunk(const Location& at, const FooterEntry& entry);
  void commit(const Location& at, const FooterEntry& entry);

  Index& index_;
  bool is_last_commit_whole_ = false;
  std::unordered_map<std::uint64_t, Open> open_;
  std::vector<std::uint64_t> incomplete_;
  std::uint64_t last_id_ = 0;
};

}  // namespace postroad::spool
