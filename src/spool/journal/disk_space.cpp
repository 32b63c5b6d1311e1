// See disk_space.hpp.
#include "spool/journal/disk_space.hpp"

#include <chrono>

namespace postroad::spool {

Result<void> DiskSpace::room(std::uint64_t bytes) {
  if (reserve_ == 0) return {};
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  constexpr auto fresh =
      std::chrono::steady_clock::duration(std::chrono::milliseconds(200)).count();
  if (now - looked_at_.load() > fresh || available_.load() < reserve_ + bytes) {
    const auto available = disk_.available();
    if (!available) return available.error();
    available_.store(*available);
    looked_at_.store(now);
  }
  if (available_.load() >= reserve_ + bytes) return {};
  return fail(Fault::full, "the spool",
              "free space is below the reserve: free space on the disk, or lower spool.reserve");
}

}  // namespace postroad::spool
