// TLS contexts over OpenSSL: what a client trusts, what a server shows. TLS 1.2 and up. No OpenSSL
// type is seen here; the handshake itself is in stream.hpp. A context may be shared by threads and
// by any number of connections.
#pragma once

#include <memory>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "proto/action.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace postroad::net {

struct TlsClientSettings {
  bool verify =
      true;  ///< false: any certificate is taken; only ever by an option that says so by name
  std::string ca_file;  ///< PEM roots trusted instead of the system's; empty: the system's
  /// SHA-256 of public keys (SubjectPublicKeyInfo), raw octets: one of them is the server's, and
  /// then neither a root nor the name is asked for. Empty: no pin.
  std::vector<std::string> pins;
  std::string certificate;  ///< PEM file: what the client shows of itself; empty: nothing
  std::string key;          ///< PEM file; empty: it stands in the certificate's file
  friend bool operator==(const TlsClientSettings&, const TlsClientSettings&) = default;
};

struct TlsServerSettings {
  std::string certificate;  ///< PEM file: the certificate and its chain
  std::string key;          ///< PEM file; empty: it stands in the certificate's file
  std::string client_ca;  ///< PEM roots of clients' certificates, which are asked for; empty: none
  bool allow_expired = false;  ///< for tests of clients
};

class TlsContext final {
 public:
  /// Error: Fault::tls with the file and OpenSSL's reason.
  static Result<TlsContext> client(const TlsClientSettings& settings);
  /// Also refuses a certificate that has expired or is not valid yet, and a key that is another's.
  static Result<TlsContext> server(const TlsServerSettings& settings);

  /// Whether a server's certificate is for that name, wildcards included (RFC 6125).
  [[nodiscard]] bool covers(const std::string& hostname) const;
  /// Days until a server's certificate expires, whole ones.
  [[nodiscard]] int days_left() const;

  [[nodiscard]] ssl_ctx_st* handle() const noexcept { return context_.get(); }
  [[nodiscard]] bool verifies() const noexcept { return verifies_; }
  /// What a finished handshake settled. Error: Fault::tls where the key is not a pinned one.
  [[nodiscard]] Result<proto::TlsFacts> facts_of(ssl_st* connection) const;

 private:
  static Result<TlsContext> make_client(const TlsClientSettings& settings);
  TlsContext(std::shared_ptr<ssl_ctx_st> context, bool verifies)
      : context_(std::move(context)), verifies_(verifies) {}
  std::shared_ptr<ssl_ctx_st> context_;
  std::vector<std::string> pins_;
  bool verifies_ = false;
};

}  // namespace postroad::net
