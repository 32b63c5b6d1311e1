// The outcome of each recipient of one message. A 4yz or 5yz reply is data here, not an Error.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <postroad/error.hpp>
#include <postroad/mailbox.hpp>
#include <postroad/reply.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad {

/// The outcome of one recipient after one attempt.
enum class Outcome : std::uint8_t {
  accepted,  ///< 2yz to the end of the message: the server is responsible for it now
  refused,   ///< 5yz: the same attempt would fail again
  deferred,  ///< 4yz, or not reached: not delivered, can be tried again
  unknown,   ///< the connection was lost after the final dot: may be delivered (RFC 1047)
};

POSTROAD_EXPORT std::string_view to_string(Outcome outcome) noexcept;
POSTROAD_EXPORT std::ostream& operator<<(std::ostream& out, Outcome outcome);

struct POSTROAD_EXPORT RecipientOutcome {
  Mailbox address{};
  Outcome outcome = Outcome::deferred;
  Stage stage = Stage::none;  ///< the step that decided; none: undecided, never in a report
  Reply reply{};         ///< the reply that decided; code 0: there was none, and the text says why
  std::string server{};  ///< "host:port" of the server tried last, as Client and Pool report it
  /// That server offered DSN: it reports to the sender what becomes of an accepted recipient, as
  /// far as NOTIFY asks for it (RFC 3461).
  bool server_reports = false;
  friend bool operator==(const RecipientOutcome&, const RecipientOutcome&) = default;
};

struct POSTROAD_EXPORT SendReport {
  std::vector<RecipientOutcome> recipients{};  ///< in the envelope's order
  Reply reply{};  ///< to the end of the message; its text often holds the server's queue id
  /// Address of the server that replied last, "[192.0.2.1]:25"; empty through a proxy.
  std::string address{};
  /// "TLSv1.3 TLS_AES_256_GCM_SHA384 verified", "… not verified" for a certificate that was not, or
  /// "none"; empty in a report that is not of one session.
  std::string tls{};
  std::optional<Error> broken{};  ///< set when the session failed after outcomes were known

  /// There is a recipient, and every recipient was accepted.
  [[nodiscard]] bool all_accepted() const noexcept;
  [[nodiscard]] bool any(Outcome outcome) const noexcept;
  /// The envelope of the next attempt: the deferred recipients of `envelope`, which was sent, with
  /// their options. Leaves out recipients that are accepted, refused or unknown.
  [[nodiscard]] Envelope retryable(const Envelope& envelope) const;
};

}  // namespace postroad
