// CRC-32C; see crc32c.hpp. The choice of the way is made once, at the first call.
#include "spool/crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace postroad::spool {

namespace {

using Table = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Table make_table() {
  Table table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
    table[0][i] = crc;
  }
  for (std::uint32_t i = 0; i < 256; ++i) {
    for (std::size_t k = 1; k < 8; ++k) {
      table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xff];
    }
  }
  return table;
}

constexpr Table table = make_table();

std::uint32_t octet_at(std::string_view octets, std::size_t i) noexcept {
  return static_cast<unsigned char>(octets[i]);
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t by_processor(std::uint32_t before,
                                                             std::string_view octets) noexcept {
  std::uint64_t crc = ~before;
  const char* at = octets.data();
  std::size_t left = octets.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    crc = _mm_crc32_u64(crc, word);
  }
  auto rest = static_cast<std::uint32_t>(crc);
  for (; left > 0; --left, ++at) rest = _mm_crc32_u8(rest, static_cast<unsigned char>(*at));
  return ~rest;
}
#endif

}  // namespace

std::uint32_t crc32c_by_table(std::uint32_t before, std::string_view octets) noexcept {
  std::uint32_t crc = ~before;
  std::size_t i = 0;
  for (; i + 8 <= octets.size(); i += 8) {
    const auto low = crc ^ (octet_at(octets, i) | octet_at(octets, i + 1) << 8 |
                            octet_at(octets, i + 2) << 16 | octet_at(octets, i + 3) << 24);
    crc = table[7][low & 0xff] ^ table[6][(low >> 8) & 0xff] ^ table[5][(low >> 16) & 0xff] ^
          table[4][low >> 24] ^ table[3][octet_at(octets, i + 4)] ^
          table[2][octet_at(octets, i + 5)] ^ table[1][octet_at(octets, i + 6)] ^
          table[0][octet_at(octets, i + 7)];
  }
  for (; i < octets.size(); ++i) crc = (crc >> 8) ^ table[0][(crc ^ octet_at(octets, i)) & 0xff];
  return ~crc;
}

std::uint32_t crc32c(std::uint32_t before, std::string_view octets) noexcept {
#if defined(__x86_64__)
  static const bool able = __builtin_cpu_supports("sse4.2") != 0;
  if (able) return by_processor(before, octets);
#endif
  return crc32c_by_table(before, octets);
}

}  // namespace postroad::spool
