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
  /// The longest delay of a message on its first day, if it is shorter than `max_delay`.
  std::chrono::milliseconds first_day_max_delay{std::chrono::hours(1)};

  /// The delay after the attempt with this number, counted from 1: it doubles up to the longest for
  /// a message of this age.
  [[nodiscard]] std::chrono::milliseconds delay_after(std::uint32_t attempts,
                                                      std::chrono::milliseconds age) const {
    const auto doublings = std::min<std::uint32_t>(attempts == 0 ? 0 : attempts - 1, 20);
    const auto longest =
        age < std::chrono::hours(24) ? std::min(first_day_max_delay, max_delay) : max_delay;
    return std::min(longest, initial_delay * (std::int64_t{1} << doublings));
  }

  /// With jitter: up to 15% shorter or longer, by a seed of the message's own, so that messages
  /// that failed together are not retried together.
  [[nodiscard]] std::chrono::milliseconds delay_after(std::uint32_t attempts,
                                                      std::chrono::milliseconds age,
                                                      std::uint64_t seed) const {
    constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;  // spreads consecutive seeds
    const auto delay = delay_after(attempts, age);
    const auto share = static_cast<std::int64_t>(((seed + attempts) * golden) >> 40);  // of 2^24
    const auto widest = delay.count() * jitter_percent / 100;
    return delay + std::chrono::milliseconds(2 * widest * share / (1 << 24) - widest);
  }

  /// The longest that delay_after() can return for this number of attempts.
  [[nodiscard]] std::chrono::milliseconds longest_after(std::uint32_t attempts) const {
    const auto delay = delay_after(attempts, std::chrono::milliseconds::max());
    return delay + delay * jitter_percent / 100;
  }

  /// The delay until the next attempt, for a message of this age; nullopt: it is given up.
  /// The last attempt is at the end of the lifetime.
  [[nodiscard]] std::optional<std::chrono::milliseconds> next(std::uint32_t attempts,
                                                              std::uint64_t seed,
                                                              std::chrono::milliseconds age) const {
    const auto delay = delay_after(attempts, age, seed);
    if (lifetime.count() == 0) return delay;
    if (age >= lifetime) return std::nullopt;
    return std::min(delay, lifetime - age);
  }

 private:
  static constexpr int jitter_percent = 15;
};

}  // namespace postroad::queue
