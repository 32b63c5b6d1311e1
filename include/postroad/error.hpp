// Why something could not be carried on: a value that answers questions and prints one sentence.
#pragma once

#include <boost/assert/source_location.hpp>
#include <iosfwd>
#include <stdexcept>
#include <string>
#include <string_view>

#include <postroad/version.hpp>

namespace postroad {

/// What went wrong, as a closed set. The numbers are stable: new ones are added at the end.
enum class Fault {
  input,         ///< the caller's own value is not acceptable (an address, a URL, an option)
  resolve,       ///< the host name has no address
  connect,       ///< no address of the host took the connection
  timeout,       ///< a deadline passed
  closed,        ///< the peer closed the connection, or it was reset
  refused,       ///< the peer answered with a 4yz or 5yz that ends the conversation; see reply_code
  protocol,      ///< the peer broke the protocol
  tls,           ///< the handshake or the certificate failed
  tls_required,  ///< TLS is required and the peer does not offer it
  auth,          ///< no mechanism that both sides know, or a password that may not be sent in clear
  unsupported,   ///< the message needs an extension that the peer lacks
  cancelled,     ///< the caller cancelled
  io,            ///< the disk or the operating system refused
  full,          ///< no room on the disk
  damaged,       ///< stored data does not match its checksum
  not_found,     ///< nothing of that name
  busy,          ///< somebody else holds it
};

/// The word for a fault, as JSON and logs show it.
POSTROAD_EXPORT std::string_view to_string(Fault fault) noexcept;

/// Why a conversation or an operation could not be carried on.
struct POSTROAD_EXPORT Error {
  Fault fault = Fault::io;
  std::string
      where;  ///< the thing and the place: "mail.example:587", a file with its line, an option
  std::string
      stage;  ///< the step of the conversation: CONNECT, EHLO, AUTH LOGIN, …; empty outside one
  std::string detail;   ///< what happened and the remedy, or the server's own words
  int reply_code = 0;   ///< the SMTP code of the reply that ended it, 0 when none did
  bool usable = false;  ///< the connection can still be used
  bool may_have_been_delivered =
      false;  ///< the message may be with the peer all the same (RFC 1047)

  /// Whether the same call may succeed later without any change.
  [[nodiscard]] bool is_temporary() const noexcept;
  /// Whether the connection on which it happened can carry another mail.
  [[nodiscard]] bool connection_usable() const noexcept { return usable; }
  /// One line: `where STAGE: detail`. Control characters in the peer's words are shown escaped.
  [[nodiscard]] std::string text() const;

  friend bool operator==(const Error&, const Error&) = default;
};

POSTROAD_EXPORT std::ostream& operator<<(std::ostream& out, const Error& error);

/// Makes an Error in one expression: `return fail(Fault::input, "--to", "…")`.
[[nodiscard]] POSTROAD_EXPORT Error fail(Fault fault, std::string where, std::string detail);

/// What `Result::value()` throws; the library itself never throws it.
class POSTROAD_EXPORT ErrorException : public std::runtime_error {
 public:
  explicit ErrorException(Error error)
      : std::runtime_error(error.text()), error_(std::move(error)) {}
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

/// Found by Boost.System through argument-dependent lookup.
[[noreturn]] POSTROAD_EXPORT void throw_exception_from_error(const Error& error,
                                                             const boost::source_location& where);

}  // namespace postroad
