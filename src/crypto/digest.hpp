// Digests and key derivation, thin over OpenSSL EVP. No OpenSSL type is seen here. Results are raw
// bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace postroad::crypto {

enum class Digest : std::uint8_t { sha1, sha256 };

/// Bytes of a digest.
std::size_t size_of(Digest kind) noexcept;
std::string digest(Digest kind, std::string_view bytes);

/// A digest of bytes that come in pieces. One thread at a time.
class Hasher final {
 public:
  explicit Hasher(Digest kind);
  void take(std::string_view bytes);
  /// The digest; the object is used up.
  [[nodiscard]] std::string finish();

 private:
  std::shared_ptr<void> context_;
  Digest kind_;
};

std::string hmac(Digest kind, std::string_view key, std::string_view bytes);
/// PBKDF2-HMAC with as many bytes out as the digest has. Costs about 0.4 µs per iteration: do not
/// run it on the event loop.
std::string pbkdf2(Digest kind, std::string_view password, std::string_view salt,
                   std::uint32_t iterations);
/// Bytes from the system's random generator.
std::string random_bytes(std::size_t count);
/// In lower case.
std::string hex(std::string_view bytes);
/// Compares in a time that depends on the lengths only.
bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

}  // namespace postroad::crypto
