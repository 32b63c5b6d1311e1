// Why an operation failed: a value with a code, the stage and one sentence for people.
#pragma once

#include <boost/assert/source_location.hpp>
#include <iosfwd>
#include <stdexcept>
#include <string>
#include <string_view>

#include <postroad/stage.hpp>
#include <postroad/version.hpp>

namespace postroad {

/// The kind of an error. The numbers are stable: new ones are added at the end.
enum class Fault {
  input,         ///< a value from the caller is not valid (an address, a URL, an option)
  resolve,       ///< the host name has no address
  connect,       ///< no address of the host accepted the connection
  timeout,       ///< a deadline passed
  closed,        ///< the peer closed the connection, or it was reset
  refused,       ///< the peer replied with a 4yz or 5yz that ends the session; see reply_code
  protocol,      ///< the peer violated the protocol
  tls,           ///< the TLS handshake or the verification of the certificate failed
  tls_required,  ///< TLS is required and the peer does not offer it
  auth,          ///< no common SASL mechanism, or the password may not be sent without TLS
  unsupported,   ///< the message needs an extension that the peer does not offer
  cancelled,     ///< the caller cancelled the operation
  io,            ///< the disk or the operating system reported an error
  full,          ///< the disk is full
  damaged,       ///< stored data does not match its checksum
  not_found,     ///< no object has that name
  busy,          ///< another process holds the resource
  data,          ///< the content of a file or a stream is not valid (a message, a key, a page)
};

/// The name of a fault, as JSON and logs show it.
POSTROAD_EXPORT std::string_view to_string(Fault fault) noexcept;

/// Why a session or an operation failed.
struct POSTROAD_EXPORT Error {
  Fault fault = Fault::io;
  std::string where{};        ///< the object: "mail.example:587", a file with its line, an option
  Stage stage = Stage::none;  ///< the step of the session; none outside one
  std::string detail{};       ///< what happened and the remedy, or the server's reply
  int reply_code = 0;         ///< code of the SMTP reply that ended the session, 0 without one
  /// Enhanced status code (RFC 3463) of a message that cannot be sent for this reason, such as
  /// "5.6.7": for reports to its sender. Empty where a general code says as much.
  std::string status{};
  bool usable = false;  ///< the connection can still be used
  /// The connection was lost after the end of the message: the peer may have it (RFC 1047).
  bool may_have_been_delivered = false;

  /// Whether the same call may succeed later without any change.
  [[nodiscard]] bool is_temporary() const noexcept;
  /// Whether the connection can carry another message.
  [[nodiscard]] bool connection_usable() const noexcept { return usable; }
  /// One line: `where STAGE: detail`. Control characters in the peer's text are escaped.
  [[nodiscard]] std::string text() const;

  friend bool operator==(const Error&, const Error&) = default;
};

POSTROAD_EXPORT std::ostream& operator<<(std::ostream& out, const Error& error);

/// Makes an Error in one expression: `return fail(Fault::input, "--to", "…")`.
[[nodiscard]] POSTROAD_EXPORT Error fail(Fault fault, std::string where, std::string detail);

/// Thrown by `Result::value()`; the library itself never throws it.
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
