// Messages about TLS failures, with the remedy. Only stream.cpp includes this.
#pragma once

#include <postroad/error.hpp>
#include <string>

struct ssl_st;

namespace postroad::net {

/// Why the handshake failed. Clears OpenSSL's error queue.
std::string handshake_error(ssl_st* ssl, const std::string& host);
/// The connection ended without close_notify, or by the alert of `code`. Clears OpenSSL's error
/// queue.
Error connection_cut(unsigned long code);

}  // namespace postroad::net
