// Which server a client's handshake accepts. Only stream.cpp includes this.
#pragma once

#include <string>

struct ssl_st;

namespace postroad::net {

/// Makes the handshake fail unless the certificate has `host` (a name or an address, which may end
/// in a zone as in fe80::1%eth0) as subjectAltName, where the context verifies at all; names are
/// sent as SNI. The common name never counts (RFC 9525 section 2). When the check fails, `names`
/// gets the names of the certificate; it must live until the handshake is over. False: OpenSSL
/// cannot check this host, and no handshake may follow.
[[nodiscard]] bool expect_peer(ssl_st* ssl, const std::string& host, std::string& names);

}  // namespace postroad::net
