// Fetches the text of an MTA-STS policy over HTTPS (RFC 8461 section 3.3).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <postroad/result.hpp>
#include <string>

#include "dns/resolver.hpp"
#include "relay/tls/https_connect.hpp"

namespace postroad::relay::tls {

/// `GET https://mta-sts.DOMAIN/.well-known/mta-sts.txt`. No redirect is followed; at most 64 KiB,
/// status 200 and text/plain only; the certificate must be that of the host. Error: one sentence
/// with the host. The resolver must live when a query begins; the other arguments are copied.
boost::asio::awaitable<Result<std::string>> fetch_sts_policy(dns::Resolver& resolver,
                                                             std::string domain, HttpsHosts hosts,
                                                             dns::Time deadline);

}  // namespace postroad::relay::tls
