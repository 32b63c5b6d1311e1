// Carries events to sinks. Without a sink nothing is made, formatted or printed. Not here: the
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

/// Takes events. `take` is called from any thread, several at a time; it does not throw and does
/// not log.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void take(std::chrono::system_clock::time_point when, const Event& event) noexcept = 0;
};

/// The place where facts are told. All its functions may be called from any thread.
class Log {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  explicit Log(Clock clock = std::chrono::system_clock::now) : clock_(std::move(clock)) {}

  /// From now on `sink` gets every event of `least` and above.
  void add_sink(std::shared_ptr<Sink> sink, Level least = Level::info);

  /// Whether any sink takes this level: ask before gathering what is dear to gather. One atomic
  /// read.
  [[nodiscard]] bool wants(Level level) const noexcept {
    return static_cast<int>(level) >= least_.load(std::memory_order_relaxed);
  }

  void write(const Event& event);

  /// The same, the event made only if it is wanted.
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
