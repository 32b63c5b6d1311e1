// See test_certificates.hpp.
#include "net/testing/test_certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <stdexcept>

namespace postroad::net {

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Document = std::unique_ptr<X509, decltype(&X509_free)>;
using File = std::unique_ptr<FILE, int (*)(FILE*)>;

constexpr long day = 86400;

void require(bool done) {
  if (!done) throw std::runtime_error("OpenSSL cannot make a certificate for the test");
}

Key make_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

void add_extension(X509* certificate, int kind, const char* value) {
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, kind, value), X509_EXTENSION_free);
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

struct Wanted {
  const char* name;
  const char* alternatives;  // nullptr: no subjectAltName
  long from;                 // seconds from now
  long to;
  bool is_ca = false;
};

Document make_certificate(const Wanted& wanted, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  Document made(X509_new(), X509_free);
  auto* certificate = made.get();
  static std::atomic<long> serial = 1;
  require(X509_set_version(certificate, 2) == 1 &&
          ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++) == 1 &&
          X509_gmtime_adj(X509_getm_notBefore(certificate), wanted.from) != nullptr &&
          X509_gmtime_adj(X509_getm_notAfter(certificate), wanted.to) != nullptr &&
          X509_set_pubkey(certificate, key) == 1);
  auto* name = X509_get_subject_name(certificate);
  require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(wanted.name), -1, -1,
                                     0) == 1);
  X509_set_issuer_name(certificate, issuer == nullptr ? name : X509_get_subject_name(issuer));
  add_extension(certificate, NID_basic_constraints, wanted.is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  if (wanted.alternatives != nullptr)
    add_extension(certificate, NID_subject_alt_name, wanted.alternatives);
  require(X509_sign(certificate, issuer_key == nullptr ? key : issuer_key, EVP_sha256()) > 0);
  return made;
}

}  // namespace

struct TestCertificates::Root {
  Key key = make_key();
  Document certificate =
      make_certificate({"Test root", nullptr, -day, 365 * day, true}, key.get(), nullptr, nullptr);
};

TestCertificates::TestCertificates() {
  auto name = (std::filesystem::temp_directory_path() / "postroad-test-XXXXXX").string();
  require(::mkdtemp(name.data()) != nullptr);
  folder_ = name;
}

TestCertificates::~TestCertificates() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string TestCertificates::make(Certificate kind) {
  if (!root_) {
    root_ = std::make_unique<Root>();
    const File ca(std::fopen(ca_file().c_str(), "w"), std::fclose);
    require(ca && PEM_write_X509(ca.get(), root_->certificate.get()) == 1);
  }
  const auto key = make_key();
  const bool own = kind == Certificate::self_signed;
  const bool has_expired = kind == Certificate::expired;
  Wanted wanted{"localhost", "DNS:localhost,IP:127.0.0.1,IP:::1", has_expired ? -30 * day : -day,
                has_expired ? -day : 30 * day};
  if (kind == Certificate::other_name) wanted.alternatives = "DNS:other.example";
  if (kind == Certificate::common_name_only) wanted.alternatives = nullptr;
  const auto certificate =
      make_certificate(wanted, key.get(), own ? nullptr : root_->certificate.get(),
                       own ? nullptr : root_->key.get());
  auto path = (folder_ / "server.pem").string();
  const File file(std::fopen(path.c_str(), "w"), std::fclose);
  require(file && PEM_write_X509(file.get(), certificate.get()) == 1 &&
          PEM_write_PrivateKey(file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return path;
}

}  // namespace postroad::net
