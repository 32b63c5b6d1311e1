// TLS contexts over OpenSSL: what a client trusts, what a server presents. TLS 1.2 and later, with
// forward secrecy and AEAD (RFC 9325 section 4.2). The handshake is in stream.hpp. This header
// shows no OpenSSL type. Thread rule: a context may be shared by threads and by any number of
// connections.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <postroad/client_options.hpp>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "net/tls_sessions.hpp"
#include "proto/action.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace postroad::net {

/// Ends the detail of a failed handshake whose peer sent plaintext.
inline constexpr std::string_view peer_sent_no_tls = "wrong version number";

struct TlsClientSettings {
  bool verify = true;  ///< false: any certificate is accepted
  /// With `verify`: a certificate that is not verified is accepted, and TlsFacts::doubt says why.
  bool only_notes = false;
  /// Certificates are checked by TlsPeer::associations alone, and by no CA certificates (DANE).
  bool dane = false;
  std::string ca_file;  ///< PEM file of CA certificates; empty: the system's
  /// SHA-256 of public keys (SubjectPublicKeyInfo), 32 bytes each. With pins the server's key must
  /// be one of them, and neither the name nor the issuer is checked.
  std::vector<std::string> pins;
  std::string certificate;  ///< PEM file that the client presents; empty: none
  std::string key;          ///< PEM file; empty: the key is in the certificate's file
  /// TLS 1.2 also with RSA key exchange and CBC ciphers (OpenSSL's default list).
  bool allow_legacy = false;
  /// Names of these settings in errors; null: none. Not part of the comparison.
  std::shared_ptr<const OptionNames> names{};
  friend bool operator==(const TlsClientSettings& one, const TlsClientSettings& other) {
    const auto parts = [](const TlsClientSettings& all) {
      return std::tie(all.verify, all.only_notes, all.dane, all.ca_file, all.pins, all.certificate,
                      all.key, all.allow_legacy);
    };
    return parts(one) == parts(other);
  }
};

/// A certificate association for SMTP: DANE-TA(2) or DANE-EE(3) (RFC 6698 section 2.1, RFC 7672
/// section 3.1).
struct CertificateAssociation {
  std::uint8_t usage = 3;
  std::uint8_t selector = 1;
  std::uint8_t matching = 1;
  std::string data;  ///< bytes: a digest, or a whole certificate or key
  friend bool operator==(const CertificateAssociation&, const CertificateAssociation&) = default;
};

/// Whether OpenSSL can compare a certificate with it. Others say that there is DANE, and no more.
[[nodiscard]] bool is_usable(const CertificateAssociation& association);

/// The reason for which a client does not accept a certificate.
enum class CertificateFault : std::uint8_t {
  none,       ///< it is accepted, or there was none
  name,       ///< it is not for the host
  expired,    ///< it has expired, or one of its chain has
  untrusted,  ///< no CA certificate or TLSA record leads to it
  other,
};

/// The server that a client's handshake accepts, where the context verifies at all.
struct TlsPeer {
  /// The name or address that the certificate must have as subjectAltName (RFC 9525); a name is
  /// also sent as SNI.
  std::string host;
  std::vector<std::string> names{};  ///< further names, one of which suffices
  /// With TlsClientSettings::dane: the certificate must match one of these. DANE-EE ignores the
  /// names and the dates of the certificate. All are usable.
  std::vector<CertificateAssociation> associations{};
  SessionPlace sessions{};  ///< an earlier session with this peer is resumed
};

struct TlsServerSettings {
  std::string certificate;     ///< PEM file: the certificate and its chain
  std::string key;             ///< PEM file; empty: the key is in the certificate's file
  std::string client_ca;       ///< PEM file of CAs of client certificates; empty: none is requested
  bool allow_expired = false;  ///< for tests of clients
  bool allow_legacy = false;   ///< as TlsClientSettings::allow_legacy
};

class TlsContext final {
 public:
  /// Reads the files, the system's CA certificates among them (20 ms): call it when a handshake
  /// begins. Contexts with equal settings and unchanged files are shared while one of them lives.
  /// Error: Fault::tls with the file and OpenSSL's reason.
  static Result<TlsContext> client(const TlsClientSettings& settings);
  /// Whether the files can be read now; reads none of them. Error: Fault::tls with the file.
  static Result<void> check_files(const TlsClientSettings& settings);
  /// Error: as `client`; also for a certificate that has expired or is not valid yet, and for a key
  /// that does not belong to it.
  static Result<TlsContext> server(const TlsServerSettings& settings);

  /// Whether a server's certificate is for `hostname` by a subjectAltName (RFC 9525).
  [[nodiscard]] bool covers(const std::string& hostname) const;
  /// Whole days until a server's certificate expires.
  [[nodiscard]] int days_left() const;

  [[nodiscard]] ssl_ctx_st* handle() const noexcept { return context_.get(); }
  [[nodiscard]] bool verifies() const noexcept { return verifies_; }
  /// TlsClientSettings::only_notes
  [[nodiscard]] bool only_notes() const noexcept { return only_notes_; }
  /// The facts of a finished handshake. Error: Fault::tls when the key is not pinned.
  [[nodiscard]] Result<proto::TlsFacts> facts_of(ssl_st* connection) const;
  /// TlsClientSettings::names; null: none.
  [[nodiscard]] const std::shared_ptr<const OptionNames>& names() const noexcept { return names_; }

 private:
  static Result<TlsContext> make_client(const TlsClientSettings& settings);
  TlsContext(std::shared_ptr<ssl_ctx_st> context, bool verifies)
      : context_(std::move(context)), verifies_(verifies) {}
  std::shared_ptr<ssl_ctx_st> context_;
  std::vector<std::string> pins_;
  std::shared_ptr<const OptionNames> names_;
  bool verifies_ = false;
  bool only_notes_ = false;
};

}  // namespace postroad::net
