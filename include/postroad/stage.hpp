// The steps of an SMTP session, as errors, reports and ClientOptions::stop_after name them.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string_view>

#include <postroad/version.hpp>

namespace postroad {

/// A step of a session, in the order in which they come. The printed names (`to_string`) occur
/// in logs and JSON and are stable; the numbers are not.
enum class Stage : std::uint8_t {
  none,                     ///< outside a session; an empty text
  proxy,                    ///< through a SOCKS or HTTP proxy
  connect,                  ///< TCP connection and greeting
  tls,                      ///< handshake before the greeting (RFC 8314)
  lhlo,                     ///< LMTP (RFC 2033)
  helo,                     ///< HELO, after a refused EHLO or by option
  ehlo,                     ///< EHLO and its reply
  starttls,                 ///< STARTTLS and the handshake after it (RFC 3207)
  xclient,                  ///< XCLIENT
  username,                 ///< user name of AUTH LOGIN
  password,                 ///< password of AUTH LOGIN
  auth_plain,               ///< RFC 4616
  auth_login,               ///< the command; `username` and `password` are its responses
  auth_cram_md5,            ///< RFC 2195
  auth_scram_sha_1,         ///< RFC 5802
  auth_scram_sha_1_plus,    ///< RFC 5802 with channel binding
  auth_scram_sha_256,       ///< RFC 7677
  auth_scram_sha_256_plus,  ///< RFC 7677 with channel binding
  auth_xoauth2,             ///< Google's OAuth 2 mechanism
  auth_oauthbearer,         ///< RFC 7628
  auth_external,            ///< RFC 4422, appendix A
  auth,                     ///< before a mechanism was chosen, or any other
  mail,                     ///< MAIL FROM
  rcpt,                     ///< RCPT TO
  data,                     ///< DATA and the message data after it
  bdat,                     ///< a chunk that is not the last (RFC 3030)
  message_data,             ///< all message data but the final dot; for `stop_after`
  end_of_data,              ///< the final dot or the last BDAT, and its reply
  rset,
  noop,
  vrfy,
  expn,
  help,
  quit,
  command,  ///< any other command
};

/// The stage as logs and JSON show it: "MAIL FROM", "AUTH PLAIN", "END OF DATA"; empty for `none`.
POSTROAD_EXPORT std::string_view to_string(Stage stage) noexcept;
POSTROAD_EXPORT std::ostream& operator<<(std::ostream& out, Stage stage);
/// The stage with this name, in any case; `command` when there is none.
POSTROAD_EXPORT Stage stage_of(std::string_view name) noexcept;

}  // namespace postroad
