// One file of the journal and the records in it, as places that can be read again and checked.
// Not here: which records matter (index.hpp) and how they come to be written (writer.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "spool/disk/disk.hpp"
#include "spool/journal/record.hpp"

namespace postroad::spool {

/// Where a record stands. Segment 0 is never used: it says "nowhere".
struct Location {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;  ///< of the record's header
  std::uint32_t length = 0;  ///< of the payload
  [[nodiscard]] std::uint64_t octets() const noexcept { return record_header_size + length; }
  [[nodiscard]] explicit operator bool() const noexcept { return segment != 0; }
  friend bool operator==(const Location&, const Location&) = default;
};

/// File, number and salt never change and are read from any thread; the rest is under the engine's
/// lock.
struct Segment {
  std::uint32_t number = 0;
  Salt salt;
  std::unique_ptr<File> file;
  std::uint64_t length = 0;  ///< octets on disk
  std::uint64_t live = 0;    ///< octets of records that a message in the spool needs
  std::uint32_t open = 0;    ///< chunks of messages that are still on their way in
};

/// "0000000000000007.seg"
std::string segment_name(std::uint32_t number);
/// Nothing for a name that is not a segment's.
std::optional<std::uint32_t> parse_segment_name(std::string_view name);

/// A record with its octets; the payload is a view into them.
struct ReadRecord {
  RecordHeader header;
  std::string octets;
  [[nodiscard]] std::string_view payload() const {
    return std::string_view(octets).substr(record_header_size);
  }
};

/// Reads and checks one record. Errors: Fault::damaged with file and offset; Fault::io.
Result<ReadRecord> read_record(const Segment& segment, const Location& at);

}  // namespace postroad::spool
