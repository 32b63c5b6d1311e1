// See tls_peer.hpp.
#include "net/tls_peer.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <memory>

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

// Neither server_name (RFC 6066 section 3) nor a certificate has the dot of the DNS root.
std::string without_root(const std::string& name) {
  return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}

bool add_association(ssl_st* ssl, const CertificateAssociation& one) {
  return SSL_dane_tlsa_add(ssl, one.usage, one.selector, one.matching,
                           reinterpret_cast<const unsigned char*>(one.data.data()),
                           one.data.size()) == 1;
}

// RFC 7672 section 3.1.1: DANE-EE ignores the names.
bool expect_associations(ssl_st* ssl, const TlsPeer& peer) {
  if (SSL_dane_enable(ssl, without_root(peer.host).c_str()) != 1) return false;
  SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
  return std::all_of(peer.associations.begin(), peer.associations.end(),
                     [ssl](const auto& one) { return add_association(ssl, one); });
}

bool expect_host(ssl_st* ssl, const std::string& host) {
  const auto name = without_root(host);
  return SSL_set1_host(ssl, name.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
}

}  // namespace

bool is_usable(const CertificateAssociation& association) {
  const bool is_known = (association.usage == 2 || association.usage == 3) &&
                        association.selector <= 1 && association.matching <= 2;
  if (!is_known) return false;
  // OpenSSL parses a whole certificate or key, and knows the sizes of the digests.
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  if (!context || SSL_CTX_dane_enable(context.get()) != 1) return false;
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
  const bool is_taken = ssl && SSL_dane_enable(ssl.get(), "host.invalid") == 1 &&
                        add_association(ssl.get(), association);
  ERR_clear_error();
  return is_taken;
}

bool expect_peer(ssl_st* ssl, const TlsPeer& peer, std::string& names) {
  const auto& host = peer.host;
  SSL_set_verify(ssl, SSL_get_verify_mode(ssl), note_names);
  if (SSL_set_app_data(ssl, &names) != 1) return false;
  if (host.empty() || host.find('\0') != std::string::npos) return false;
  SSL_set_hostflags(ssl,
                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  boost::system::error_code not_literal;
  boost::asio::ip::make_address(host, not_literal);
  if (not_literal) {
    const bool is_set =
        peer.associations.empty() ? expect_host(ssl, host) : expect_associations(ssl, peer);
    return is_set && std::all_of(peer.names.begin(), peer.names.end(), [ssl](const auto& name) {
             return SSL_add1_host(ssl, without_root(name).c_str()) == 1;
           });
  }
  if (!peer.associations.empty()) return false;  // DANE is for names
  // No certificate knows the zone of a link-local address (RFC 4007).
  const auto address = host.substr(0, host.find('%'));
  return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), address.c_str()) == 1;
}

}  // namespace postroad::net
