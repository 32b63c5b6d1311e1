// Options of a message and of its recipients, sent as parameters of MAIL and RCPT. Plain values.
// An option is never dropped silently: if the server does not offer its extension, the transaction
// fails with Fault::unsupported before MAIL is sent. Read on in mailbox.hpp: the envelope.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <postroad/version.hpp>

namespace postroad {

/// Deadline of delivery (DELIVERBY, RFC 2852).
struct DeliverBy {
  enum class Else : std::uint8_t {
    give_up,  ///< R: return the message after the deadline; `within` is at least one second
    notify,   ///< N: notify the sender of the delay and keep trying
  };
  std::chrono::seconds within{0};  ///< from now; at most 999,999,999 seconds either way
  Else otherwise = Else::give_up;
  bool trace = false;  ///< T: report each relay hop
  friend bool operator==(const DeliverBy&, const DeliverBy&) = default;
};

/// Options of the whole message: parameters of MAIL.
struct POSTROAD_EXPORT MailOptions {
  /// How much of the message a failure report returns (DSN RET, RFC 3461 §4.3).
  enum class Return : std::uint8_t { unspecified, headers, full };
  Return return_content = Return::unspecified;
  std::string envelope_id{};              ///< DSN ENVID: at most 100 bytes of printable ASCII
  std::optional<DeliverBy> deliver_by{};  ///< DELIVERBY
  std::chrono::seconds hold_for{0};       ///< HOLDFOR (RFC 4865): release after this time
  std::optional<std::chrono::sys_seconds>
      hold_until{};               ///< HOLDUNTIL (RFC 4865); not with hold_for
  std::optional<int> priority{};  ///< MT-PRIORITY (RFC 6710): -9 to 9
  bool require_tls = false;  ///< REQUIRETLS (RFC 8689): verified TLS on all hops, or no delivery
  /// AUTH= (RFC 4954 §5): the identity that submitted the message, asserted by a trusted relay;
  /// "<>" if it is unknown.
  std::optional<std::string> submitter{};
  friend bool operator==(const MailOptions&, const MailOptions&) = default;
};

/// Events to report (NOTIFY of DSN, RFC 3461 §4.1). No event set means NEVER.
struct Notify {
  bool success = false;
  bool failure = false;
  bool delay = false;
  friend bool operator==(const Notify&, const Notify&) = default;
};

/// Options of one recipient (DSN, RFC 3461 §4): parameters of RCPT.
struct POSTROAD_EXPORT RecipientOptions {
  std::optional<Notify> notify{};  ///< unset: the default of the server, usually FAILURE
  std::string original_type{};     ///< address type of ORCPT, "rfc822" or "utf-8"; empty: no ORCPT
  std::string original{};          ///< address of ORCPT, before xtext encoding
  /// Whether no option is set.
  [[nodiscard]] bool is_empty() const noexcept { return !notify && original_type.empty(); }
  friend bool operator==(const RecipientOptions&, const RecipientOptions&) = default;
};

}  // namespace postroad
