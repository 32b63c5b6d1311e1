// Encoding of one record of the journal and of a segment's head page. The constants are those of
// docs/formats/journal.md. A decoder accepts exactly what the encoder writes. Not here: files
// (segment.hpp) and what records mean together (recovery.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::spool {

/// Kind of a record. The numbers are on disk and are never renumbered.
enum class Kind : std::uint8_t {
  chunk = 1,    ///< bytes of a message whose commit follows
  commit = 2,   ///< envelope and last bytes: makes the message part of the spool
  outcome = 3,  ///< new outcomes of a message's recipients
  remove = 4,   ///< removes the message
  footer = 5,   ///< list of the segment's records; the last record of a sealed segment
};

/// Bits of RecordHeader::flags.
constexpr std::uint8_t flag_copy =
    1;  ///< chunk or commit: carried forward from an older segment; replaces the older copy
constexpr std::uint8_t flag_whole =
    2;  ///< outcome: replaces all older outcome records of the message

constexpr std::uint8_t flag_joined = 4;  ///< commit: outcomes of another message end its payload;
                                         ///< in a footer, also the entry that names these outcomes

constexpr std::size_t record_header_size = 40;
constexpr std::size_t head_page_size = 4096;
/// 2: outcomes have marks and the last attempt, and may be joined to a commit. Version 1 is read.
constexpr std::uint32_t format_version = 2;
constexpr std::uint32_t oldest_version = 1;

/// The random number of a spool. It keys marks and checksums, so that the scan for the next record
/// after damage does not take a message that contains the bytes of a record for one.
struct Salt {
  std::uint64_t value = 0;
  /// The first four bytes of every record.
  [[nodiscard]] std::uint32_t mark() const noexcept {
    return static_cast<std::uint32_t>(value) | 1U;
  }
  [[nodiscard]] std::uint32_t payload_seed() const noexcept;
  [[nodiscard]] std::uint32_t header_seed(std::uint32_t segment) const noexcept;
  friend bool operator==(const Salt&, const Salt&) = default;
};

/// RecordHeader::part of a chunk that precedes all others although it was written after them: bytes
/// that were put in front of the message when its end was known.
constexpr std::uint32_t head_part = 0xFFFFFFFF;

struct RecordHeader {
  std::uint32_t length = 0;  ///< bytes of the payload
  std::uint64_t sequence = 0;
  std::uint64_t id = 0;
  Kind kind = Kind::chunk;
  std::uint8_t flags = 0;
  /// chunk: its position in the message from 0, or head_part; commit: number of chunks before it
  std::uint32_t part = 0;
  std::uint32_t payload_crc = 0;  ///< crc32c(salt.payload_seed(), payload)
  friend bool operator==(const RecordHeader&, const RecordHeader&) = default;
};

using RecordHeaderBytes = std::array<char, record_header_size>;

RecordHeaderBytes encode(const RecordHeader& header, Salt salt, std::uint32_t segment);
/// Nothing if mark, checksum, kind or padding is wrong, or `bytes` is too short.
std::optional<RecordHeader> decode_record_header(std::string_view bytes, Salt salt,
                                                 std::uint32_t segment);

/// The fixed first part of a commit record's payload; envelope and last bytes follow it.
struct CommitFront {
  static constexpr std::size_t size_on_disk = 16;
  std::uint64_t size = 0;        ///< bytes of the whole message
  std::uint32_t envelope = 0;    ///< bytes of the encoded envelope
  std::uint32_t recipients = 0;  ///< number in the envelope
};

void encode(char* at, const CommitFront& front) noexcept;
/// Nothing if the payload is shorter than its front and envelope.
std::optional<CommitFront> decode_commit_front(std::string_view payload);

/// Outcomes of another message at the end of a commit's payload: they are recorded with the new
/// message or not at all.
struct JoinedOutcomes {
  std::uint64_t id = 0;
  std::string_view outcomes;     ///< as in an outcome record
  std::size_t size_on_disk = 0;  ///< bytes of the payload that are not the message's
};
/// Appends them to a commit's payload.
void append_joined(std::string& payload, std::uint64_t id, std::string_view outcomes);
std::optional<JoinedOutcomes> decode_joined(std::string_view payload);

/// A segment that is valid only up to a length: a later write or sync failed, or a crash cut it.
struct ShortSegment {
  std::uint32_t number = 0;
  std::uint32_t length = 0;  ///< valid bytes
  friend bool operator==(const ShortSegment&, const ShortSegment&) = default;
};

/// The first page of a segment, with the same head twice: at 0 and in the middle.
struct SegmentHead {
  static constexpr std::size_t max_short = 240;
  std::uint32_t number = 0;
  Salt salt;
  std::uint64_t id_floor = 0;     ///< no id up to this one is assigned again
  std::uint64_t sequence = 0;     ///< of the first record
  std::vector<ShortSegment> cut;  ///< of all older segments that still exist; at most max_short
  friend bool operator==(const SegmentHead&, const SegmentHead&) = default;
};

std::string encode(const SegmentHead& head);
/// From either copy; nothing if both are damaged. An unknown format version gives a head with
/// number 0, so that the caller refuses a newer spool and does not treat it as damage.
std::optional<SegmentHead> decode_segment_head(std::string_view page);

/// One entry of a footer: what it says of a record.
struct FooterEntry {
  static constexpr std::size_t size_on_disk = 40;
  std::uint64_t id = 0;
  std::uint64_t size = 0;  ///< commit: bytes of the whole message
  std::uint32_t offset = 0;
  std::uint32_t length = 0;  ///< of the payload
  std::uint32_t part = 0;
  std::uint32_t recipients = 0;
  Kind kind = Kind::chunk;
  std::uint8_t flags = 0;
  friend bool operator==(const FooterEntry&, const FooterEntry&) = default;
};

/// The entry for the outcomes of message `other` in that commit.
FooterEntry joined_entry(const FooterEntry& commit, std::uint64_t other);

/// The footer's payload ends with its own length, so that it can be found from the end of the file.
constexpr std::size_t footer_tail_size = 8;
std::string encode(const std::vector<FooterEntry>& entries);
std::optional<std::vector<FooterEntry>> decode_footer(std::string_view payload);
/// Length of the footer's payload, from the last footer_tail_size bytes of a file; nothing without
/// a footer.
std::optional<std::uint32_t> decode_footer_tail(std::string_view bytes);

}  // namespace postroad::spool
