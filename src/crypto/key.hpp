// Keys that sign and keys that verify: RSA (PKCS #1 v1.5 over SHA-256) and Ed25519 (RFC 8032), thin
// over OpenSSL EVP. No OpenSSL type is seen here. Not here: what is signed, and where keys are
// published (dkim/).
#pragma once

#include <postroad/result.hpp>
#include <postroad/secret.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace postroad::crypto {

enum class KeyKind : std::uint8_t { rsa, ed25519 };

/// A private key. Copies share it; it is never changed, so any thread may sign.
class PrivateKey final {
 public:
  /// Reads PEM (PKCS #8 or the older RSA form), without a pass phrase. Error: Fault::input with
  /// what is wrong; no error contains bytes of the key.
  static Result<PrivateKey> parse(std::string_view pem);
  /// The 32 bytes of an Ed25519 key (RFC 8032 §5.1.5). Error: Fault::input for another length.
  static Result<PrivateKey> from_ed25519(std::string_view bytes);
  /// A new one. `bits` is for RSA: 1024 to 8192.
  static Result<PrivateKey> generate(KeyKind kind, unsigned bits = 2048);

  [[nodiscard]] KeyKind kind() const noexcept;
  /// Size of the RSA modulus; 256 for Ed25519.
  [[nodiscard]] unsigned bits() const noexcept;
  /// PKCS #8 PEM.
  [[nodiscard]] Secret pem() const;
  /// The public key: for RSA the SubjectPublicKeyInfo in DER, for Ed25519 the 32 bytes.
  [[nodiscard]] std::string public_bytes() const;
  /// RSA: PKCS #1 v1.5 with SHA-256 of `bytes`. Ed25519: PureEdDSA of `bytes` themselves.
  [[nodiscard]] std::string sign(std::string_view bytes) const;

 private:
  explicit PrivateKey(std::shared_ptr<void> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<void> handle_;
};

/// A public key. Copies share it; any thread may verify.
class PublicKey final {
 public:
  /// `bytes` as `public_bytes` gives them; of RSA also the bare RSAPublicKey of RFC 8017 §A.1.1.
  /// Error: Fault::input when they are not such a key.
  static Result<PublicKey> parse(KeyKind kind, std::string_view bytes);
  [[nodiscard]] unsigned bits() const noexcept;
  /// Whether `signature` is that of `bytes`, as `PrivateKey::sign` makes it.
  [[nodiscard]] bool verify(std::string_view bytes, std::string_view signature) const;

 private:
  explicit PublicKey(std::shared_ptr<void> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<void> handle_;
};

}  // namespace postroad::crypto
