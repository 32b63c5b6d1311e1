// The TLS policies of the exchangers of a domain, for people: `queue why` and `plan`.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "relay/mx/exchangers.hpp"
#include "relay/mx/find_exchangers.hpp"
#include "relay/tls/tls_policies.hpp"

namespace postroad::relay::mx {

struct TlsPlan {
  std::string dnssec;  ///< why no answer of the DNS is validated; empty: they are
  std::string sts;     ///< of the domain: "enforce, until 2027-…", "none", and the last failure
  /// By host, in the order of Exchangers::usable: the policy as tls::text_of gives it, and the
  /// TLSA records.
  std::vector<std::pair<std::string, std::string>> hosts;
  std::string refusal{};  ///< no host may be used: why; else empty
};

/// For a message with this wish. `domain`: A-labels, lower case. The references outlive
/// the call.
boost::asio::awaitable<TlsPlan> find_tls_plan(tls::TlsPolicies& policies, const Exchangers& found,
                                              std::string domain, tls::MessageWish wish,
                                              tls::Level level, std::uint16_t port,
                                              FindTimes times);

/// "dnssec: off: …", "mta-sts: …", then "tls: HOST: …" per host.
std::vector<std::string> lines_of(const TlsPlan& plan);

/// "enforce, id 20160831, fetched 2026-…, until 2027-…".
std::string text_of(const tls::StsState& sts);

}  // namespace postroad::relay::mx
