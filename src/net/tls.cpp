// Making TLS contexts; see tls.hpp.
#include "net/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

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

}  // namespace

Result<TlsContext> TlsContext::client(const TlsClientSettings& settings) {
  auto context = make(TLS_client_method());
  if (!settings.verify) return TlsContext(std::move(context), false);
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
  for (const auto& file : {settings.certificate, settings.key}) {
    if (!file.empty() && ::access(file.c_str(), R_OK) != 0)
      return fail(Fault::tls, file, "cannot be read: " + std::generic_category().message(errno));
  }
  auto context = make(TLS_server_method());
  SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("postroad"),
                                 8);
  const auto& key = settings.key.empty() ? settings.certificate : settings.key;
  if (SSL_CTX_use_certificate_chain_file(context.get(), settings.certificate.c_str()) != 1) {
    return fail(Fault::tls, settings.certificate,
                "cannot read a certificate chain (PEM) from this file: " + openssl_reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return fail(
        Fault::tls, key,
        "cannot use the private key (PEM) of this file with the certificate: " + openssl_reason());
  }
  const X509* certificate = SSL_CTX_get0_certificate(context.get());
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
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
