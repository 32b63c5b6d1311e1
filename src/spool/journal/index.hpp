// Which messages the spool holds and where their records are: in memory, at most 80 bytes per
// message (docs/design/performance.md), built from the segments at the start. It does not know what
// the records contain: envelopes are read from disk when needed. No lock of its own: the engine's
// writer thread changes it under the engine's lock, other threads read it under that lock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "spool/journal/entry_table.hpp"
#include "spool/journal/segment.hpp"

namespace postroad::spool {

class Index final {
 public:
  using Segments = std::map<std::uint32_t, std::shared_ptr<Segment>>;

  void add_segment(std::shared_ptr<Segment> segment);
  void drop_segment(std::uint32_t number) { segments_.erase(number); }
  [[nodiscard]] const Segments& segments() const noexcept { return segments_; }
  /// Null when it was deleted.
  [[nodiscard]] std::shared_ptr<Segment> segment(std::uint32_t number) const;

  /// Adds a message, or replaces its older copy. `chunks` are its records before the commit, in
  /// order.
  void put(Entry entry, std::vector<Location> chunks = {});
  /// Adds an outcome record. `whole`: it holds everything that the older ones said.
  void add_outcome(std::uint64_t id, const Location& at, bool whole);
  void erase(std::uint64_t id);
  /// Null without such a message; valid until the next change.
  [[nodiscard]] const Entry* find(std::uint64_t id) const { return entries_.find(id); }
  void mark_damaged(std::uint64_t id);
  [[nodiscard]] const EntryTable& entries() const noexcept { return entries_; }

  /// Records of the message before its commit, in order.
  [[nodiscard]] const std::vector<Location>& chunks(const Entry& entry) const;
  /// Outcome records, oldest first.
  [[nodiscard]] std::vector<Location> outcomes(const Entry& entry) const;
  [[nodiscard]] std::size_t outcome_count(std::uint64_t id) const;

  /// Bytes of all messages.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// Bytes of all segments on disk.
  [[nodiscard]] std::uint64_t disk() const;
  /// Bytes of the records in them that a message needs.
  [[nodiscard]] std::uint64_t live() const noexcept { return live_; }

 private:
  struct More {
    std::vector<Location> chunks;
    std::vector<Location> outcomes;  ///< older than Entry::outcome, oldest first
  };

  [[nodiscard]] const More* more(const Entry& entry) const;
  void count(const Entry& entry, bool in);
  void count(const Location& at, bool in);

  Segments segments_;
  EntryTable entries_;
  std::unordered_map<std::uint64_t, More> more_;
  std::uint64_t bytes_ = 0;
  std::uint64_t live_ = 0;
};

}  // namespace postroad::spool
