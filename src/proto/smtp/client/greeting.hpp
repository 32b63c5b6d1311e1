// The remedy where client and server disagree about TLS before the greeting. A port with implicit
// TLS (RFC 8314) waits for the client's handshake and sends nothing, or a TLS alert; a port without
// it sends its greeting in plaintext.
#pragma once

#include <string>
#include <string_view>

namespace postroad::smtp {

/// Whether the first bytes of the server are a TLS record (RFC 8446 section 5.1). One byte is
/// enough: no reply begins with a control character.
inline bool is_tls_record(std::string_view first_bytes) {
  return !first_bytes.empty() && first_bytes.front() >= 0x14 && first_bytes.front() <= 0x17;
}

constexpr std::string_view tls_in_place_of_greeting =
    "the server's first bytes are a TLS record and not a greeting";

/// Why there was no greeting, and the remedy. `server` is "host:port".
inline std::string without_greeting(std::string_view why, const std::string& server) {
  return std::string(why) + "; the port may expect TLS from the first byte: use smtps://" + server;
}

/// Why the handshake before the greeting failed with plaintext, and the remedy. `server` is
/// "host:port".
inline std::string plaintext_in_place_of_tls(std::string_view why, const std::string& server) {
  return std::string(why) + "; the port may not expect TLS from the first byte: use smtp://" +
         server + " (STARTTLS)";
}

}  // namespace postroad::smtp
