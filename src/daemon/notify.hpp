// What a server and systemd tell each other (sd_notify(3), sd_listen_fds(3)). Nothing happens where
// systemd did not start the process.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

namespace postroad::daemon::notify {

/// Listening sockets that came with the process. Once: the second call gives none.
std::vector<int> sockets();
/// It serves; also after a reload, and in place of another process.
void ready();
void reloading();
void stopping(std::chrono::milliseconds patience);
/// How often systemd wants to hear `alive`; none: never.
std::optional<std::chrono::microseconds> watchdog();
void alive();

}  // namespace postroad::daemon::notify
