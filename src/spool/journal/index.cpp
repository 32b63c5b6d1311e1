// Which messages there are and where; see index.hpp.
#include "spool/journal/index.hpp"

#include <utility>

namespace postroad::spool {

void Index::add_segment(std::shared_ptr<Segment> segment) {
  const auto number = segment->number;
  segments_[number] = std::move(segment);
}

std::shared_ptr<Segment> Index::segment(std::uint32_t number) const {
  const auto found = segments_.find(number);
  return found == segments_.end() ? nullptr : found->second;
}

void Index::put(Entry entry, std::vector<Location> chunks) {
  erase(entry.id);
  entry.has_more = !chunks.empty();
  if (entry.has_more) more_[entry.id].chunks = std::move(chunks);
  count(entry, true);
  entries_.put(entry);
}

void Index::add_outcome(std::uint64_t id, const Location& at, bool whole) {
  auto* entry = entries_.find(id);
  if (entry == nullptr) return;
  // With one recipient the newest record says everything.
  if (whole || entry->recipients == 1) {
    if (const auto found = more_.find(id); found != more_.end()) found->second.outcomes.clear();
  } else if (entry->outcome) {
    more_[id].outcomes.push_back(entry->outcome);
    entry->has_more = true;
  }
  entry->outcome = at;
}

void Index::erase(std::uint64_t id) {
  const auto* entry = entries_.find(id);
  if (entry == nullptr) return;
  count(*entry, false);
  if (entry->has_more) more_.erase(id);
  entries_.erase(id);
}

void Index::mark_damaged(std::uint64_t id) {
  if (auto* entry = entries_.find(id)) entry->damaged = true;
}

const Index::More* Index::more(const Entry& entry) const {
  if (!entry.has_more) return nullptr;
  const auto found = more_.find(entry.id);
  return found == more_.end() ? nullptr : &found->second;
}

const std::vector<Location>& Index::chunks(const Entry& entry) const {
  static const std::vector<Location> none;
  const auto* more = this->more(entry);
  return more != nullptr ? more->chunks : none;
}

std::vector<Location> Index::outcomes(const Entry& entry) const {
  std::vector<Location> all;
  if (const auto* more = this->more(entry)) all = more->outcomes;
  if (entry.outcome) all.push_back(entry.outcome);
  return all;
}

std::size_t Index::outcome_count(std::uint64_t id) const {
  const auto* entry = find(id);
  if (entry == nullptr) return 0;
  const auto* more = this->more(*entry);
  return (more != nullptr ? more->outcomes.size() : 0) + (entry->outcome ? 1 : 0);
}

std::uint64_t Index::disk() const {
  std::uint64_t total = 0;
  for (const auto& [number, segment] : segments_) total += segment->length;
  return total;
}

void Index::count(const Entry& entry, bool in) {
  bytes_ += in ? entry.size : 0 - entry.size;
  count(entry.commit, in);
  for (const auto& chunk : chunks(entry)) count(chunk, in);
}

void Index::count(const Location& at, bool in) {
  const auto found = segments_.find(at.segment);
  if (found == segments_.end()) return;
  const auto bytes = at.bytes();
  found->second->live += in ? bytes : 0 - bytes;
  live_ += in ? bytes : 0 - bytes;
}

}  // namespace postroad::spool
