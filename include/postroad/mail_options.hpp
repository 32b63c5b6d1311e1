// What a sender may ask of the servers for one mail and for each recipient: the parameters of MAIL
// and RCPT. Plain values. An option that the server does not offer ends the mail before anything of
// it is sent (Fault::unsupported): it is never dropped in silence.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <postroad/version.hpp>

namespace postroad {

/// When the mail must have arrived (DELIVERBY, RFC 2852).
struct DeliverBy {
  enum class Else : std::uint8_t {
    give_up,  ///< R: return the mail when it is too late; `within` is at least one second
    notify,   ///< N: say that it is late, and go on
  };
  std::chrono::seconds within{0};  ///< from now; at most 999,999,999 seconds either way
  Else otherwise = Else::give_up;
  bool trace = false;  ///< T: report each relaying
  friend bool operator==(const DeliverBy&, const DeliverBy&) = default;
};

/// What is asked for a whole mail.
struct POSTROAD_EXPORT MailOptions {
  /// What a report of failure brings back (DSN RET, RFC 3461 §4.3).
  enum class Return : std::uint8_t { unspecified, headers, full };
  Return return_content = Return::unspecified;
  std::string envelope_id{};              ///< DSN ENVID: at most 100 octets of printable ASCII
  std::optional<DeliverBy> deliver_by{};  ///< DELIVERBY
  std::chrono::seconds hold_for{0};       ///< FUTURERELEASE (RFC 4865): not before so long from now
  std::optional<std::chrono::sys_seconds> hold_until{};  ///< or not before that time; not both
  std::optional<int> priority{};  ///< MT-PRIORITY (RFC 6710): -9 to 9, 0 is usual
  bool require_tls = false;  ///< REQUIRETLS (RFC 8689): verified TLS at each hop, or no delivery
  /// AUTH= (RFC 4954 §5): who submitted it, as a trusted relay says; "<>" for nobody.
  std::optional<std::string> submitter{};
  friend bool operator==(const MailOptions&, const MailOptions&) = default;
};

/// For which events a report (DSN, RFC 3461 §4.1) is asked. Nothing set means NEVER.
struct Notify {
  bool success = false;
  bool failure = false;
  bool delay = false;
  friend bool operator==(const Notify&, const Notify&) = default;
};

/// What is asked for one recipient (DSN).
struct POSTROAD_EXPORT RecipientOptions {
  std::optional<Notify> notify{};  ///< unset: what the server does by itself, usually FAILURE
  std::string original_type{};     ///< ORCPT's address type, "rfc822" or "utf-8"; empty: no ORCPT
  std::string original{};          ///< ORCPT's address, as a person reads it
  [[nodiscard]] bool is_empty() const noexcept { return !notify && original_type.empty(); }
  friend bool operator==(const RecipientOptions&, const RecipientOptions&) = default;
};

}  // namespace postroad
