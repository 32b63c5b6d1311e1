// Making TLS contexts; see tls.hpp.
#include "net/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>

#include "base/text.hpp"
#include "crypto/digest.hpp"

namespace postroad::net {

namespace {

std::string openssl_reason() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no reason given" : reason;
}

std::shared_ptr<ssl_ctx_st> make(const SSL_METHOD* method) {
  std::shared_ptr<ssl_ctx_st> context(SSL_CTX_new(method), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  return context;
}

std::string date_text(const ASN1_TIME* time) {
  std::tm parts{};
  char text[32] = "?";
  if (ASN1_TIME_to_tm(time, &parts) == 1) std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

// The certificate and the key of one end, as PEM files.
Result<void> show(ssl_ctx_st* context, const std::string& certificate,
                  const std::string& key_file) {
  const auto& key = key_file.empty() ? certificate : key_file;
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return fail(Fault::tls, certificate,
                "cannot read a certificate chain (PEM) from this file: " + openssl_reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return fail(
        Fault::tls, key,
        "cannot use the private key (PEM) of this file with the certificate: " + openssl_reason());
  }
  return {};
}

Result<void> are_readable(std::initializer_list<std::string> files) {
  for (const auto& file : files) {
    if (!file.empty() && ::access(file.c_str(), R_OK) != 0)
      return fail(Fault::tls, file, "cannot be read: " + std::generic_category().message(errno));
  }
  return {};
}

// What tells one content of a file from the next without reading it.
using FileState = std::array<std::int64_t, 5>;

FileState state_of(const std::string& file) {
  struct stat found {};
  if (file.empty() || ::stat(file.c_str(), &found) != 0) return {};
  return {static_cast<std::int64_t>(found.st_dev), static_cast<std::int64_t>(found.st_ino),
          static_cast<std::int64_t>(found.st_size), found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
}

// SHA-256 of SubjectPublicKeyInfo, as RFC 7469 §2.4 pins it.
std::string key_digest(const X509* certificate) {
  unsigned char* octets = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &octets);
  std::string found;
  if (length > 0)
    found = crypto::digest(crypto::Digest::sha256, {reinterpret_cast<const char*>(octets),
                                                    static_cast<std::size_t>(length)});
  OPENSSL_free(octets);
  return found;
}

// tls-server-end-point: the certificate's digest by the method of its own signature, MD5 and SHA-1
// replaced by SHA-256 (RFC 5929 §4.1).
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

// tls-exporter (RFC 9266), of TLS 1.3 only: before it one end may lack the extended master secret.
std::string exporter_of(ssl_st* connection) {
  constexpr std::string_view label = "EXPORTER-Channel-Binding";
  std::string found(32, '\0');
  if (SSL_version(connection) < TLS1_3_VERSION ||
      SSL_export_keying_material(connection, reinterpret_cast<unsigned char*>(found.data()),
                                 found.size(), label.data(), label.size(), nullptr, 0, 0) != 1)
    return {};
  return found;
}

// Whom a client's certificate names: its first address of mail, else its common name.
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
      SSL_get_version(connection), SSL_get_cipher_name(connection), verifies_, {}, {}};
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

// Reading the system's roots takes 20 ms: connections with the same settings, and the same files as
// they stand, share one context while any of them lives.
Result<TlsContext> TlsContext::client(const TlsClientSettings& settings) {
  struct Made {
    TlsClientSettings settings;
    std::array<FileState, 3> files;
    std::weak_ptr<ssl_ctx_st> context;
  };
  static std::mutex mutex;
  static std::vector<Made> made;
  // Before they are read: what changes in between is read again the next time.
  const std::array files{state_of(settings.ca_file), state_of(settings.certificate),
                         state_of(settings.key)};
  const std::lock_guard lock(mutex);
  std::erase_if(made, [](const auto& one) { return one.context.expired(); });
  for (const auto& known : made) {
    if (!(known.settings == settings && known.files == files)) continue;
    TlsContext shared(known.context.lock(), settings.verify && settings.pins.empty());
    shared.pins_ = settings.pins;
    if (shared.context_) return shared;
  }
  auto fresh = make_client(settings);
  if (fresh) made.push_back({settings, files, fresh->context_});
  return fresh;
}

Result<TlsContext> TlsContext::make_client(const TlsClientSettings& settings) {
  auto context = make(TLS_client_method());
  if (!settings.certificate.empty()) {
    if (auto readable = are_readable({settings.certificate, settings.key}); !readable)
      return readable.error();
    if (auto shown = show(context.get(), settings.certificate, settings.key); !shown)
      return shown.error();
  }
  if (!settings.verify || !settings.pins.empty()) {
    TlsContext made(std::move(context), false);
    made.pins_ = settings.pins;
    return made;
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (settings.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else if (SSL_CTX_load_verify_locations(context.get(), settings.ca_file.c_str(), nullptr) != 1) {
    return fail(Fault::tls, settings.ca_file,
                "cannot read trusted certificates (PEM) from this file: " + openssl_reason());
  }
  return TlsContext(std::move(context), true);
}

Result<TlsContext> TlsContext::server(const TlsServerSettings& settings) {
  if (auto readable = are_readable({settings.certificate, settings.key, settings.client_ca});
      !readable)
    return readable.error();
  auto context = make(TLS_server_method());
  SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("postroad"),
                                 8);
  if (auto shown = show(context.get(), settings.certificate, settings.key); !shown)
    return shown.error();
  if (!settings.client_ca.empty()) {
    if (SSL_CTX_load_verify_locations(context.get(), settings.client_ca.c_str(), nullptr) != 1)
      return fail(Fault::tls, settings.client_ca,
                  "cannot read trusted certificates (PEM) from this file: " + openssl_reason());
    SSL_CTX_set_client_CA_list(context.get(), SSL_load_client_CA_file(settings.client_ca.c_str()));
    // Asked for, not insisted on: who shows none may still log in by a password.
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  const X509* certificate = SSL_CTX_get0_certificate(context.get());
  if (!settings.allow_expired && X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    return fail(
        Fault::tls, settings.certificate,
        "the certificate expired on " + date_text(X509_get0_notAfter(certificate)) + "; renew it");
  }
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    return fail(Fault::tls, settings.certificate,
                "the certificate is valid only from " +
                    date_text(X509_get0_notBefore(certificate)) + "; is the clock right?");
  }
  return TlsContext(std::move(context), false);
}

bool TlsContext::covers(const std::string& hostname) const {
  auto* certificate = SSL_CTX_get0_certificate(context_.get());
  return certificate != nullptr &&
         X509_check_host(certificate, hostname.data(), hostname.size(), 0, nullptr) == 1;
}

int TlsContext::days_left() const {
  const X509* certificate = SSL_CTX_get0_certificate(context_.get());
  int days = 0;
  int seconds = 0;
  if (certificate != nullptr)
    ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate));
  return days;
}

}  // namespace postroad::net
