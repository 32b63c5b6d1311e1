// Fetches the text of an MTA-STS policy over HTTPS (RFC 8461 section 3.3).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <postroad/result.hpp>
#include <string>

#include "dns/resolver.hpp"
#include "relay/mx/address_rules.hpp"

namespace postroad::relay::tls {

/// How policy hosts are reached.
struct StsHosts {
  std::uint16_t port = 443;
  std::string ca_file{};     ///< PEM; empty: the CA certificates of the system
  mx::AddressRules rules{};  ///< addresses that are not public are refused
};

/// `GET https://mta-sts.DOMAIN/.well-known/mta-sts.txt`. No redirect is followed; at most 64 KiB,
/// status 200 and text/plain only; the certificate must be that of the host. Error: one sentence
/// with the host. The resolver must live when a query begins; the other arguments are copied.
boost::asio::awaitable<Result<std::string>> fetch_sts_policy(dns::Resolver& resolver,
                                                             std::string domain, StsHosts hosts,
                                                             dns::Time deadline);

}  // namespace postroad::relay::tls
