// Over OpenSSL EVP; see digest.hpp. A failure of these calls is a broken installation, and ends the
// process.
#include "crypto/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstdlib>

namespace postroad::crypto {

namespace {

unsigned char* octets_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* octets_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
void require(bool done) {
  if (!done) std::abort();
}

}  // namespace

std::string sha256(std::string_view octets) {
  std::string out(32, '\0');
  unsigned length = 0;
  require(EVP_Digest(octets.data(), octets.size(), octets_of(out), &length, EVP_sha256(),
                     nullptr) == 1);
  return out;
}

std::string hmac_sha256(std::string_view key, std::string_view octets) {
  std::string out(32, '\0');
  unsigned length = 0;
  require(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), octets_of(octets),
               octets.size(), octets_of(out), &length) != nullptr);
  return out;
}

std::string pbkdf2_sha256(std::string_view password, std::string_view salt,
                          std::uint32_t iterations) {
  std::string out(32, '\0');
  require(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), octets_of(salt),
                            static_cast<int>(salt.size()), static_cast<int>(iterations),
                            EVP_sha256(), 32, octets_of(out)) == 1);
  return out;
}

std::string random_octets(std::size_t count) {
  std::string out(count, '\0');
  require(RAND_bytes(octets_of(out), static_cast<int>(count)) == 1);
  return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace postroad::crypto
