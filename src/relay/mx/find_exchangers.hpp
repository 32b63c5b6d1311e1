// Asks the DNS for the exchangers of a domain. The meaning of the answers is in exchangers.hpp.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <postroad/result.hpp>
#include <string>

#include "dns/resolver.hpp"
#include "relay/mx/exchangers.hpp"

namespace postroad::relay::mx {

/// How long the DNS may take.
struct FindTimes {
  std::chrono::milliseconds name{std::chrono::seconds(10)};   ///< for one name
  std::chrono::milliseconds whole{std::chrono::seconds(30)};  ///< for all queries of a domain
  friend bool operator==(const FindTimes&, const FindTimes&) = default;
};

/// `domain` as a recipient has it: U-labels or A-labels in any case, or an address literal with its
/// brackets. The addresses of all hosts are queried at once. A text that is not a
/// domain name gives Exchangers::none, as every outcome of the DNS is.
/// Resolver and rules outlive the call. Error: Fault::cancelled.
boost::asio::awaitable<Result<Exchangers>> find_exchangers(dns::Resolver& resolver,
                                                           std::string domain,
                                                           const AddressRules& rules,
                                                           std::uint64_t seed, FindTimes times = {},
                                                           RankOf rank_of = {});

}  // namespace postroad::relay::mx
