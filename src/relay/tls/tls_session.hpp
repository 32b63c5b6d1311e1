// One session with a mail exchanger as reports about TLS count it (RFC 8460).
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "relay/tls/sts_policies.hpp"
#include "relay/tls/tls_policy.hpp"

namespace postroad::relay::tls {

/// The result types of RFC 8460 section 4.3.
enum class TlsFailure : std::uint8_t {
  none,
  starttls_not_supported,
  certificate_host_mismatch,
  certificate_expired,
  certificate_not_trusted,
  validation_failure,
  tlsa_invalid,
  dnssec_invalid,
  sts_policy_fetch_error,
  sts_policy_invalid,
  sts_webpki_invalid,
};

/// As in reports: "certificate-expired". Not of `none`.
std::string_view to_string(TlsFailure failure);

/// A session that was opened for a message, or a host that its policy ruled out. Valid during the
/// call that hands it over.
struct TlsSession {
  const std::string& domain;  ///< of the recipients: A-labels, lower case
  const std::string& host;
  const HostPolicy& policy;
  const StsState& sts;
  TlsFailure failure = TlsFailure::none;
  std::string reason{};                            ///< of the failure
  std::optional<boost::asio::ip::address> from{};  ///< of this machine; nullopt: no connection
  std::optional<boost::asio::ip::address> to{};    ///< of the host
};

}  // namespace postroad::relay::tls
