// CRC-32C; see crc32c.hpp. The implementation is chosen at the first call.
#include "spool/journal/crc32c.hpp"

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

std::uint32_t byte_at(std::string_view bytes, std::size_t i) noexcept {
  return static_cast<unsigned char>(bytes[i]);
}

#if defined(__x86_64__)
// The instruction has a latency of three cycles and a throughput of one: long runs are computed in
// three lanes. Appending a lane of bytes changes a checksum linearly: one table per byte of it.
constexpr std::size_t lane = 1024;

using Shift = std::array<std::array<std::uint32_t, 256>, 4>;

constexpr Shift make_shift() {
  std::array<std::uint32_t, 32> of_bit{};
  for (std::uint32_t bit = 0; bit < 32; ++bit) {
    std::uint32_t crc = 1U << bit;
    for (std::size_t i = 0; i < lane; ++i) crc = (crc >> 8) ^ table[0][crc & 0xff];
    of_bit[bit] = crc;
  }
  Shift shift{};
  for (std::uint32_t k = 0; k < 4; ++k) {
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      for (std::uint32_t bit = 0; bit < 8; ++bit) {
        if ((byte >> bit & 1) != 0) shift[k][byte] ^= of_bit[8 * k + bit];
      }
    }
  }
  return shift;
}

constexpr Shift shift_table = make_shift();

std::uint64_t shift(std::uint64_t crc) noexcept {
  return shift_table[0][crc & 0xff] ^ shift_table[1][crc >> 8 & 0xff] ^
         shift_table[2][crc >> 16 & 0xff] ^ shift_table[3][crc >> 24 & 0xff];
}

std::uint64_t word_at(const char* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

__attribute__((target("sse4.2"))) std::uint32_t by_processor(std::uint32_t seed,
                                                             std::string_view bytes) noexcept {
  std::uint64_t crc = ~seed;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 3 * lane; left -= 3 * lane, at += 3 * lane) {
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    for (std::size_t i = 0; i < lane; i += 8) {
      crc = _mm_crc32_u64(crc, word_at(at + i));
      second = _mm_crc32_u64(second, word_at(at + lane + i));
      third = _mm_crc32_u64(third, word_at(at + 2 * lane + i));
    }
    crc = shift(shift(crc) ^ second) ^ third;
  }
  for (; left >= 8; left -= 8, at += 8) crc = _mm_crc32_u64(crc, word_at(at));
  auto rest = static_cast<std::uint32_t>(crc);
  for (; left > 0; --left, ++at) rest = _mm_crc32_u8(rest, static_cast<unsigned char>(*at));
  return ~rest;
}
#endif

}  // namespace

std::uint32_t crc32c_by_table(std::uint32_t seed, std::string_view bytes) noexcept {
  std::uint32_t crc = ~seed;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    const auto low = crc ^ (byte_at(bytes, i) | byte_at(bytes, i + 1) << 8 |
                            byte_at(bytes, i + 2) << 16 | byte_at(bytes, i + 3) << 24);
    crc = table[7][low & 0xff] ^ table[6][(low >> 8) & 0xff] ^ table[5][(low >> 16) & 0xff] ^
          table[4][low >> 24] ^ table[3][byte_at(bytes, i + 4)] ^ table[2][byte_at(bytes, i + 5)] ^
          table[1][byte_at(bytes, i + 6)] ^ table[0][byte_at(bytes, i + 7)];
  }
  for (; i < bytes.size(); ++i) crc = (crc >> 8) ^ table[0][(crc ^ byte_at(bytes, i)) & 0xff];
  return ~crc;
}

std::uint32_t crc32c(std::uint32_t seed, std::string_view bytes) noexcept {
#if defined(__x86_64__)
  static const bool able = __builtin_cpu_supports("sse4.2") != 0;
  if (able) return by_processor(seed, bytes);
#endif
  return crc32c_by_table(seed, bytes);
}

}  // namespace postroad::spool
