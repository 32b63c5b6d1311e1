// The facts of a finished handshake: version, cipher, channel bindings, the peer's name and its
// pinned key. See tls.hpp.
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/text.hpp"
#include "crypto/digest.hpp"
#include "net/tls.hpp"

namespace postroad::net {

namespace {

// SHA-256 of SubjectPublicKeyInfo (RFC 7469 section 2.4).
std::string key_digest(const X509* certificate) {
  unsigned char* bytes = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &bytes);
  std::string found;
  if (length > 0)
    found = crypto::digest(crypto::Digest::sha256, {reinterpret_cast<const char*>(bytes),
                                                    static_cast<std::size_t>(length)});
  OPENSSL_free(bytes);
  return found;
}

// tls-server-end-point: the certificate's digest by the method of its own signature, MD5 and SHA-1
// replaced by SHA-256 (RFC 5929 section 4.1).
std::string end_point_of(const X509* certificate) {
  if (certificate == nullptr) return {};
  int method = NID_undef;
  X509_get_signature_info(const_cast<X509*>(certificate), &method, nullptr, nullptr, nullptr);
  if (method == NID_undef || method == NID_md5 || method == NID_sha1) method = NID_sha256;
  const auto* digest = EVP_get_digestbynid(method);
  if (digest == nullptr) return {};
  std::string found(EVP_MAX_MD_SIZE, '\0');
  unsigned length = 0;
  if (X509_digest(certificate, digest, reinterpret_cast<unsigned char*>(found.data()), &length) !=
      1)
    return {};
  found.resize(length);
  return found;
}

// tls-exporter (RFC 9266), for TLS 1.3 only: before it one end may lack the extended master secret.
std::string exporter_of(ssl_st* connection) {
  constexpr std::string_view label = "EXPORTER-Channel-Binding";
  std::string found(32, '\0');
  if (SSL_version(connection) < TLS1_3_VERSION ||
      SSL_export_keying_material(connection, reinterpret_cast<unsigned char*>(found.data()),
                                 found.size(), label.data(), label.size(), nullptr, 0, 0) != 1)
    return {};
  return found;
}

// The name in a client's certificate: its first email address, else its common name.
std::string name_of(X509* certificate) {
  if (certificate == nullptr) return {};
  std::string found;
  auto* emails = X509_get1_email(certificate);
  if (emails != nullptr && sk_OPENSSL_STRING_num(emails) > 0)
    found = sk_OPENSSL_STRING_value(emails, 0);
  X509_email_free(emails);
  if (!found.empty()) return found;
  const auto* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  unsigned char* text = nullptr;
  const int length =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (length > 0)
    found.assign(reinterpret_cast<const char*>(text), static_cast<std::size_t>(length));
  OPENSSL_free(text);
  return found.find('\0') == std::string::npos ? found : std::string();
}

}  // namespace

Result<proto::TlsFacts> TlsContext::facts_of(ssl_st* connection) const {
  proto::TlsFacts facts{
      SSL_get_version(connection),        SSL_get_cipher_name(connection), verifies_, {}, {},
      SSL_session_reused(connection) == 1};
  const std::unique_ptr<X509, decltype(&X509_free)> peer(SSL_get1_peer_certificate(connection),
                                                         X509_free);
  facts.binding.exporter = exporter_of(connection);
  if (SSL_is_server(connection) == 1) {
    facts.binding.end_point = end_point_of(SSL_get_certificate(connection));
    facts.verified = peer && SSL_get_verify_result(connection) == X509_V_OK;
    if (facts.verified) facts.peer_name = name_of(peer.get());
    return facts;
  }
  facts.binding.end_point = end_point_of(peer.get());
  if (pins_.empty()) return facts;
  const auto digest = peer ? key_digest(peer.get()) : std::string();
  if (std::find(pins_.begin(), pins_.end(), digest) == pins_.end())
    return fail(Fault::tls, {},
                "the server's public key is none of the pinned ones; it is sha256:" +
                    base64_encode(digest) +
                    ": either the key was changed, or it is another server");
  facts.verified = true;
  return facts;
}

}  // namespace postroad::net
