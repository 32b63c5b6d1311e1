// CRC-32C (Castagnoli, RFC 3720 appendix B.4): the checksum of every record of the journal.
// It detects damage, not manipulation. Uses SSE 4.2 where available, tables elsewhere.
#pragma once

#include <cstdint>
#include <string_view>

namespace postroad::spool {

/// Extends a checksum: crc32c(crc32c(s, a), b) == crc32c(s, a + b). Start with 0 or another seed.
std::uint32_t crc32c(std::uint32_t seed, std::string_view bytes) noexcept;

/// The same with tables on every processor, for the test that compares both.
std::uint32_t crc32c_by_table(std::uint32_t seed, std::string_view bytes) noexcept;

}  // namespace postroad::spool
