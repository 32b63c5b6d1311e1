// Problems of the settings alone, without checks of files, ports or the DNS. Those
// are found where the settings are used: configuration.hpp, check.hpp.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <vector>

#include "client/url.hpp"
#include "daemon/problems.hpp"
#include "daemon/settings.hpp"

namespace postroad::daemon {

void validate(const Settings& settings, Problems& problems);

/// Whether the listener accepts connections from this machine only.
bool is_loopback(const ListenerConfig& listener);
/// A hazard of `option` where `smarthost`, at one of `addresses` or by the server's own name, is a
/// listener of this server: it gets its own messages back until the hop count ends it.
void find_loop(const Settings& settings, const std::string& option, const client::Url& smarthost,
               const std::vector<boost::asio::ip::address>& addresses, Problems& problems);
/// "[192.0.2.1]:25", "[IPv6:2001:db8::1]:25".
std::string address_text(const ListenerConfig& listener);

}  // namespace postroad::daemon
