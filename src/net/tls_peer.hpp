// Which server a client's handshake accepts. Only stream.cpp includes this.
#pragma once

#include <string>

#include "net/tls.hpp"

namespace postroad::net {

/// Makes the handshake fail unless the certificate is that of `peer`, where the context verifies at
/// all. Its host may end in a zone, as in fe80::1%eth0. The common name never counts (RFC 9525
/// section 2). When the check fails, `names` gets the names of the certificate; it must live until
/// the handshake is over. False: OpenSSL cannot check this peer, and no handshake may follow.
[[nodiscard]] bool expect_peer(ssl_st* ssl, const TlsPeer& peer, std::string& names);

}  // namespace postroad::net
