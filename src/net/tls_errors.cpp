// See tls_errors.hpp.
#include "net/tls_errors.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <string_view>

#include "net/tls.hpp"

namespace postroad::net {

namespace {

// " (--ca-file FILE)"; empty where there is no such option.
std::string in_brackets(const OptionNames* names, std::string OptionNames::*option) {
  if (names == nullptr || (names->*option).empty()) return {};
  return " (" + names->*option + ')';
}

std::string remedy_of(long verdict, const OptionNames* names) {
  const auto ca_file = in_brackets(names, &OptionNames::ca_file);
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "; its owner must renew it, or this machine's clock is wrong";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "; this machine's clock may be wrong";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: {
      const auto pins = in_brackets(names, &OptionNames::pinned_keys);
      return "; if it is the right one, trust it as a CA certificate" + ca_file +
             (pins.empty() ? "" : " or pin its key" + pins);
    }
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "; trust the CA that signed it" + ca_file +
             ", or the server must send the intermediate certificates";
    default:
      return {};
  }
}

std::string remedy_of(int alert, bool is_server, const OptionNames* names) {
  const bool is_certificate = (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_UNKNOWN_CA &&
                               alert != SSL_AD_ILLEGAL_PARAMETER) ||
                              alert == SSL_AD_CERTIFICATE_REQUIRED;
  if (is_certificate && is_server)
    return "; the client does not accept the certificate of this listener";
  if (is_certificate)
    return "; it requires another certificate from this side" +
           in_brackets(names, &OptionNames::client_certificate);
  if (alert == SSL_AD_HANDSHAKE_FAILURE && names != nullptr && !names->legacy_tls.empty())
    return "; if it supports only old ciphers, " + names->legacy_tls + " admits them";
  return {};
}

// The alert gives the peer's reason.
std::string words_of(unsigned long code, bool is_server, std::string_view otherwise,
                     const OptionNames* names) {
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return std::string(otherwise);
  if (ERR_GET_REASON(code) == SSL_R_NO_SHARED_CIPHER)
    return std::string(otherwise) +
           "; if the client supports only old ciphers, listener.insecure_allow_legacy_tls admits "
           "them";
  if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER)
    return "the TLS handshake failed: " + std::string(peer_sent_no_tls);
  const int alert = ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET;
  if (alert < 0 || alert > 255) return std::string(otherwise);
  return std::string("the peer ended TLS: ") + SSL_alert_desc_string_long(alert) +
         remedy_of(alert, is_server, names);
}

std::string untrusted(long verdict, bool is_server, const OptionNames* names) {
  if (verdict == X509_V_ERR_DANE_NO_MATCH)
    return "the server's certificate matches none of its TLSA records";
  const std::string why = X509_verify_cert_error_string(verdict);
  if (is_server) return "the client's certificate is not trusted: " + why;
  return "the server's certificate is not trusted: " + why + remedy_of(verdict, names);
}

std::string wrong_host(const std::string& host, const std::string* names) {
  const auto begin = "the server's certificate is not for " + host;
  if (names == nullptr || names->empty())
    return begin + "; its owner must name that host in it (subjectAltName)";
  return begin + " but for " + *names +
         "; connect by a name that it has, or its owner must add that host";
}

}  // namespace

Error connection_cut(unsigned long code, const OptionNames* names) {
  ERR_clear_error();
  return fail(Fault::closed, {},
              words_of(code, false, "the connection was lost inside TLS", names));
}

CertificateFault certificate_fault(const ssl_st* ssl) {
  switch (SSL_get_verify_result(ssl)) {
    case X509_V_OK:
      return CertificateFault::none;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return CertificateFault::name;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return CertificateFault::expired;
    case X509_V_ERR_DANE_NO_MATCH:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return CertificateFault::untrusted;
    default:
      return CertificateFault::other;
  }
}

std::string handshake_error(ssl_st* ssl, const std::string& host, const OptionNames* names) {
  const long verdict = SSL_get_verify_result(ssl);
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
    return wrong_host(host, static_cast<const std::string*>(SSL_get_app_data(ssl)));
  const bool is_server = SSL_is_server(ssl) == 1;
  if (verdict != X509_V_OK) return untrusted(verdict, is_server, names);
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return words_of(code, is_server,
                  std::string("the TLS handshake failed: ") +
                      (reason == nullptr ? "the peer gave no reason" : reason),
                  names);
}

}  // namespace postroad::net
