// OpenSSL's door to a socket that never raises SIGPIPE: a library must not die of a peer that hangs
// up, nor change the process's signals. Only stream.cpp includes this.
#pragma once

struct ssl_st;

namespace postroad::net {

/// Gives `ssl` a BIO over the non-blocking socket `descriptor`, which stays the caller's to close.
void set_socket(ssl_st* ssl, int descriptor);

}  // namespace postroad::net
