// The index's entries, sorted by queue id, in blocks of a fixed capacity: 48 bytes per message and
// almost nothing beside them. Ids grow, so nearly every insertion is at the end and leaves full
// blocks behind; an insertion elsewhere moves at most one block's entries. Not here: segments and
// what an entry means to them (index.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "spool/journal/segment.hpp"

namespace postroad::spool {

/// One message. Most have one record and at most one outcome; further records are in the index's
/// side table.
struct Entry {
  std::uint64_t id = 0;
  std::uint64_t size = 0;  ///< bytes of the message
  Location commit;
  Location outcome;  ///< the latest; segment 0 without one
  std::uint32_t recipients = 0;
  bool damaged = false;   ///< a part is lost: listed, the envelope readable, the message not
  bool has_more = false;  ///< the side table has chunks or older outcomes of it
};
static_assert(sizeof(Entry) <= 48, "docs/design/performance.md promises the size of an entry");

/// References and pointers to entries are valid until the next `put` or `erase`.
class EntryTable final {
 public:
  static constexpr std::size_t block_capacity = 128;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Null without such an entry.
  [[nodiscard]] const Entry* find(std::uint64_t id) const;
  Entry* find(std::uint64_t id);
  /// Calls `visit` for the entries after `id`, smallest first, until it returns false.
  template <class Visit>
  void visit_after(std::uint64_t id, Visit&& visit) const {
    for (auto at = block_of(id); at < blocks_.size(); ++at) {
      for (const auto& entry : blocks_[at]) {
        if (entry.id > id && !visit(entry)) return;
      }
    }
  }
  /// Adds an entry, or replaces the one with its id.
  void put(const Entry& entry);
  void erase(std::uint64_t id);
  /// Calls `visit` for each entry, smallest id first.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& block : blocks_) {
      for (const auto& entry : block) visit(entry);
    }
  }

 private:
  /// Sorted and never empty; memory for block_capacity entries from the beginning.
  using Block = std::vector<Entry>;
  static Block make_block();
  /// The block that holds `id` or would hold it; past the end for an id above all.
  [[nodiscard]] std::size_t block_of(std::uint64_t id) const;
  /// The block to insert `id` in: it has room, and the order holds there.
  std::size_t make_room(std::uint64_t id);
  /// Moves one entry to the next or the previous block.
  void move_last(std::size_t at);
  void move_first(std::size_t at);
  void split(std::size_t at);
  /// Joins a block with its successor where both fit in one.
  void join(std::size_t at);

  std::vector<Block> blocks_;
  std::size_t size_ = 0;
};

}  // namespace postroad::spool
