// Any bytes as a segment and as each thing that records carry: recovery ends, nothing is read
// outside the input, and what a decoder accepts encodes to the same bytes.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "spool/journal/crc32c.hpp"
#include "spool/journal/envelope_codec.hpp"
#include "spool/journal/journal.hpp"
#include "spool/journal/record.hpp"
#include "spool/journal/segment.hpp"
#include "spool/journal/wire.hpp"
#include "spool/testing/test_disk.hpp"
#include "spool/testing/workload.hpp"

using namespace postroad::spool;

namespace {

constexpr Salt salt{0x0123456789abcdef};

std::string payload_of(Kind kind, std::uint64_t id, std::string_view bytes) {
  std::string payload;
  if (kind == Kind::commit) {
    const auto recipients = bytes.size() % 3;
    payload = commit_payload_front(workload::envelope(id, recipients), id % 7 * 100 + bytes.size());
    payload += bytes;
  } else if (kind == Kind::outcome) {
    encode(payload, {workload::delivered(static_cast<std::uint32_t>(bytes.size() % 3))});
  } else {
    payload = bytes;
  }
  return payload;
}

/// A segment of records with right checksums whose contents the input chooses, so that recovery is
/// tried and not only its checks.
std::string segment_of_records(std::string_view bytes) {
  auto segment = encode(SegmentHead{1, salt, 5, 1, {}});
  Decoder from(bytes);
  for (std::uint64_t sequence = 1; from.left() > 0 && sequence < 64; ++sequence) {
    const auto kind_and_flags = from.number<std::uint8_t>();
    const auto part = from.number<std::uint8_t>();
    RecordHeader header;
    header.sequence = sequence;
    header.kind = static_cast<Kind>(kind_and_flags % 5 + 1);
    header.flags = kind_and_flags >> 4 & 7;
    header.part = part == 255 ? head_part : part;
    header.id = from.number<std::uint8_t>() % 8;
    const auto length = std::min<std::size_t>(from.number<std::uint8_t>(), from.left());
    const auto content = from.take(length);
    const bool is_raw = (kind_and_flags & 0x80) != 0;
    auto payload = is_raw ? std::string(content) : payload_of(header.kind, header.id, content);
    if (!is_raw && header.kind == Kind::commit && (header.flags & flag_joined) != 0)
      append_joined(payload, part % 8, payload_of(Kind::outcome, part % 8, content));
    header.length = static_cast<std::uint32_t>(payload.size());
    header.payload_crc = crc32c(salt.payload_seed(), payload);
    const auto front = encode(header, salt, 1);
    segment.append(front.data(), front.size());
    segment += payload;
  }
  return segment;
}

/// Opens a spool with that segment twice: recovery ends, and the second finds what the first did.
void recover(const std::string& segment) {
  const TestDisk disk;
  TestDisk(disk).set_content(segment_name(1), segment);
  std::vector<QueueId> before;
  for (const bool again : {false, true}) {
    const auto spool = open_journal(disk.open(), {}, 1'700'000'000'000);
    if (!spool) return;
    std::vector<QueueId> ids;
    for (const auto& summary : (*spool)->list()) {
      ids.push_back(summary.id);
      (void)(*spool)->envelope(summary.id);
      (void)workload::read(**spool, summary.id);
    }
    if (again && ids != before) __builtin_trap();
    before = std::move(ids);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto envelope = decode_envelope(bytes)) {
    std::string back;
    encode(back, *envelope);
    if (back != bytes) __builtin_trap();
  }
  if (const auto outcomes = decode_outcomes(bytes)) {
    std::string back;
    encode(back, *outcomes);
    if (back != bytes) __builtin_trap();
  }
  if (const auto footer = decode_footer(bytes); footer && encode(*footer) != bytes)
    __builtin_trap();
  if (const auto head = decode_segment_head(bytes); head && head->number != 0) {
    // Either copy may be the readable one. An older version is read and not written.
    const auto page = encode(*head);
    const auto copy = page.substr(0, head_page_size / 2);
    const auto is_older = [&](std::size_t at) {
      return bytes.size() >= at + 12 && get<std::uint32_t>(bytes.data() + at + 8) < format_version;
    };
    if (!bytes.starts_with(copy) && bytes.substr(copy.size(), copy.size()) != copy &&
        !is_older(0) && !is_older(copy.size()))
      __builtin_trap();
  }
  if (const auto commit = decode_commit_payload(bytes)) {
    auto back = commit_payload_front(commit->envelope, commit->front.size);
    back += commit->rest;
    if (back != bytes) __builtin_trap();
  }
  if (const auto number = parse_segment_name(bytes); number && segment_name(*number) != bytes)
    __builtin_trap();
  if (const auto id = QueueId::parse(bytes); id && QueueId::parse(id->text()).value() != *id)
    __builtin_trap();

  recover(encode(SegmentHead{1, salt, 5, 1, {}}) + std::string(bytes));
  recover(segment_of_records(bytes));
  return 0;
}
