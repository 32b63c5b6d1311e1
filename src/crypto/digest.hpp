// Digests and key derivation, thin over OpenSSL EVP. No OpenSSL type is seen here. Results are raw
// octets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace postroad::crypto {

std::string sha256(std::string_view octets);
std::string hmac_sha256(std::string_view key, std::string_view octets);
/// PBKDF2-HMAC-SHA-256 with 32 octets out. Costs about 0.4 µs an iteration: run it off the loop.
std::string pbkdf2_sha256(std::string_view password, std::string_view salt,
                          std::uint32_t iterations);
/// Octets from the system's generator.
std::string random_octets(std::size_t count);
/// Compares in a time that depends on the lengths only.
bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

}  // namespace postroad::crypto
