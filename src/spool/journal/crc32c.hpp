// CRC-32C (Castagnoli, RFC 3720 appendix B.4): the checksum of every record of the journal.
// It finds damage, not malice. By the processor where it can (SSE 4.2), by tables elsewhere.
#pragma once

#include <cstdint>
#include <string_view>

namespace postroad::spool {

/// Carries a checksum on over more octets: crc32c(crc32c(s, a), b) == crc32c(s, a + b). Start with
/// 0, or with a seed of your own.
std::uint32_t crc32c(std::uint32_t before, std::string_view octets) noexcept;

/// The same by tables on every processor; for the test that holds the two against each other.
std::uint32_t crc32c_by_table(std::uint32_t before, std::string_view octets) noexcept;

}  // namespace postroad::spool
