// The start: from a folder of segments to an index. It never stops because of damage: what is hurt
// is set aside in a file of its own, counted and told. It deletes nothing and begins no segment.
#pragma once

#include <string>
#include <vector>

#include "spool/journal/index.hpp"
#include "spool/spool.hpp"

namespace postroad::spool {

struct Recovered {
  Index index;
  std::optional<Salt> salt;   ///< of the newest readable head; nothing in an empty folder
  std::uint64_t last_id = 0;  ///< no id up to this one may be given
  std::uint64_t next_sequence = 1;
  std::uint32_t last_segment = 0;  ///< no number up to this one may be used
  std::vector<ShortSegment> cut;   ///< segments of which only the front is believed
  std::vector<std::string> findings;
  std::uint64_t damaged = 0;  ///< records set aside
};

/// Error: the folder cannot be listed, the last segment cannot be synced, or a newer format wrote
/// the spool.
Result<Recovered> recover(Disk& disk);

/// Copies octets of a segment to `damaged-<segment>-<offset>`, unless that is there already. The
/// answer is the name of the file; an error when it could not be kept.
Result<std::string> set_aside(Disk& disk, const Segment& segment, std::uint32_t offset,
                              std::uint32_t length);

}  // namespace postroad::spool
