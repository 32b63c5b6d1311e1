// Messages about TLS failures, with the remedy. Only stream.cpp includes this.
#pragma once

#include <postroad/client_options.hpp>
#include <postroad/error.hpp>
#include <string>

#include "net/tls.hpp"

struct ssl_st;

namespace postroad::net {

/// Why the handshake failed. `names`: of the client's options; null: none can be set. Clears
/// OpenSSL's error queue.
std::string handshake_error(ssl_st* ssl, const std::string& host, const OptionNames* names);
/// The fault of the peer's certificate in the last handshake.
CertificateFault certificate_fault(const ssl_st* ssl);
/// The connection ended without close_notify, or by the alert of `code`. `names` as above. Clears
/// OpenSSL's error queue.
Error connection_cut(unsigned long code, const OptionNames* names);

}  // namespace postroad::net
