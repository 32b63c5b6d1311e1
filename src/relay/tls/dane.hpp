// DANE for SMTP (RFC 7672): from the TLSA records of a mail exchanger to the certificates that its
// sessions accept. Not here: the other policies (tls_policy.hpp), the comparison (net/tls.hpp).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "dns/resolver.hpp"
#include "net/tls.hpp"

namespace postroad::relay::tls {

/// The answer of the DNS about the certificates of one host.
struct Dane {
  enum class Kind : std::uint8_t {
    none,        ///< no TLSA record, or no proof of the host's name: DANE does not apply
    usable,      ///< one of `associations` must match
    only_named,  ///< there are records, none of them usable: TLS, whatever the certificate is
    failed,      ///< the question was not answered, or the answer is bogus: the host cannot be used
  };
  Kind kind = Kind::none;
  std::string base{};  ///< the TLSA base domain: the name of SNI, and one that DANE-TA accepts
  std::vector<net::CertificateAssociation> associations{};
  /// The records of the answer as in a zone: "3 1 1 D2AB…".
  std::vector<std::string> records{};
  std::string
      text{};  ///< the answers, for people: "TLSA of _25._tcp.mx.example: 3 1 1 d2ab… (secure)"
};

/// A host whose name DNSSEC proves: its MX record is secure.
struct ProvenHost {
  std::string name;        ///< A-labels, lower case, no final dot
  std::string alias_of{};  ///< as mx::Exchanger::alias_of
  bool is_secure = false;  ///< as mx::Exchanger::is_secure
};

/// The records of one name. Pure.
Dane dane_of(const std::string& base, std::uint16_t port,
             const dns::Answer<dns::TlsaRecord>& answer);

/// Asks for the TLSA records: of the name behind an alias, then of the alias (RFC 7672 section
/// 2.2.3). A host whose addresses are not secure is not asked about, unless it is an alias that is:
/// name servers without DNSSEC fail on unknown types. Never throws for a cancelled query, which is
/// Kind::failed. All arguments are copied; the resolver must live when a query begins.
boost::asio::awaitable<Dane> find_dane(dns::Resolver& resolver, ProvenHost host, std::uint16_t port,
                                       dns::Time deadline);

}  // namespace postroad::relay::tls
