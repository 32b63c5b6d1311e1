// A TLS connection to an HTTPS host that foreign DNS records name: an MTA-STS policy host, or one
// that takes reports. Addresses that are not public are refused.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <postroad/result.hpp>
#include <string>

#include "dns/resolver.hpp"
#include "net/stream.hpp"
#include "relay/mx/address_rules.hpp"

namespace postroad::relay::tls {

/// How such hosts are reached.
struct HttpsHosts {
  std::uint16_t port = 443;
  std::string ca_file{};  ///< PEM; empty: the CA certificates of the system
  mx::AddressRules rules{};
};

/// The addresses of the host race (RFC 8305); the certificate must be that of the host. Error:
/// Fault::resolve, those of net::race and of the handshake. The resolver must live when a query
/// begins; the other arguments are copied.
boost::asio::awaitable<Result<net::Stream>> connect_https(dns::Resolver& resolver, std::string host,
                                                          HttpsHosts hosts, dns::Time deadline);

/// `rules` of exchangers, for HTTPS hosts: these may well be this server, on another port.
mx::AddressRules https_rules(mx::AddressRules rules);

}  // namespace postroad::relay::tls
