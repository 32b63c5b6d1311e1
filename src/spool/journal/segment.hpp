// One file of the journal and the places of its records, which can be read and checked. Not here:
// which records are needed (index.hpp) and how they are written (writer.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "spool/disk/disk.hpp"
#include "spool/journal/record.hpp"

namespace postroad::spool {

/// Place of a record. Segment 0 is never used: it means "none".
struct Location {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;  ///< of the record's header
  std::uint32_t length = 0;  ///< of the payload
  [[nodiscard]] std::uint64_t bytes() const noexcept { return record_header_size + length; }
  [[nodiscard]] explicit operator bool() const noexcept { return segment != 0; }
  friend bool operator==(const Location&, const Location&) = default;
};

/// File, number and salt never change and are read from any thread; the rest is protected by the
/// engine's lock.
struct Segment {
  std::uint32_t number = 0;
  Salt salt;
  std::unique_ptr<File> file;
  std::uint64_t length = 0;  ///< bytes on disk
  std::uint64_t live = 0;    ///< bytes of records that queued messages need
  std::uint32_t open = 0;    ///< chunks of messages without a commit yet
};

/// "0000000000000007.seg"
std::string segment_name(std::uint32_t number);
/// Nothing if the name is not a segment's.
std::optional<std::uint32_t> parse_segment_name(std::string_view name);

/// A record with its bytes; the payload is a view into them.
struct ReadRecord {
  RecordHeader header;
  std::string bytes;
  /// Without the outcomes of another message that a commit may end with.
  [[nodiscard]] std::string_view payload() const {
    auto all = whole_payload();
    if (const auto other = joined()) all.remove_suffix(other->size_on_disk);
    return all;
  }
  [[nodiscard]] std::string_view whole_payload() const {
    return std::string_view(bytes).substr(record_header_size);
  }
  /// The outcomes of another message that were committed with this one.
  [[nodiscard]] std::optional<JoinedOutcomes> joined() const {
    if (header.kind != Kind::commit || (header.flags & flag_joined) == 0) return std::nullopt;
    return decode_joined(whole_payload());
  }
};

/// Reads and checks one record. Errors: Fault::damaged with file and offset; Fault::io.
Result<ReadRecord> read_record(const Segment& segment, const Location& at);

}  // namespace postroad::spool
