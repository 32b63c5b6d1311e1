// Permissions of the server once it has become server.user. Not here: becoming that user
// (confine.hpp).
#pragma once

#include "daemon/problems.hpp"
#include "daemon/settings.hpp"

namespace postroad::daemon {

/// Data folder and log folder can be written, files can be read again at a reload. `file` is the
/// configuration's, empty without one.
void check_access(const Settings& settings, const std::string& file, Problems& problems);

}  // namespace postroad::daemon
