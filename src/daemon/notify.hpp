// The protocol with systemd (sd_notify(3), sd_listen_fds(3)). The functions do nothing if systemd
// did not start the process.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

namespace postroad::daemon::notify {

/// The listening sockets that systemd passed; other descriptors that it passed are closed. The
/// second call returns none.
std::vector<int> sockets();
/// The server accepts connections; also after a reload and after a take-over.
void ready();
void reloading();
void stopping(std::chrono::milliseconds patience);
/// The interval in which systemd expects `alive`; nullopt: never.
std::optional<std::chrono::microseconds> watchdog();
void alive();

}  // namespace postroad::daemon::notify
