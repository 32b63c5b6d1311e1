// Passes events to sinks. Without a sink, no event is made, formatted or printed. Not here: the
// sinks (sinks.hpp).
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "observe/event.hpp"

namespace postroad::observe {

/// Receives events. `take` is called from any thread, several at a time; it must not throw and must
/// not log.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void take(std::chrono::system_clock::time_point when, const Event& event) noexcept = 0;
};

/// Accepts events. Thread rule: all members from any thread.
class Log {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  explicit Log(Clock clock = std::chrono::system_clock::now) : clock_(std::move(clock)) {}

  /// From now on `sink` gets every event of `least` and above.
  void add_sink(std::shared_ptr<Sink> sink, Level least = Level::info);

  /// Whether any sink takes this level: ask before collecting values that are expensive. One atomic
  /// read.
  [[nodiscard]] bool wants(Level level) const noexcept {
    return static_cast<int>(level) >= least_.load(std::memory_order_relaxed);
  }

  void write(const Event& event);

  /// Makes and writes the event, if any sink takes its level.
  template <class... Values>
  void write(const EventInfo& kind, const Values&... values) {
    if (wants(kind.level)) write(Event(kind, values...));
  }

 private:
  struct Entry {
    std::shared_ptr<Sink> sink;
    Level least;
  };
  static constexpr int nobody = 255;

  Clock clock_;
  std::atomic<int> least_{nobody};
  std::mutex mutex_;
  std::shared_ptr<const std::vector<Entry>> entries_ = std::make_shared<const std::vector<Entry>>();
};

}  // namespace postroad::observe
