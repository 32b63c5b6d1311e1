// See tls_peer.hpp.
#include "net/tls_peer.hpp"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "base/text.hpp"

namespace postroad::net {

namespace {

// The names and addresses of the certificate, for an error text.
std::string names_of(const X509* certificate) {
  constexpr int most = 5;
  std::string text;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < std::min(sk_GENERAL_NAME_num(names), most); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names, i);
    int kind = 0;
    const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, &kind));
    if (kind != GEN_DNS && kind != GEN_IPADD) continue;
    std::string_view bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                           static_cast<std::size_t>(ASN1_STRING_length(value)));
    text += text.empty() ? "" : ", ";
    if (kind == GEN_DNS) {
      text += printable(bytes, 80);
    } else if (bytes.size() == 4 || bytes.size() == 16) {
      char address[INET6_ADDRSTRLEN] = "";
      ::inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), address, sizeof address);
      text += address;
    }
  }
  if (sk_GENERAL_NAME_num(names) > most) text += " and others";
  GENERAL_NAMES_free(names);
  return text;
}

// The certificate is available only while it is verified, not after the failure.
int note_names(int is_right, X509_STORE_CTX* context) {
  const auto* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* names = ssl == nullptr ? nullptr : static_cast<std::string*>(SSL_get_app_data(ssl));
  const auto* certificate = X509_STORE_CTX_get0_cert(context);
  if (is_right != 1 && names != nullptr && certificate != nullptr) *names = names_of(certificate);
  return is_right;
}

}  // namespace

bool expect_peer(ssl_st* ssl, const std::string& host, std::string& names) {
  SSL_set_verify(ssl, SSL_get_verify_mode(ssl), note_names);
  if (SSL_set_app_data(ssl, &names) != 1) return false;
  if (host.empty() || host.find('\0') != std::string::npos) return false;
  SSL_set_hostflags(ssl,
                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  boost::system::error_code not_literal;
  boost::asio::ip::make_address(host, not_literal);
  if (not_literal) {
    // Neither server_name (RFC 6066 section 3) nor a certificate has the dot of the DNS root.
    const auto name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
    return SSL_set1_host(ssl, name.c_str()) == 1 &&
           SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
  }
  // No certificate knows the zone of a link-local address (RFC 4007).
  const auto address = host.substr(0, host.find('%'));
  return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), address.c_str()) == 1;
}

}  // namespace postroad::net
