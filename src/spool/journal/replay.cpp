// Builds the index from records; see replay.hpp.
#include "spool/journal/replay.hpp"

#include <algorithm>

namespace postroad::spool {

void Replay::apply(std::uint32_t segment, const FooterEntry& entry) {
  const Location at{segment, entry.offset, entry.length};
  last_id_ = std::max(last_id_, entry.id);
  switch (entry.kind) {
    case Kind::chunk:
      return add_chunk(at, entry);
    case Kind::commit:
      return commit(at, entry);
    case Kind::outcome:
      // Joined to a commit that lost a part: the message that reports them cannot be sent.
      if ((entry.flags & flag_joined) != 0 && !is_last_commit_whole_) return;
      return index_.add_outcome(entry.id, at, (entry.flags & flag_whole) != 0);
    case Kind::remove:
      std::erase(incomplete_, entry.id);
      return index_.erase(entry.id);
    case Kind::footer:
      return;
  }
}

void Replay::add_chunk(const Location& at, const FooterEntry& entry) {
  auto& open = open_[entry.id];
  if (entry.part == head_part) {
    open.chunks.insert(open.chunks.begin(), at);
    return;
  }
  // Part 0 starts over: the message is carried forward again after a crash during the first
  // attempt.
  if (entry.part == 0) open = {};
  if (entry.part != open.chunks.size()) open.gap = true;
  open.chunks.push_back(at);
}

void Replay::commit(const Location& at, const FooterEntry& entry) {
  auto open = open_.extract(entry.id);
  auto chunks = open ? std::move(open.mapped().chunks) : std::vector<Location>{};
  const bool whole = (!open || !open.mapped().gap) && chunks.size() == entry.part;
  is_last_commit_whole_ = whole;
  // A copy that lost a part must not replace a complete older one.
  const auto* older = index_.find(entry.id);
  if (!whole && (entry.flags & flag_copy) != 0 && older != nullptr && !older->damaged) return;
  Entry message;
  message.id = entry.id;
  message.commit = at;
  message.size = entry.size;
  message.recipients = entry.recipients;
  message.damaged = !whole;
  std::erase(incomplete_, entry.id);
  if (!whole) incomplete_.push_back(entry.id);
  index_.put(message, std::move(chunks));
}

}  // namespace postroad::spool
