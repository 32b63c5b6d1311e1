// Walks the records of one segment file that may be torn or damaged, and finds its way again after
// damage. It reports; what to do about it is recovery.hpp's.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "spool/journal/segment.hpp"

namespace postroad::spool {

/// Octets that are no valid record, with a valid record behind them.
struct Damage {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::optional<RecordHeader> header;  ///< when only the payload is hurt
};

struct Scan {
  std::vector<Damage> damage;
  std::uint32_t end = 0;   ///< behind the last valid record
  std::uint32_t tail = 0;  ///< octets from there to the limit
};

/// Called for each valid record; the payload lives until it returns.
using RecordVisitor =
    std::function<void(const RecordHeader&, const Location&, std::string_view payload)>;

/// Walks from behind the head page up to `limit`. A place the disk cannot read counts as damage.
Scan scan_segment(const Segment& segment, std::uint64_t limit, const RecordVisitor& visit);

struct Footer {
  std::vector<FooterEntry> entries;
  std::uint64_t sequence = 0;  ///< its own: the segment's last
};

/// The records of a sealed segment from its footer; nothing when there is none or it is damaged.
std::optional<Footer> read_footer(const Segment& segment, std::uint64_t limit);

/// What a footer says of a record; nothing for a commit that contradicts itself.
std::optional<FooterEntry> footer_entry(const RecordHeader& header, const Location& at,
                                        std::string_view payload);

}  // namespace postroad::spool
