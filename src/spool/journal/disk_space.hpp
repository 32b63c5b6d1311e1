// Whether the disk has room above the reserve. Asking the disk costs a system call, so its answer
// is used for a short time. Thread rule: from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <postroad/result.hpp>

#include "spool/disk/disk.hpp"

namespace postroad::spool {

class DiskSpace final {
 public:
  /// `reserve`: bytes that stay free; 0: no limit. `disk` must outlive this.
  DiskSpace(Disk& disk, std::uint64_t reserve) : disk_(disk), reserve_(reserve) {}

  /// Error: Fault::full when fewer than `bytes` are free above the reserve; Fault::io.
  Result<void> room(std::uint64_t bytes);

 private:
  Disk& disk_;
  std::uint64_t reserve_;
  std::atomic<std::uint64_t> available_ = 0;  // bytes on the disk at `looked_at_`
  std::atomic<std::int64_t> looked_at_ = 0;
};

}  // namespace postroad::spool
