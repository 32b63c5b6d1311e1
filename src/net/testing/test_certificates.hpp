// Certificates for tests, made in the process: a root, and one signed for localhost and 127.0.0.1
// with what is wrong with it.
#pragma once

#include <filesystem>
#include <postroad/testing.hpp>
#include <string>

namespace postroad::net {

using testing::Certificate;

/// A folder of its own, removed at the end.
class TestCertificates final {
 public:
  TestCertificates();
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;
  ~TestCertificates();
  /// PEM file of the root.
  [[nodiscard]] std::string ca_file() const { return (folder_ / "ca.pem").string(); }
  /// PEM file with a certificate and its key. Throws std::runtime_error where OpenSSL cannot.
  std::string make(Certificate kind);

 private:
  std::filesystem::path folder_;
  struct Root;
  std::unique_ptr<Root> root_;
};

}  // namespace postroad::net
