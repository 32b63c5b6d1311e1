// The decisions of a client in ClientOptions: TLS, recipients, chunking.
#pragma once

#include <cstdint>

namespace postroad {

/// When TLS is used.
enum class Tls : std::uint8_t {
  automatic,      ///< smtps: implicit; with a login: required; otherwise opportunistic
  never,          ///< plaintext, whatever the server offers
  opportunistic,  ///< STARTTLS where it is offered; a handshake or a certificate that fails ends
                  ///< the session
  required,       ///< STARTTLS, or nothing is sent
  implicit,       ///< TLS before the greeting (RFC 8314); the default port is 465
};

/// The effect of a refused recipient on the others.
enum class RecipientPolicy : std::uint8_t {
  best_effort,  ///< the others get the message
  all_or_none,  ///< no recipient gets the message
};

/// When a message is sent with BDAT (RFC 3030) instead of DATA.
enum class Chunking : std::uint8_t {
  when_needed,  ///< for a binary message, which DATA cannot carry
  preferred,    ///< wherever CHUNKING is offered
  never,
};

}  // namespace postroad
