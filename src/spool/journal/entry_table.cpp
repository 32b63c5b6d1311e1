// Entries sorted by id in blocks; see entry_table.hpp.
#include "spool/journal/entry_table.hpp"

#include <algorithm>
#include <utility>

namespace postroad::spool {

namespace {

bool is_before(const Entry& entry, std::uint64_t id) { return entry.id < id; }

}  // namespace

EntryTable::Block EntryTable::make_block() {
  Block block;
  block.reserve(block_capacity);
  return block;
}

std::size_t EntryTable::block_of(std::uint64_t id) const {
  const auto found =
      std::lower_bound(blocks_.begin(), blocks_.end(), id,
                       [](const Block& block, std::uint64_t key) { return block.back().id < key; });
  return static_cast<std::size_t>(found - blocks_.begin());
}

const Entry* EntryTable::find(std::uint64_t id) const {
  const auto at = block_of(id);
  if (at == blocks_.size()) return nullptr;
  const auto& block = blocks_[at];
  const auto found = std::lower_bound(block.begin(), block.end(), id, is_before);
  return found->id == id ? &*found : nullptr;
}

Entry* EntryTable::find(std::uint64_t id) {
  return const_cast<Entry*>(std::as_const(*this).find(id));
}

void EntryTable::put(const Entry& entry) {
  if (auto* old = find(entry.id)) {
    *old = entry;
    return;
  }
  auto& block = blocks_[make_room(entry.id)];
  block.insert(std::lower_bound(block.begin(), block.end(), entry.id, is_before), entry);
  ++size_;
}

std::size_t EntryTable::make_room(std::uint64_t id) {
  auto at = block_of(id);
  // Between two blocks the lower one is filled first: a run of ascending ids leaves full blocks.
  const bool at_front = at == blocks_.size() || id < blocks_[at].front().id;
  if (at_front && at > 0 && blocks_[at - 1].size() < block_capacity) return at - 1;
  if (at == blocks_.size()) {
    blocks_.push_back(make_block());
    return at;
  }
  if (blocks_[at].size() < block_capacity) return at;
  if (at + 1 == blocks_.size()) blocks_.push_back(make_block());
  if (blocks_[at + 1].size() < block_capacity) {
    move_last(at);
    return at;
  }
  if (at > 0 && blocks_[at - 1].size() < block_capacity) {
    move_first(at);
    return at;
  }
  split(at);
  return block_of(id);
}

void EntryTable::move_last(std::size_t at) {
  auto& next = blocks_[at + 1];
  next.insert(next.begin(), blocks_[at].back());
  blocks_[at].pop_back();
}

void EntryTable::move_first(std::size_t at) {
  blocks_[at - 1].push_back(blocks_[at].front());
  blocks_[at].erase(blocks_[at].begin());
}

void EntryTable::split(std::size_t at) {
  auto upper = make_block();
  auto& lower = blocks_[at];
  const auto middle = lower.begin() + block_capacity / 2;
  upper.assign(middle, lower.end());
  lower.erase(middle, lower.end());
  blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::move(upper));
}

void EntryTable::erase(std::uint64_t id) {
  const auto at = block_of(id);
  if (at == blocks_.size()) return;
  auto& block = blocks_[at];
  const auto found = std::lower_bound(block.begin(), block.end(), id, is_before);
  if (found->id != id) return;
  block.erase(found);
  --size_;
  if (block.empty()) {
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(at));
    return;
  }
  join(at);
  if (at > 0) join(at - 1);
}

void EntryTable::join(std::size_t at) {
  if (at + 1 >= blocks_.size()) return;
  auto& lower = blocks_[at];
  const auto& upper = blocks_[at + 1];
  if (lower.size() + upper.size() > block_capacity) return;
  lower.insert(lower.end(), upper.begin(), upper.end());
  blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(at) + 1);
}

}  // namespace postroad::spool
