// Problems that the settings show by themselves, without a look at files, ports or the DNS. Those
// are found where the settings are used: configuration.hpp, check.hpp.
#pragma once

#include "daemon/problems.hpp"
#include "daemon/settings.hpp"

namespace postroad::daemon {

void validate(const Settings& settings, Problems& problems);

/// Whether the listener accepts connections from this machine only.
bool is_loopback(const ListenerConfig& listener);
/// "192.0.2.1:25", "[2001:db8::1]:25".
std::string address_text(const ListenerConfig& listener);

}  // namespace postroad::daemon
