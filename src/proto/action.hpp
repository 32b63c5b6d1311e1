// The one interface of every protocol machine. A machine says what it needs and never does it:
// `next(now)` returns one action, the driver performs it and reports the result. No machine reads a
// clock, a socket or a file. The actions are public (postroad/action.hpp).
//
//   Wish        the driver                                          and calls
//   send        writes `bytes`, or a front part of them             sent(n)
//   receive     reads what is available                             received(view) or closed()
//   start_tls   does the handshake, after everything sent so far    tls_up(facts)
//   consult     answers machine.question(), or gives message data   the machine's own functions
//   done        stops; the machine says why                         nothing
//
// `failed(error)` may follow any wish. `deadline` is absolute. `received(view)`: the view must stay
// valid and unchanged until the machine next wishes to receive.
#pragma once

#include <chrono>
#include <postroad/action.hpp>
#include <string>

#include "proto/sasl/mechanism.hpp"

namespace postroad::proto {

using postroad::Action;
using postroad::Wish;

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

/// The result of a handshake.
struct TlsFacts {
  std::string version;  ///< "TLSv1.3"
  std::string cipher;
  bool verified = false;  ///< the peer's certificate was verified and names the host
  sasl::ChannelBinding binding{};
  std::string peer_name{};  ///< server: the name in the client's certificate, when verified
  bool resumed = false;     ///< an earlier session was resumed
  std::string doubt{};      ///< client: why a certificate that was accepted is not verified
  friend bool operator==(const TlsFacts&, const TlsFacts&) = default;
};

}  // namespace postroad::proto
