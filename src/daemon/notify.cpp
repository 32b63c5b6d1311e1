// Over libsystemd; see notify.hpp.
#include "daemon/notify.hpp"

#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

namespace postroad::daemon::notify {

std::vector<int> sockets() {
  std::vector<int> found;
  const int count = ::sd_listen_fds(1);
  for (int i = 0; i < count; ++i) {
    const int descriptor = SD_LISTEN_FDS_START + i;
    if (::sd_is_socket(descriptor, 0, 0, 1) > 0)
      found.push_back(descriptor);
    else
      ::close(descriptor);
  }
  return found;
}

void ready() { (void)::sd_notifyf(0, "READY=1\nMAINPID=%ld", static_cast<long>(::getpid())); }

void reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  (void)::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
                     static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000);
}

void stopping(std::chrono::milliseconds patience) {
  (void)::sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld",
                     static_cast<long long>((patience + std::chrono::seconds(10)).count()) * 1000);
}

std::optional<std::chrono::microseconds> watchdog() {
  std::uint64_t micros = 0;
  if (::sd_watchdog_enabled(0, &micros) <= 0) return std::nullopt;
  return std::chrono::microseconds(micros);
}

void alive() { (void)::sd_notify(0, "WATCHDOG=1"); }

}  // namespace postroad::daemon::notify
