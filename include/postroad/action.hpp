// Requests of a protocol machine to the program that drives it; machine.hpp explains them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace postroad {

enum class Wish : std::uint8_t {
  send,       ///< write `bytes`, or a front part of them
  receive,    ///< read what is available
  start_tls,  ///< do a TLS handshake, after everything sent so far
  consult,    ///< supply the data that the machine requests: bytes of the message, for a client
              ///< machine
  done,       ///< nothing: the operation is over
};

struct Action {
  Wish wish = Wish::done;
  std::string_view bytes{};  ///< for send; valid until the next call of a non-const member
  bool secret = false;       ///< the bytes hold a password: no trace may show them
  /// When the operation fails, for send, receive and start_tls. It belongs to the command, not to
  /// one read: a peer that sends one byte per minute gains nothing.
  std::chrono::steady_clock::time_point deadline{};
};

}  // namespace postroad
