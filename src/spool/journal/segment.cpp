// One file of the journal; see segment.hpp.
#include "spool/journal/segment.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "spool/journal/crc32c.hpp"

namespace postroad::spool {

namespace {

constexpr std::string_view suffix = ".seg";
constexpr std::size_t name_digits = 16;

}  // namespace

std::string segment_name(std::uint32_t number) { return fmt::format("{:016}{}", number, suffix); }

std::optional<std::uint32_t> parse_segment_name(std::string_view name) {
  if (name.size() != name_digits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  const auto number = parse_number(name.substr(0, name_digits));
  if (!number || *number == 0 || *number > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

Result<ReadRecord> read_record(const Segment& segment, const Location& at) {
  ReadRecord record;
  record.bytes.resize(at.bytes());
  const auto got = segment.file->read(record.bytes, at.offset);
  if (!got) return got.error();
  const auto header = decode_record_header(record.bytes, segment.salt, segment.number);
  if (*got == record.bytes.size() && header && header->length == at.length &&
      header->payload_crc == crc32c(segment.salt.payload_seed(), record.whole_payload())) {
    record.header = *header;
    return record;
  }
  return fail(
      Fault::damaged, fmt::format("{} at byte {}", segment_name(segment.number), at.offset),
      "checksum mismatch: the disk returned other bytes than were written; check the disk, and "
      "restore the message from a backup or ask its sender for it");
}

}  // namespace postroad::spool
