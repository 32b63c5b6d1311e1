// How the TLS of a session with one mail exchanger must be: REQUIRETLS before DANE before MTA-STS
// before the level of the configuration. Pure. Not here: the questions to the DNS and to policy
// hosts (tls_policies.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "relay/tls/dane.hpp"
#include "relay/tls/sts_policies.hpp"

namespace postroad::relay::tls {

/// `tls_out.level`, and `tls` of a destination.
enum class Level : std::uint8_t {
  opportunistic,  ///< where the host offers it, whatever the certificate is; else without TLS
  required,       ///< whatever the certificate is
  verify,         ///< the certificate is that of the host
};

/// The wish of a message about TLS.
struct MessageWish {
  bool requires_tls = false;  ///< REQUIRETLS (RFC 8689)
  bool is_relaxed = false;    ///< TLS-Required: No (RFC 8689 section 5)
  bool is_report = false;     ///< it has the null reverse-path
};

struct HostPolicy {
  enum class Kind : std::uint8_t { opportunistic, required, verify, dane };
  Kind kind = Kind::opportunistic;
  /// The origin: "REQUIRETLS", "DANE", "MTA-STS", "tls_out", "TLS-Required: No".
  std::string by = "tls_out";
  /// Of Kind::dane: what the certificate must match.
  net::TlsPeer peer{};
  std::string evidence{};   ///< as Dane::text
  std::string tlsa_base{};  ///< as Dane::base, where DANE rules or could not be asked; else empty
  std::vector<std::string> tlsa{};  ///< as Dane::records
  /// A policy in testing mode would have the certificate verified: failures are told to the
  /// observer, and change nothing. Not of Kind::dane.
  bool is_tested = false;
  std::string test_failure{};  ///< of is_tested: why the host is not used once it is enforced
  /// The host may not be used: why, without a status code. Empty: it may.
  std::string refusal{};
  bool is_refusal_temporary = false;  ///< the DNS may answer later

  /// A failed handshake is followed by a session without TLS.
  [[nodiscard]] bool allows_plaintext() const { return kind == Kind::opportunistic; }
  /// Connections with the same key may carry the same messages.
  [[nodiscard]] std::string key() const;
};

/// `domain` is that of the recipients, `alias_of` as mx::Exchangers has it.
struct PolicyTarget {
  std::string domain;
  std::string alias_of{};
  std::string host;
  /// DNSSEC proves that it is an exchanger of the domain, or no MX record names it.
  bool is_proven = false;
};

HostPolicy policy_of(const PolicyTarget& target, MessageWish wish, const Dane& dane,
                     const StsState& sts, Level level);

/// One line for people: "must be verified by TLSA records (DANE); TLSA of …", "opportunistic
/// (tls_out)".
std::string text_of(const HostPolicy& policy);

}  // namespace postroad::relay::tls
