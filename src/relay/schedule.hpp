// When a delivery is tried again: a pure function of how often it was tried. No clock, no I/O, no
// thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace postroad::relay {

struct Schedule {
  std::chrono::milliseconds first{std::chrono::minutes(1)};
  std::chrono::milliseconds longest{std::chrono::hours(4)};

  /// The pause after the attempt with this number, counted from 1: it doubles up to the longest.
  [[nodiscard]] std::chrono::milliseconds pause_after(std::uint32_t attempts) const {
    const auto doublings = std::min<std::uint32_t>(attempts == 0 ? 0 : attempts - 1, 20);
    return std::min<std::chrono::milliseconds>(longest, first * (std::int64_t{1} << doublings));
  }
};

}  // namespace postroad::relay
