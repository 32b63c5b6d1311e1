// Making TLS contexts; see tls.hpp. Every OpenSSL setter is checked: one that fails would leave
// OpenSSL's default in place, which is weaker than the setting.
#include "net/tls.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <system_error>

namespace postroad::net {

namespace {

// RFC 9325 section 4.2: forward secrecy and AEAD. TLS 1.3 has nothing else.
constexpr const char* modern_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

std::string openssl_reason() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no reason given" : reason;
}

Error setup_failed() {
  return fail(Fault::tls, {}, "OpenSSL cannot be set up: " + openssl_reason());
}

// OpenSSL's own callback would ask on the terminal, and stop a server that has one.
int refuse_pass_phrase(char*, int, int, void* was_asked) {
  if (was_asked != nullptr) *static_cast<bool*>(was_asked) = true;
  return -1;
}

Result<std::shared_ptr<ssl_ctx_st>> make(const SSL_METHOD* method, bool allow_legacy) {
  std::shared_ptr<ssl_ctx_st> context(SSL_CTX_new(method), SSL_CTX_free);
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1)
    return setup_failed();
  if (!allow_legacy && SSL_CTX_set_cipher_list(context.get(), modern_ciphers) != 1)
    return setup_failed();
  SSL_CTX_set_default_passwd_cb(context.get(), refuse_pass_phrase);
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

Result<std::shared_ptr<EVP_PKEY>> read_key(const std::string& file) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> in(BIO_new_file(file.c_str(), "r"), BIO_free);
  bool is_encrypted = false;
  auto* key =
      in ? PEM_read_bio_PrivateKey(in.get(), nullptr, refuse_pass_phrase, &is_encrypted) : nullptr;
  if (key != nullptr) return std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free);
  if (is_encrypted) {
    ERR_clear_error();
    return fail(Fault::tls, file,
                "the private key is encrypted with a pass phrase; store it without one, as "
                "`openssl pkey -in FILE -out FILE2` does");
  }
  return fail(Fault::tls, file,
              "cannot read a private key (PEM) from this file: " + openssl_reason() +
                  "; it begins with -----BEGIN PRIVATE KEY-----");
}

Result<void> present(ssl_ctx_st* context, const std::string& certificate,
                     const std::string& key_file) {
  const auto& key = key_file.empty() ? certificate : key_file;
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return fail(Fault::tls, certificate,
                "cannot read a certificate chain (PEM) from this file: " + openssl_reason() +
                    "; it begins with -----BEGIN CERTIFICATE-----");
  }
  const auto read = read_key(key);
  if (!read) return read.error();
  if (SSL_CTX_use_PrivateKey(context, read->get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    return fail(Fault::tls, key,
                "this private key does not belong to the certificate in " + certificate +
                    "; name the key that the certificate was made with");
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

Result<void> trust(ssl_ctx_st* context, const std::string& file) {
  if (SSL_CTX_load_verify_locations(context, file.c_str(), nullptr) == 1) return {};
  return fail(Fault::tls, file,
              "cannot read CA certificates (PEM) from this file: " + openssl_reason() +
                  "; it begins with -----BEGIN CERTIFICATE-----");
}

// Tells one content of a file from the next without reading it.
using FileState = std::array<std::int64_t, 5>;

FileState state_of(const std::string& file) {
  struct stat found {};
  if (file.empty() || ::stat(file.c_str(), &found) != 0) return {};
  return {static_cast<std::int64_t>(found.st_dev), static_cast<std::int64_t>(found.st_ino),
          static_cast<std::int64_t>(found.st_size), found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
}

// The system's CA certificates, as OpenSSL finds them: a file, and a folder with one per file.
std::array<FileState, 2> state_of_system() {
  const auto named = [](const char* variable, const char* usual) {
    const char* given = ::secure_getenv(variable);
    return state_of(given == nullptr ? usual : given);
  };
  return {named(X509_get_default_cert_file_env(), X509_get_default_cert_file()),
          named(X509_get_default_cert_dir_env(), X509_get_default_cert_dir())};
}

// X509_cmp_current_time gives 0 for a time that it cannot read: that is not a valid certificate.
Result<void> check_validity(const X509* certificate, const TlsServerSettings& settings) {
  const auto* from = X509_get0_notBefore(certificate);
  const auto* to = X509_get0_notAfter(certificate);
  const int begins = X509_cmp_current_time(from);
  const int ends = X509_cmp_current_time(to);
  if (begins == 0 || ends == 0)
    return fail(Fault::tls, settings.certificate, "the certificate's dates cannot be read");
  if (!settings.allow_expired && ends < 0) {
    return fail(Fault::tls, settings.certificate,
                "the certificate expired on " + date_text(to) + "; renew it");
  }
  if (begins > 0) {
    return fail(Fault::tls, settings.certificate,
                "the certificate is valid only from " + date_text(from) + "; is the clock right?");
  }
  return {};
}

// A client that presents no certificate may still log in with a password.
Result<void> request_certificates(ssl_ctx_st* context, const std::string& client_ca) {
  if (auto trusted = trust(context, client_ca); !trusted) return trusted.error();
  auto* names = SSL_load_client_CA_file(client_ca.c_str());
  if (names == nullptr)
    return fail(Fault::tls, client_ca,
                "cannot read the names of the CA certificates: " + openssl_reason());
  SSL_CTX_set_client_CA_list(context, names);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return {};
}

}  // namespace

Result<TlsContext> TlsContext::client(const TlsClientSettings& settings) {
  struct Made {
    TlsClientSettings settings;
    std::array<FileState, 5> files;
    std::weak_ptr<ssl_ctx_st> context;
  };
  static std::mutex mutex;
  static std::vector<Made> made;
  // Before they are read: a file that changes in between is read again the next time.
  const bool is_by_system =
      settings.verify && !settings.dane && settings.ca_file.empty() && settings.pins.empty();
  const auto [file, folder] = is_by_system ? state_of_system() : std::array<FileState, 2>{};
  const std::array files{state_of(settings.ca_file), state_of(settings.certificate),
                         state_of(settings.key), file, folder};
  const std::lock_guard lock(mutex);
  std::erase_if(made, [](const auto& one) { return one.context.expired(); });
  for (const auto& known : made) {
    if (!(known.settings == settings && known.files == files)) continue;
    TlsContext shared(known.context.lock(), settings.verify && settings.pins.empty());
    shared.pins_ = settings.pins;
    shared.names_ = settings.names;
    shared.only_notes_ = settings.only_notes;
    if (shared.context_) return shared;
  }
  auto fresh = make_client(settings);
  if (!fresh) return fresh;
  fresh->names_ = settings.names;
  fresh->only_notes_ = settings.only_notes;
  made.push_back({settings, files, fresh->context_});
  return fresh;
}

Result<void> TlsContext::check_files(const TlsClientSettings& settings) {
  return are_readable({settings.ca_file, settings.certificate, settings.key});
}

Result<TlsContext> TlsContext::make_client(const TlsClientSettings& settings) {
  auto context = make(TLS_client_method(), settings.allow_legacy);
  if (!context) return context.error();
  if (auto readable = check_files(settings); !readable) return readable.error();
  if (!settings.certificate.empty()) {
    if (auto shown = present(context->get(), settings.certificate, settings.key); !shown)
      return shown.error();
  }
  hand_over_sessions(context->get());
  if (settings.dane) {
    if (SSL_CTX_dane_enable(context->get()) != 1) return setup_failed();
    SSL_CTX_set_verify(context->get(), SSL_VERIFY_PEER, nullptr);
    return TlsContext(std::move(*context), true);
  }
  if (!settings.verify || !settings.pins.empty()) {
    TlsContext unverified(std::move(*context), false);
    unverified.pins_ = settings.pins;
    return unverified;
  }
  if (!settings.only_notes) SSL_CTX_set_verify(context->get(), SSL_VERIFY_PEER, nullptr);
  if (!settings.ca_file.empty()) {
    if (auto trusted = trust(context->get(), settings.ca_file); !trusted) return trusted.error();
  } else if (SSL_CTX_set_default_verify_paths(context->get()) != 1) {
    const auto name = settings.names ? settings.names->ca_file : std::string();
    return fail(Fault::tls, {},
                "cannot read the system's CA certificates: " + openssl_reason() +
                    (name.empty() ? "" : "; name a file of CA certificates (" + name + ")"));
  }
  return TlsContext(std::move(*context), true);
}

Result<TlsContext> TlsContext::server(const TlsServerSettings& settings) {
  if (auto readable = are_readable({settings.certificate, settings.key, settings.client_ca});
      !readable)
    return readable.error();
  auto context = make(TLS_server_method(), settings.allow_legacy);
  if (!context) return context.error();
  constexpr std::string_view name = "postroad";
  if (SSL_CTX_set_session_id_context(context->get(),
                                     reinterpret_cast<const unsigned char*>(name.data()),
                                     static_cast<unsigned>(name.size())) != 1)
    return setup_failed();
  if (auto shown = present(context->get(), settings.certificate, settings.key); !shown)
    return shown.error();
  if (!settings.client_ca.empty()) {
    if (auto requested = request_certificates(context->get(), settings.client_ca); !requested)
      return requested.error();
  }
  const X509* certificate = SSL_CTX_get0_certificate(context->get());
  if (auto valid = check_validity(certificate, settings); !valid) return valid.error();
  return TlsContext(std::move(*context), false);
}

bool TlsContext::covers(const std::string& hostname) const {
  auto* certificate = SSL_CTX_get0_certificate(context_.get());
  return certificate != nullptr &&
         X509_check_host(certificate, hostname.data(), hostname.size(),
                         X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                         nullptr) == 1;
}

int TlsContext::days_left() const {
  const X509* certificate = SSL_CTX_get0_certificate(context_.get());
  int days = 0;
  int seconds = 0;
  if (certificate == nullptr ||
      ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)) != 1)
    return 0;
  return days;
}

}  // namespace postroad::net
