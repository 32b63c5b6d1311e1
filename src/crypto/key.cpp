// Keys by OpenSSL EVP; see key.hpp.
#include "crypto/key.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdlib>

#include "crypto/bytes.hpp"

namespace postroad::crypto {

namespace {

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

std::shared_ptr<void> own(EVP_PKEY* key) {
  return {key, [](void* made) { EVP_PKEY_free(static_cast<EVP_PKEY*>(made)); }};
}

EVP_PKEY* key_of(const std::shared_ptr<void>& handle) {
  return static_cast<EVP_PKEY*>(handle.get());
}

Error bad(std::string why) {
  ERR_clear_error();
  return fail(Fault::input, "key", std::move(why));
}

// OpenSSL must not ask for a pass phrase at the terminal.
int no_password(char* /*into*/, int /*room*/, int /*writing*/, void* /*user*/) { return 0; }

const EVP_MD* method_of(EVP_PKEY* key) {
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? EVP_sha256() : nullptr;
}

}  // namespace

Result<PrivateKey> PrivateKey::parse(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(std::min<std::size_t>(
                                                pem.size(), std::size_t{1024} * 1024))),
                BIO_free);
  require(bio != nullptr);
  auto* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr);
  if (key == nullptr) {
    const bool locked = pem.find("ENCRYPTED") != std::string_view::npos;
    return bad(locked
                   ? "the key is encrypted with a pass phrase; store it without one (openssl pkey)"
                   : "no private key in PEM format (-----BEGIN PRIVATE KEY-----)");
  }
  auto owned = own(key);
  const int kind = EVP_PKEY_get_base_id(key);
  if (kind != EVP_PKEY_RSA && kind != EVP_PKEY_ED25519)
    return bad("unsupported key type: use RSA or Ed25519");
  return PrivateKey(std::move(owned));
}

Result<PrivateKey> PrivateKey::from_ed25519(std::string_view bytes) {
  auto* key =
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(bytes), bytes.size());
  if (key == nullptr) return bad("an Ed25519 key has 32 bytes");
  return PrivateKey(own(key));
}

Result<PrivateKey> PrivateKey::generate(KeyKind kind, unsigned bits) {
  constexpr unsigned least = 1024;
  constexpr unsigned most = 8192;
  if (kind == KeyKind::rsa && (bits < least || bits > most))
    return bad("an RSA key has 1024 to 8192 bits");
  auto* key =
      kind == KeyKind::rsa ? EVP_RSA_gen(bits) : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  require(key != nullptr);
  return PrivateKey(own(key));
}

KeyKind PrivateKey::kind() const noexcept {
  return EVP_PKEY_get_base_id(key_of(handle_)) == EVP_PKEY_RSA ? KeyKind::rsa : KeyKind::ed25519;
}

unsigned PrivateKey::bits() const noexcept {
  return static_cast<unsigned>(EVP_PKEY_get_bits(key_of(handle_)));
}

Secret PrivateKey::pem() const {
  const Bio bio(BIO_new(BIO_s_secmem()), BIO_free);
  require(bio != nullptr && PEM_write_bio_PKCS8PrivateKey(bio.get(), key_of(handle_), nullptr,
                                                          nullptr, 0, nullptr, nullptr) == 1);
  char* data = nullptr;
  const auto length = BIO_get_mem_data(bio.get(), &data);
  return Secret(std::string(data, static_cast<std::size_t>(length)));
}

std::string PrivateKey::public_bytes() const {
  if (kind() == KeyKind::ed25519) {
    std::string raw(32, '\0');
    std::size_t length = raw.size();
    require(EVP_PKEY_get_raw_public_key(key_of(handle_), bytes_of(raw), &length) == 1);
    return raw;
  }
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key_of(handle_), &der);
  require(length > 0);
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(length));
  OPENSSL_free(der);
  return out;
}

std::string PrivateKey::sign(std::string_view bytes) const {
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  require(context != nullptr);
  auto* key = key_of(handle_);
  std::size_t length = 0;
  require(EVP_DigestSignInit(context.get(), nullptr, method_of(key), nullptr, key) == 1 &&
          EVP_DigestSign(context.get(), nullptr, &length, bytes_of(bytes), bytes.size()) == 1);
  std::string out(length, '\0');
  require(EVP_DigestSign(context.get(), bytes_of(out), &length, bytes_of(bytes), bytes.size()) ==
          1);
  out.resize(length);
  return out;
}

Result<PublicKey> PublicKey::parse(KeyKind kind, std::string_view bytes) {
  if (kind == KeyKind::ed25519) {
    auto* key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(bytes), bytes.size());
    if (key == nullptr) return bad("an Ed25519 public key has 32 bytes");
    return PublicKey(own(key));
  }
  const auto* at = bytes_of(bytes);
  auto* key = d2i_PUBKEY(nullptr, &at, static_cast<long>(bytes.size()));
  if (key == nullptr) {
    at = bytes_of(bytes);
    key = d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, static_cast<long>(bytes.size()));
  }
  if (key == nullptr) return bad("not an RSA public key in DER");
  auto owned = own(key);
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) return bad("the public key is not an RSA key");
  return PublicKey(std::move(owned));
}

unsigned PublicKey::bits() const noexcept {
  return static_cast<unsigned>(EVP_PKEY_get_bits(key_of(handle_)));
}

bool PublicKey::verify(std::string_view bytes, std::string_view signature) const {
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  auto* key = key_of(handle_);
  const bool good =
      context != nullptr &&
      EVP_DigestVerifyInit(context.get(), nullptr, method_of(key), nullptr, key) == 1 &&
      EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(bytes),
                       bytes.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace postroad::crypto
