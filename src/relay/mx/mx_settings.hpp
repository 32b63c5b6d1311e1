// The settings of delivery to mail exchangers, and the limits of a site by them. Not here: their
// names in the configuration (relay/options.hpp).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <postroad/client_options.hpp>
#include <string>
#include <vector>

#include "base/rate.hpp"
#include "queue/carrier.hpp"
#include "relay/mx/address_rules.hpp"
#include "relay/mx/find_exchangers.hpp"
#include "relay/mx/idle_connections.hpp"
#include "relay/mx/reply_rules.hpp"
#include "relay/mx/site_names.hpp"
#include "relay/mx/sources.hpp"
#include "relay/tls/tls_policies.hpp"

namespace postroad::relay::mx {

/// The limits of one site.
struct MxLimits {
  std::size_t connections = 20;  ///< at once
  std::size_t initial = 2;       ///< as queue::SiteLimits
  std::uint32_t failures = 3;    ///< as queue::SiteLimits
  Rate rate{};                   ///< as queue::SiteLimits
  std::size_t messages = 100;    ///< on one connection
  std::size_t recipients = 100;  ///< of one transaction; the others go in the next one
  friend bool operator==(const MxLimits&, const MxLimits&) = default;
};

/// The limits of the sites of a group that an operator has named. 0 and no rate: that of all sites.
struct MxGroup {
  NamedGroup group;
  MxLimits limits{0, 0, 0, {}, 0, 0};
  std::optional<tls::Level> tls{};  ///< none: that of TlsSettings
  friend bool operator==(const MxGroup&, const MxGroup&) = default;
};

struct MxSettings {
  std::string helo_name;
  std::uint16_t port = 25;
  AddressRules rules;
  FindTimes dns;
  ClientTimeouts timeouts;
  MxLimits limits;  ///< of a site without a group
  std::vector<MxGroup> groups;
  ReplyRules replies;
  /// Hosts of one attempt to which a session was opened; further ones wait for the next attempt.
  std::size_t sessions = 2;
  ReuseLimits reuse;
  tls::TlsSettings tls;
  std::vector<Source> sources;  ///< none: the system chooses the addresses
  friend bool operator==(const MxSettings&, const MxSettings&) = default;

  [[nodiscard]] MxLimits limits_of(const std::string& site) const;
  [[nodiscard]] tls::Level level_of(const std::string& site) const;
  [[nodiscard]] queue::SiteLimits site_limits(const std::string& site) const;
  [[nodiscard]] std::vector<NamedGroup> named_groups() const;
};

}  // namespace postroad::relay::mx
