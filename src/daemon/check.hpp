// What is wrong with settings: first what the settings alone show, then what would fail at run time
// on this machine. Nothing is changed.
#pragma once

#include <string>
#include <vector>

#include "daemon/settings.hpp"

namespace postroad::daemon {

/// What is wrong with settings that are each right: a sentence a fault.
std::vector<std::string> find_faults(const Settings& settings);

struct Findings {
  std::vector<std::string> faults;    ///< it would not start, or would not do what it says
  std::vector<std::string> warnings;  ///< it would, but not for long, or not for everybody
};
/// Certificates, ports, folders, users, names, loops; and `file`, where the settings came from, if
/// it is not empty. `offline`: asks no DNS. Call before any thread is made.
Findings look_around(const Settings& settings, const std::string& file, bool offline);

}  // namespace postroad::daemon
