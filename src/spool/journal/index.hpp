// Which messages the spool holds and where their records stand: in memory, about 100 octets a
// message, built from the segments at the start. It knows no files' contents: envelopes are read
// back when asked for. No lock of its own: the engine's writer thread changes it under the engine's
// lock, others read under it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "spool/journal/segment.hpp"

namespace postroad::spool {

/// One message. Most have one record and no outcome, or one: the rest is behind a pointer.
struct Entry {
  struct More {
    std::vector<Location> chunks;    ///< before the commit record, in order
    std::vector<Location> outcomes;  ///< older than `outcome`, oldest first
  };
  Location commit;
  Location outcome;  ///< the latest
  std::uint64_t size = 0;
  std::uint32_t recipients = 0;
  bool damaged =
      false;  ///< part of it is lost: listed, its envelope can be seen, not readable as a whole
  std::unique_ptr<More> more;

  [[nodiscard]] std::vector<Location> outcomes() const;
  [[nodiscard]] std::vector<Location> chunks() const {
    return more ? more->chunks : std::vector<Location>{};
  }
};

class Index final {
 public:
  using Segments = std::map<std::uint32_t, std::shared_ptr<Segment>>;
  using Entries = std::map<std::uint64_t, Entry>;

  void add_segment(std::shared_ptr<Segment> segment);
  void drop_segment(std::uint32_t number) { segments_.erase(number); }
  [[nodiscard]] const Segments& segments() const noexcept { return segments_; }
  /// Null when it is gone.
  [[nodiscard]] std::shared_ptr<Segment> segment(std::uint32_t number) const;

  /// Puts a message in, or in the place of its older copy.
  void put(std::uint64_t id, Entry entry);
  /// One more outcome record; `whole` says that it holds all that the older ones said.
  void add_outcome(std::uint64_t id, const Location& at, bool whole);
  void erase(std::uint64_t id);
  [[nodiscard]] const Entry* find(std::uint64_t id) const;
  Entry* find(std::uint64_t id);
  [[nodiscard]] const Entries& entries() const noexcept { return entries_; }

  [[nodiscard]] std::uint64_t octets() const noexcept { return octets_; }
  /// Octets of all segments on disk, and of the records in them that are needed.
  [[nodiscard]] std::uint64_t disk() const;
  [[nodiscard]] std::uint64_t live() const noexcept { return live_; }

 private:
  void count(const Entry& entry, bool in);
  void count(const Location& at, bool in);

  Segments segments_;
  Entries entries_;
  std::uint64_t octets_ = 0;
  std::uint64_t live_ = 0;
};

}  // namespace postroad::spool
