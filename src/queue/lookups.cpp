// See lookups.hpp.
#include "queue/lookups.hpp"

#include <algorithm>

namespace postroad::queue {

std::vector<Lookups::Key> Lookups::wait(spool::QueueId id, bool is_flushed,
                                        const std::vector<Key>& keys) {
  const auto is_new = [&](const Key& key) { return !searches_.contains(key); };
  // A message with many destinations goes beyond the limit once, rather than never.
  if (searches_.size() >= most && std::any_of(keys.begin(), keys.end(), is_new)) {
    for_room_.push_back(id.value);
    waiting_[id.value] = {0, is_flushed};
    return {};
  }
  std::vector<Key> begun;
  for (const auto& key : keys) {
    const auto [found, is_first] = searches_.try_emplace(key);
    found->second.push_back(id.value);
    if (is_first) begun.push_back(key);
  }
  waiting_[id.value] = {keys.size(), is_flushed};
  return begun;
}

bool Lookups::begin(const Key& key) {
  return searches_.size() < most && searches_.try_emplace(key).second;
}

std::vector<Schedule::Taken> Lookups::end(const Key& key) {
  std::vector<Schedule::Taken> ready;
  const auto release = [&](std::uint64_t id) {
    const auto found = waiting_.extract(id);
    const bool is_flushed = found && found.mapped().is_flushed;
    ready.push_back(
        {spool::QueueId{id}, is_flushed ? Schedule::Why::flushed : Schedule::Why::added});
  };
  if (const auto ended = searches_.extract(key)) {
    for (const auto id : ended.mapped()) {
      if (--waiting_.at(id).left > 0) continue;
      release(id);
      waited_.insert(id);
    }
  }
  // Their sites may be known by now: more of them than searches have ended; all after the last one,
  // which nothing else would release.
  const auto count = searches_.empty() ? for_room_.size() : released_together;
  for (std::size_t i = 0; i < count && !for_room_.empty(); ++i) {
    release(for_room_.front());
    for_room_.pop_front();
  }
  return ready;
}

const std::string* Lookups::destination_of(spool::QueueId id) const {
  for (const auto& [key, ids] : searches_)
    if (std::find(ids.begin(), ids.end(), id.value) != ids.end()) return &key.destination;
  return nullptr;
}

}  // namespace postroad::queue
