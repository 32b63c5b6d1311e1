// Recovery at the start: builds an index from a folder of segments. It continues after damage:
// damaged bytes are copied to a file, counted and reported. It deletes nothing and begins no
// segment.
#pragma once

#include <string>
#include <vector>

#include "spool/journal/index.hpp"
#include "spool/spool.hpp"

namespace postroad::spool {

struct Recovered {
  Index index;
  std::optional<Salt> salt;   ///< of the newest readable head; nothing in an empty folder
  std::uint64_t last_id = 0;  ///< no id up to this one may be assigned
  std::uint64_t next_sequence = 1;
  std::uint32_t last_segment = 0;  ///< no number up to this one may be used
  std::vector<ShortSegment> cut;   ///< segments that are valid only up to a length
  std::vector<std::string> findings;
  std::uint64_t damaged = 0;  ///< damaged records
};

/// Error: the folder cannot be listed, the last segment cannot be synced, or a newer format version
/// wrote the spool.
Result<Recovered> recover(Disk& disk);

/// Copies bytes of a segment to the file `damaged-<segment>-<offset>`, unless it exists, and
/// returns its name. Error: the copy could not be made durable.
Result<std::string> save_damaged(Disk& disk, const Segment& segment, std::uint32_t offset,
                                 std::uint32_t length);

}  // namespace postroad::spool
