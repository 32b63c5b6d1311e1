// Which relay has its turn, and which pauses: pure, with time as an argument. Not here:
// connections (pool.cpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <postroad/pool.hpp>
#include <vector>

namespace postroad::client {

using Time = std::chrono::steady_clock::time_point;

/// At most `count` in any `per`: all at once, then one for each that has come back.
class Pace final {
 public:
  Pace(std::uint64_t count, std::chrono::milliseconds per) : count_(count), per_(per) {}
  /// When the next may go; it is taken.
  Time take(Time now);

 private:
  std::uint64_t count_;
  std::chrono::milliseconds per_;
  std::deque<Time> taken_;  // those that have not come back, in order; some are to come
};

class RelayChooser final {
 public:
  RelayChooser(std::size_t count, const PoolOptions& options);

  /// A relay that is not among `tried` and does not pause; nullopt: there is none now.
  std::optional<std::size_t> choose(const std::vector<bool>& tried, Time now);
  /// When the first of those not tried ends its pause; nullopt: all were tried.
  [[nodiscard]] std::optional<Time> next_chance(const std::vector<bool>& tried) const;
  /// It pauses, longer from time to time.
  void failed(std::size_t relay, Time now);
  void worked(std::size_t relay);

 private:
  struct Relay {
    Time pauses_until{};
    std::uint32_t failures = 0;
  };
  PoolOptions options_;
  std::vector<Relay> relays_;
  std::size_t turn_ = 0;
};

/// Whether what a call ended with is the relay's fault, so that another may do better: it could not
/// be reached, broke off, or refused the session.
bool is_relays_fault(const Error& error);
/// Likewise of an outcome: 421, or a relay that wants no mail now (4yz to MAIL).
bool is_relays_fault(const RecipientOutcome& outcome);
/// Whether this mail asks for more than the relay has: another may have it, and the relay is as
/// good as before.
bool lacks_something(const Error& error);

}  // namespace postroad::client
