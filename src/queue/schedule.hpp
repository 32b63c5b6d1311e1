// When a delivery is tried again: a pure function of how often it was tried. No clock, no I/O, no
// thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace postroad::queue {

struct Schedule {
  std::chrono::milliseconds first{std::chrono::minutes(1)};
  std::chrono::milliseconds longest{std::chrono::hours(4)};
  std::chrono::milliseconds lifetime{0};  ///< after which nothing is tried again; 0: for ever

  /// The pause after the attempt with this number, counted from 1: it doubles up to the longest.
  [[nodiscard]] std::chrono::milliseconds pause_after(std::uint32_t attempts) const {
    const auto doublings = std::min<std::uint32_t>(attempts == 0 ? 0 : attempts - 1, 20);
    return std::min<std::chrono::milliseconds>(longest, first * (std::int64_t{1} << doublings));
  }

  /// The same, up to a tenth longer, by a number of the message's own: what failed together does
  /// not come back together.
  [[nodiscard]] std::chrono::milliseconds pause_after(std::uint32_t attempts,
                                                      std::uint64_t seed) const {
    constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;  // spreads numbers that follow each other
    const auto pause = pause_after(attempts);
    const auto share = static_cast<std::int64_t>((seed * golden) >> 40);  // of 2^24
    return pause + std::chrono::milliseconds(pause.count() / 10 * share / (1 << 24));
  }

  /// When to try again after an attempt that ended at `age`; nullopt: it is given up.
  [[nodiscard]] std::optional<std::chrono::milliseconds> next(std::uint32_t attempts,
                                                              std::uint64_t seed,
                                                              std::chrono::milliseconds age) const {
    const auto pause = pause_after(attempts, seed);
    if (lifetime.count() > 0 && age + pause > lifetime) return std::nullopt;
    return pause;
  }
};

}  // namespace postroad::queue
