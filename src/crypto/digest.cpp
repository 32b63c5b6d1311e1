// Digests by OpenSSL EVP; see digest.hpp. These calls fail only in a broken installation; then the
// process ends.
#include "crypto/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstdlib>

#include "crypto/bytes.hpp"

namespace postroad::crypto {

namespace {

const EVP_MD* method_of(Digest kind) { return kind == Digest::sha1 ? EVP_sha1() : EVP_sha256(); }

}  // namespace

std::size_t size_of(Digest kind) noexcept { return kind == Digest::sha1 ? 20 : 32; }

std::string digest(Digest kind, std::string_view bytes) {
  std::string out(size_of(kind), '\0');
  unsigned length = 0;
  require(EVP_Digest(bytes.data(), bytes.size(), bytes_of(out), &length, method_of(kind),
                     nullptr) == 1);
  return out;
}

Hasher::Hasher(Digest kind)
    : context_(EVP_MD_CTX_new(),
               [](void* made) { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(made)); }),
      kind_(kind) {
  require(EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), method_of(kind), nullptr) ==
          1);
}

void Hasher::take(std::string_view bytes) {
  require(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_.get()), bytes.data(), bytes.size()) ==
          1);
}

std::string Hasher::finish() {
  std::string out(size_of(kind_), '\0');
  unsigned length = 0;
  require(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_.get()), bytes_of(out), &length) ==
          1);
  return out;
}

std::string hmac(Digest kind, std::string_view key, std::string_view bytes) {
  std::string out(size_of(kind), '\0');
  unsigned length = 0;
  // For OpenSSL a null key means the key that was set before.
  const char* start = key.empty() ? "" : key.data();
  require(HMAC(method_of(kind), start, static_cast<int>(key.size()), bytes_of(bytes), bytes.size(),
               bytes_of(out), &length) != nullptr);
  return out;
}

std::string pbkdf2(Digest kind, std::string_view password, std::string_view salt,
                   std::uint32_t iterations) {
  std::string out(size_of(kind), '\0');
  require(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt),
                            static_cast<int>(salt.size()), static_cast<int>(iterations),
                            method_of(kind), static_cast<int>(out.size()), bytes_of(out)) == 1);
  return out;
}

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  require(RAND_bytes(bytes_of(out), static_cast<int>(count)) == 1);
  return out;
}

std::string hex(std::string_view bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += {digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace postroad::crypto
