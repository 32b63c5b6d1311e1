// OpenSSL's access to a socket that never raises SIGPIPE: a library must not end its process when a
// peer hangs up, nor change the process's signals. Only stream.cpp includes this.
#pragma once

struct ssl_st;

namespace postroad::net {

/// Gives `ssl` a BIO over the non-blocking socket `descriptor`, which the caller closes. False: no
/// memory.
[[nodiscard]] bool set_socket(ssl_st* ssl, int descriptor);

}  // namespace postroad::net
