// Problems that only the system shows: certificates about to expire, ports in use, folders that
// cannot be written, DNS entries, mail loops. Nothing is changed: ports are bound and released. Not
// here: problems that keep a server from starting (configuration.hpp).
#pragma once

#include <string>

#include "daemon/configuration.hpp"

namespace postroad::daemon {

/// `file` is the configuration's, empty without one. `offline`: make no DNS queries.
void check_surroundings(const Configuration& configuration, const std::string& file, bool offline,
                        Problems& problems);

}  // namespace postroad::daemon
