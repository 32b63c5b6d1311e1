// One record of the journal and the head page of a segment, as octets. docs/formats/journal.md is
// the page; the constants here are that page's. Not here: files (segment.hpp), what records mean
// together (recovery.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::spool {

/// What a record is. The numbers are on disk and are never renumbered.
enum class Kind : std::uint8_t {
  chunk = 1,    ///< octets of a message that is on its way in
  commit = 2,   ///< envelope and last octets: with it the message is in the spool
  outcome = 3,  ///< new outcomes of a message's recipients
  remove = 4,   ///< the message is forgotten
  footer = 5,   ///< list of the segment's records; the last record of a sealed segment
};

/// Bits of RecordHeader::flags.
constexpr std::uint8_t flag_copy =
    1;  ///< commit: carried forward from an older segment, which it replaces
constexpr std::uint8_t flag_whole =
    2;  ///< outcome: holds all that older outcome records of the message said

constexpr std::size_t record_header_size = 40;
constexpr std::size_t head_page_size = 4096;
constexpr std::uint32_t format_version = 1;

/// The unguessable number of a spool. It keys marks and checksums, so that a mail that contains the
/// octets of a record is not taken for one when the scan looks for the next record after damage.
struct Salt {
  std::uint64_t value = 0;
  /// First four octets of every record.
  [[nodiscard]] std::uint32_t mark() const noexcept {
    return static_cast<std::uint32_t>(value) | 1U;
  }
  [[nodiscard]] std::uint32_t payload_seed() const noexcept;
  [[nodiscard]] std::uint32_t header_seed(std::uint32_t segment) const noexcept;
  friend bool operator==(const Salt&, const Salt&) = default;
};

/// The part of a chunk that stands in front of all others though it was written behind them: bytes
/// that were put in front of the message once its end was known.
constexpr std::uint32_t head_part = 0xFFFFFFFF;

struct RecordHeader {
  std::uint32_t length = 0;  ///< octets of the payload
  std::uint64_t sequence = 0;
  std::uint64_t id = 0;
  Kind kind = Kind::chunk;
  std::uint8_t flags = 0;
  /// chunk: its place in the message from 0, or head_part; commit: chunks before it
  std::uint32_t part = 0;
  std::uint32_t payload_crc = 0;  ///< crc32c(salt.payload_seed(), payload)
  friend bool operator==(const RecordHeader&, const RecordHeader&) = default;
};

using RecordHeaderOctets = std::array<char, record_header_size>;

RecordHeaderOctets encode(const RecordHeader& header, Salt salt, std::uint32_t segment);
/// Nothing when mark, checksum or kind is wrong. `octets` holds record_header_size or more.
std::optional<RecordHeader> decode_record_header(std::string_view octets, Salt salt,
                                                 std::uint32_t segment);

/// The fixed front of a commit record's payload; envelope and last octets follow it.
struct CommitFront {
  static constexpr std::size_t size_on_disk = 16;
  std::uint64_t size = 0;        ///< octets of the whole message
  std::uint32_t envelope = 0;    ///< octets of the encoded envelope
  std::uint32_t recipients = 0;  ///< how many the envelope names
};

void encode(char* at, const CommitFront& front) noexcept;
/// Nothing when the payload is too short for what it claims.
std::optional<CommitFront> decode_commit_front(std::string_view payload);

/// A segment of which only the front is believed: a write or sync behind it failed, or a crash cut
/// it.
struct ShortSegment {
  std::uint32_t number = 0;
  std::uint32_t length = 0;  ///< octets that are believed
  friend bool operator==(const ShortSegment&, const ShortSegment&) = default;
};

/// The first page of a segment, which holds the same head twice: at 0 and in the middle.
struct SegmentHead {
  static constexpr std::size_t max_short = 240;
  std::uint32_t number = 0;
  Salt salt;
  std::uint64_t id_floor = 0;     ///< no id up to this one is given again
  std::uint64_t sequence = 0;     ///< of the first record
  std::vector<ShortSegment> cut;  ///< of all older segments that still exist; at most max_short
  friend bool operator==(const SegmentHead&, const SegmentHead&) = default;
};

std::string encode(const SegmentHead& head);
/// From either copy; nothing when both are damaged. Error cases are the caller's: an unknown format
/// version gives a head with number 0, so that a newer spool is refused and not taken for damage.
std::optional<SegmentHead> decode_segment_head(std::string_view page);

/// One line of a footer.
struct FooterEntry {
  static constexpr std::size_t size_on_disk = 40;
  std::uint64_t id = 0;
  std::uint64_t size = 0;  ///< commit: octets of the whole message
  std::uint32_t offset = 0;
  std::uint32_t length = 0;  ///< of the payload
  std::uint32_t part = 0;
  std::uint32_t recipients = 0;
  Kind kind = Kind::chunk;
  std::uint8_t flags = 0;
  friend bool operator==(const FooterEntry&, const FooterEntry&) = default;
};

/// The footer's payload ends with its own length, so that it is found from the end of the file.
constexpr std::size_t footer_tail_size = 8;
std::string encode(const std::vector<FooterEntry>& entries);
std::optional<std::vector<FooterEntry>> decode_footer(std::string_view payload);
/// Length of the footer's payload from the last footer_tail_size octets of a file; nothing when
/// there is none.
std::optional<std::uint32_t> decode_footer_tail(std::string_view octets);

}  // namespace postroad::spool
