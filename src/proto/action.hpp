// The one form of every protocol machine. A machine says what it needs and never does it:
// `next(now)` returns one wish, the driver grants it and brings the fact back. No machine reads a
// clock, a socket or a file.
//
//   Wish        the driver does                                     and says
//   send        writes `bytes`, or a front part of it                sent(n)
//   receive     reads what is there                                  received(view)  — or closed()
//   start_tls   the handshake, after everything sent so far          tls_up(facts)
//   consult     asks outside: machine.question() says what           the machine's own answer
//   function done        stops driving; the machine says why
//
// `failed(error)` may follow any wish. `deadline` is absolute and belongs to the command or the
// transaction, not to the single read, so that one octet a minute gains a peer nothing. `secret`
// marks octets that no trace may show. `received(view)`: the view must stay valid and unchanged
// until the machine next wishes to receive.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/sasl/mechanism.hpp"

namespace postroad::proto {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

enum class Wish : std::uint8_t { send, receive, start_tls, consult, done };

struct Action {
  Wish wish = Wish::done;
  std::string_view bytes{};  ///< for send: valid until sent()
  bool secret = false;
  Time deadline{};
};

/// What a handshake settled.
struct TlsFacts {
  std::string version;  ///< "TLSv1.3"
  std::string cipher;
  bool verified = false;  ///< the peer's certificate was checked and names the host
  sasl::ChannelBinding binding{};
  std::string peer_name{};  ///< server: whom the client's certificate, which was checked, names
  friend bool operator==(const TlsFacts&, const TlsFacts&) = default;
};

}  // namespace postroad::proto
