// Information about a session for the layers above: values, made new for each question. Not here:
// the message (smtp::Transaction).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <string_view>

namespace postroad::server {

/// The purpose of a listener.
enum class Role : std::uint8_t {
  mx,          ///< accepts messages from any client for the local domains
  submission,  ///< accepts messages from users who logged in (RFC 6409)
  catcher,     ///< takes every message and delivers none: a developer's machine
};

/// The result of the TLS handshake; an empty version means that TLS is not up.
struct TlsInfo {
  std::string_view version;    ///< "TLSv1.3"
  std::string_view cipher;     ///< as OpenSSL names it
  std::string_view peer_name;  ///< the name in a client certificate that was verified
  [[nodiscard]] bool is_up() const { return !version.empty(); }
};

/// The current state of a session. The views are valid until the hook returns: a policy that
/// answers later copies what it needs first.
struct SessionInfo {
  std::uint64_t id = 0;  ///< the same in every hook of one session, never used again by a process
  Role role = Role::mx;
  std::string_view listener;           ///< its address, "[127.0.0.1]:2525"
  std::string_view host;               ///< this server's name
  std::string_view client;             ///< "[192.0.2.1]:4711", or "[unknown]"
  boost::asio::ip::address address;    ///< of the client; unspecified (0.0.0.0) if not known
  std::uint16_t port = 0;              ///< of the client; 0 if not known
  std::string_view helo;               ///< the argument of HELO, EHLO or LHLO; empty before it
  bool is_esmtp = false;               ///< EHLO or LHLO, not HELO
  std::string_view login;              ///< the user who logged in; empty: none
  std::string_view protocol = "SMTP";  ///< the word for Received (RFC 3848, RFC 6531)
  TlsInfo tls{};
  /// The session's thread. A policy may start coroutines on it, which must not block and which own
  /// all that they use: the session may end before them. The server's destructor ends them.
  boost::asio::any_io_executor executor{};
};

/// The inputs of the protocol name in Received.
struct ProtocolFacts {
  bool is_esmtp = false;
  bool is_lmtp = false;
  bool is_utf8 = false;  ///< the transaction requested SMTPUTF8
  bool has_tls = false;
  bool has_login = false;
};

/// "SMTP", "ESMTPSA", "UTF8LMTPS" … (RFC 3848, RFC 6531 §4.3). The view is of a constant.
[[nodiscard]] std::string_view protocol_word(const ProtocolFacts& facts);

}  // namespace postroad::server
