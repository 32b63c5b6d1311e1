// Which relay is next, and which is paused: pure, with time as an argument. Not here: connections
// (pool.cpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <postroad/pool.hpp>
#include <vector>

#include "base/export.hpp"

namespace postroad::client {

using Time = std::chrono::steady_clock::time_point;

/// A limit of `count` messages in any interval of `per`.
class Pace final {
 public:
  Pace(std::uint64_t count, std::chrono::milliseconds per) : count_(count), per_(per) {}
  /// When the next message may be sent; counts it.
  Time take(Time now);

 private:
  std::uint64_t count_;
  std::chrono::milliseconds per_;
  std::deque<Time> taken_;  // times within the last `per`, in order; some are in the future
};

class RelayChooser final {
 public:
  RelayChooser(std::size_t count, const PoolOptions& options);

  /// A relay that is not among `tried` and not paused; nullopt: there is none now.
  std::optional<std::size_t> choose(const std::vector<bool>& tried, Time now);
  /// When the first pause of an untried relay ends; nullopt: all were tried.
  [[nodiscard]] std::optional<Time> next_chance(const std::vector<bool>& tried) const;
  /// Pauses the relay, longer after each failure.
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

/// Whether the error of a call is a failure of the relay, so that another one may succeed: it could
/// not be reached, closed, violated the protocol, or refused the session.
POSTROAD_QUEUE_EXPORT bool is_relay_failure(const Error& error);
/// Whether the outcome is one: 421, or a 4yz reply to MAIL.
bool is_relay_failure(const RecipientOutcome& outcome);
/// Whether the message needs an extension that the relay lacks: another relay may have it, and this
/// one is not paused.
bool lacks_extension(const Error& error);

}  // namespace postroad::client
