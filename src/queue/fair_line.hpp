// The messages that wait for a site. Their senders take turns (deficit round robin, Shreedhar and
// Varghese 1995), so that one message slips past a list of ten thousand; a large message takes
// several turns. Inside a sender's share urgent messages come first (MT-PRIORITY, RFC 6710).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "spool/spool.hpp"

namespace postroad::queue {

/// The part of its sender's share that a message takes.
struct Share {
  std::uint64_t sender = 0;  ///< sender_of
  int priority = 0;
  std::uint64_t size = 0;  ///< bytes
};

/// Names the sender of a reverse-path: the addresses of one list that differ by the recipient
/// (VERP, `list+ann=example.org@…`) or by a detail (`ann+x@…`) are one sender.
std::uint64_t sender_of(std::string_view reverse_path);
/// Users who log in are one sender each, whatever reverse-paths they use.
std::uint64_t sender_of(const spool::Envelope& envelope);

class FairLine final {
 public:
  void add(spool::QueueId id, const Share& share);
  [[nodiscard]] bool is_empty() const { return turns_.empty(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::vector<spool::QueueId> ids() const;
  /// Linear.
  [[nodiscard]] bool has(spool::QueueId id) const;
  /// One of the messages.
  [[nodiscard]] std::optional<spool::QueueId> any() const;
  /// Takes the one whose turn it is.
  std::optional<spool::QueueId> next();
  /// Takes these out. Linear.
  void take_out(const std::unordered_set<std::uint64_t>& ids);

 private:
  struct Entry {
    std::uint64_t id;
    std::uint32_t cost;  // turns
  };
  struct Sender {
    std::map<int, std::deque<Entry>, std::greater<>> by_priority;
    std::uint32_t credit = 0;  // turns that it has had and not used
  };
  std::unordered_map<std::uint64_t, Sender> senders_;  // those with a message
  std::deque<std::uint64_t> turns_;                    // the same; the first one has its turn
  std::size_t size_ = 0;
};

}  // namespace postroad::queue
