// Which messages there are and where; see index.hpp.
#include "spool/journal/index.hpp"

namespace postroad::spool {

std::vector<Location> Entry::outcomes() const {
  std::vector<Location> all;
  if (more) all = more->outcomes;
  if (outcome) all.push_back(outcome);
  return all;
}

void Index::add_segment(std::shared_ptr<Segment> segment) {
  const auto number = segment->number;
  segments_[number] = std::move(segment);
}

std::shared_ptr<Segment> Index::segment(std::uint32_t number) const {
  const auto found = segments_.find(number);
  return found == segments_.end() ? nullptr : found->second;
}

void Index::put(std::uint64_t id, Entry entry) {
  erase(id);
  count(entry, true);
  // Ids grow, so the end is nearly always the place.
  entries_.emplace_hint(entries_.end(), id, std::move(entry));
}

void Index::add_outcome(std::uint64_t id, const Location& at, bool whole) {
  auto* entry = find(id);
  if (entry == nullptr) return;
  // With one recipient the newest record says everything.
  if (whole || entry->recipients == 1) {
    if (entry->more) entry->more->outcomes.clear();
  } else if (entry->outcome) {
    if (!entry->more) entry->more = std::make_unique<Entry::More>();
    entry->more->outcomes.push_back(entry->outcome);
  }
  entry->outcome = at;
}

void Index::erase(std::uint64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  count(found->second, false);
  entries_.erase(found);
}

const Entry* Index::find(std::uint64_t id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

Entry* Index::find(std::uint64_t id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

std::uint64_t Index::disk() const {
  std::uint64_t total = 0;
  for (const auto& [number, segment] : segments_) total += segment->length;
  return total;
}

void Index::count(const Entry& entry, bool in) {
  octets_ += in ? entry.size : 0 - entry.size;
  count(entry.commit, in);
  if (!entry.more) return;
  for (const auto& chunk : entry.more->chunks) count(chunk, in);
}

void Index::count(const Location& at, bool in) {
  const auto found = segments_.find(at.segment);
  if (found == segments_.end()) return;
  const auto octets = at.octets();
  found->second->live += in ? octets : 0 - octets;
  live_ += in ? octets : 0 - octets;
}

}  // namespace postroad::spool
