// Any bytes as a segment and as what records carry: the start ends, nothing is read outside, what
// decodes encodes.
#include <cstdint>
#include <string_view>

#include "spool/journal/envelope_codec.hpp"
#include "spool/journal/journal.hpp"
#include "spool/journal/record.hpp"
#include "spool/journal/segment.hpp"
#include "spool/testing/test_disk.hpp"

using namespace postroad::spool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  if (const auto envelope = decode_envelope(octets)) {
    std::string back;
    encode(back, *envelope);
    if (back != octets) __builtin_trap();
  }
  (void)decode_outcomes(octets);
  (void)decode_footer(octets);
  (void)decode_commit_front(octets);
  (void)decode_segment_head(octets);
  (void)QueueId::parse(octets);

  const TestDisk disk;
  auto segment = encode(SegmentHead{1, Salt{0x0123456789abcdef}, 5, 1, {}});
  segment += octets;
  TestDisk(disk).set_content(segment_name(1), segment);
  const auto spool = open_journal(disk.open(), {}, 1'700'000'000'000);
  if (!spool) return 0;
  for (const auto& summary : (*spool)->list()) (void)(*spool)->envelope(summary.id);
  return 0;
}
