// The way that a message to an address would take now, without sending it: aliases, route, hosts.
// The code is that of the delivery (route_table.hpp, find_exchangers.hpp).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <postroad/mailbox.hpp>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "dns/resolver.hpp"
#include "relay/local/directory.hpp"
#include "relay/mx/exchangers.hpp"
#include "relay/mx/tls_plan.hpp"
#include "relay/routes/route_table.hpp"
#include "relay/routes/ways.hpp"

namespace postroad::relay {

/// One final recipient.
struct Plan {
  enum class Route : std::uint8_t { none, mailbox, host, mx };
  Mailbox recipient;
  std::string alias;  ///< the address that an alias replaced; empty: none
  Route route = Route::none;
  const Way* way = nullptr;                  ///< Route::host, Route::mx: one of PlanInput::ways
  std::string site;                          ///< the destination whose limits apply
  std::optional<mx::Exchangers> exchangers;  ///< Route::mx
  mx::TlsPlan tls{};                         ///< of `exchangers`
  /// Why there would be no attempt to deliver.
  std::optional<mx::NoHost> problem;
};

/// "mailbox", "host", "mx", "none".
std::string_view to_string(Plan::Route route) noexcept;

/// The parts of a delivery that decide about the way.
struct PlanInput {
  const Directory& directory;
  const RouteTable& table;
  const std::vector<Way>& ways;
  std::string sender;   ///< reverse-path; empty: the null one
  std::string login{};  ///< of the user who sends it; empty: none
};

/// The way that a recipient takes, as Delivery::way_of names it; empty: there is no route.
std::string planned_way(const PlanInput& input, const Mailbox& recipient);

/// A plan per final recipient of `address`; of an unknown local address one with the problem.
/// MTA-STS policies that the server does not have are fetched, and not kept. `input` and `resolver`
/// outlive the call. Error: Fault::cancelled.
boost::asio::awaitable<Result<std::vector<Plan>>> make_plans(const PlanInput& input,
                                                             dns::Resolver& resolver,
                                                             Mailbox address);

}  // namespace postroad::relay
