// Messages that wait until the sites of their destinations are known: one search per destination,
// however many messages wait for it, and a bounded number of searches at once. Pure: the searches
// are the carriers' (carrier.hpp). A message that waits here has no place among the attempts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "queue/schedule.hpp"
#include "spool/spool.hpp"

namespace postroad::queue {

class Lookups final {
 public:
  /// A search: which carrier, for which destination.
  struct Key {
    const Carrier* carrier = nullptr;
    std::string destination;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  /// Searches at once. Further messages wait for room.
  static constexpr std::size_t most = 1000;

  [[nodiscard]] bool is_empty() const { return waiting_.empty(); }
  /// Messages that wait.
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }
  [[nodiscard]] bool has(spool::QueueId id) const { return waiting_.contains(id.value); }
  /// The message, which waits here, is to go with all its recipients.
  void flush(spool::QueueId id) { waiting_.at(id.value).is_flushed = true; }
  /// The message waits for these searches, each named once. Returns those that are to begin now;
  /// none where the message waits for room.
  std::vector<Key> wait(spool::QueueId id, bool is_flushed, const std::vector<Key>& keys);
  /// A search for which no message waits. False: it is under way, or there are too many.
  [[nodiscard]] bool begin(const Key& key);
  /// The message has waited for all its searches, and is looked at for the first time since.
  [[nodiscard]] bool take_waited(spool::QueueId id) { return waited_.erase(id.value) > 0; }
  /// A search has ended. Returns the messages that wait for nothing else.
  std::vector<Schedule::Taken> end(const Key& key);
  /// A destination for whose site the message waits; null: none.
  [[nodiscard]] const std::string* destination_of(spool::QueueId id) const;

 private:
  static constexpr std::size_t released_together = 64;  // of those that wait for room
  struct Waiting {
    std::size_t left = 0;  // searches; 0: it waits for room
    bool is_flushed = false;
  };
  std::map<Key, std::vector<std::uint64_t>> searches_;  // with the messages that wait for each
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  std::deque<std::uint64_t> for_room_;
  std::unordered_set<std::uint64_t> waited_;
};

}  // namespace postroad::queue
