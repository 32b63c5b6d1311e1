// When a delivery is tried again: a pure function of the number of attempts. No clock, no I/O, no
// thread. The caller adds the delay to its own time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace postroad::queue {

struct RetryPolicy {
  std::chrono::milliseconds initial_delay{std::chrono::minutes(1)};
  std::chrono::milliseconds max_delay{std::chrono::hours(4)};
  /// Age at which a message is given up (Postfix: maximal_queue_lifetime). 0: never.
  std::chrono::milliseconds lifetime{std::chrono::hours(5 * 24)};

  /// The delay after the attempt with this number, counted from 1: it doubles up to `max_delay`.
  [[nodiscard]] std::chrono::milliseconds delay_after(std::uint32_t attempts) const {
    const auto doublings = std::min<std::uint32_t>(attempts == 0 ? 0 : attempts - 1, 20);
    return std::min(max_delay, initial_delay * (std::int64_t{1} << doublings));
  }

  /// With jitter: up to a tenth longer, by a seed of the message's own, so that messages that
  /// failed together are not retried together.
  [[nodiscard]] std::chrono::milliseconds delay_after(std::uint32_t attempts,
                                                      std::uint64_t seed) const {
    constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;  // spreads consecutive seeds
    const auto delay = delay_after(attempts);
    const auto share = static_cast<std::int64_t>(((seed + attempts) * golden) >> 40);  // of 2^24
    return delay + std::chrono::milliseconds(delay.count() * share / (10 * (1 << 24)));
  }

  /// The longest that delay_after() can return for this number of attempts.
  [[nodiscard]] std::chrono::milliseconds longest_after(std::uint32_t attempts) const {
    const auto delay = delay_after(attempts);
    return delay + delay / 10;
  }

  /// The delay until the next attempt, for a message of this age; nullopt: it is given up.
  [[nodiscard]] std::optional<std::chrono::milliseconds> next(std::uint32_t attempts,
                                                              std::uint64_t seed,
                                                              std::chrono::milliseconds age) const {
    const auto delay = delay_after(attempts, seed);
    if (lifetime.count() > 0 && age + delay > lifetime) return std::nullopt;
    return delay;
  }
};

}  // namespace postroad::queue
