// The routes of the configuration: from [[route]], [mx], [resolver] and delivery.smarthost to the
// table and the ways out that the delivery uses. Not here: the checks of the values alone
// (validation.hpp).
#pragma once

#include <optional>
#include <vector>

#include "daemon/problems.hpp"
#include "daemon/settings.hpp"
#include "relay/routes/route_table.hpp"
#include "relay/routes/ways.hpp"

namespace postroad::daemon {

/// Messages go to mail exchangers by some way.
bool uses_mx(const Settings& settings);

/// The routes of the file, then the one for all other remote recipients, if there is one. Reports
/// the problems of their conditions, of the CA files and of the resolver; nullopt after one of the
/// conditions.
std::optional<relay::RouteTable> make_routes(const Settings& settings, Problems& problems);

/// The ways out of these routes, in the same order.
std::vector<relay::Way> make_ways(const Settings& settings);

}  // namespace postroad::daemon
