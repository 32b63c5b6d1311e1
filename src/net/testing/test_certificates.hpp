// Certificates for tests, made in the process: a CA, and a certificate signed by it for localhost
// and 127.0.0.1, right or with one flaw.
#pragma once

#include <filesystem>
#include <postroad/testing.hpp>
#include <string>

namespace postroad::net {

using testing::Certificate;

/// Owns a folder, which its destructor removes.
class TestCertificates final {
 public:
  TestCertificates();
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;
  ~TestCertificates();
  /// PEM file of the CA certificate.
  [[nodiscard]] std::string ca_file() const { return (folder_ / "ca.pem").string(); }
  /// PEM file with a certificate and its key. Throws std::runtime_error when OpenSSL fails.
  std::string make(Certificate kind);

 private:
  std::filesystem::path folder_;
  struct Root;
  std::unique_ptr<Root> root_;
};

}  // namespace postroad::net
