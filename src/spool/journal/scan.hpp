// Scans the records of one segment file that may be torn or damaged, and finds the next record
// after damage. It reports; recovery.hpp decides what to do.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "spool/journal/segment.hpp"

namespace postroad::spool {

/// Bytes that are not a valid record, followed by a valid record.
struct Damage {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::optional<RecordHeader> header;  ///< if only the payload is damaged
};

struct Scan {
  std::vector<Damage> damage;
  std::uint32_t end = 0;   ///< after the last valid record
  std::uint32_t tail = 0;  ///< bytes from there to the limit
};

/// Called for each valid record; the payload lives until it returns.
using RecordVisitor =
    std::function<void(const RecordHeader&, const Location&, std::string_view payload)>;

/// Scans from the head page to `limit`. A block that the disk cannot read counts as damage.
Scan scan_segment(const Segment& segment, std::uint64_t limit, const RecordVisitor& visit);

struct Footer {
  std::vector<FooterEntry> entries;
  std::uint64_t sequence = 0;  ///< of the footer itself, the last in the segment
};

/// The records of a sealed segment from its footer; nothing if the footer is missing or damaged.
std::optional<Footer> read_footer(const Segment& segment, std::uint64_t limit);

/// The footer entry of a record; nothing for a commit that contradicts itself.
std::optional<FooterEntry> footer_entry(const RecordHeader& header, const Location& at,
                                        std::string_view payload);

/// The entry for the outcomes of another message that were committed with it.
std::optional<FooterEntry> joined_in(const FooterEntry& commit, std::string_view payload);

}  // namespace postroad::spool
