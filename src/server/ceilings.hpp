// Limits of the whole server: open sessions, and resident memory above which no session is
// accepted. Limits per client: guard.hpp.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string_view>

namespace postroad::server {

/// Thread rule: any thread.
class Ceilings final {
 public:
  /// Bytes resident in memory; 0: no ceiling.
  void set(std::size_t max_sessions, std::uint64_t max_memory);
  /// Counts a session; at a ceiling its name, "sessions" or "memory", and nothing is counted.
  [[nodiscard]] std::string_view count_session();
  void session_ended();
  [[nodiscard]] std::size_t sessions() const;
  /// Waits until no session is open, at most `patience`; returns whether none is.
  [[nodiscard]] bool wait_until_empty(std::chrono::milliseconds patience) const;
  /// Waits until no session is open.
  void wait_until_empty() const;
  /// Whether the memory limit is reached, as of the last measurement.
  [[nodiscard]] bool is_too_large() const { return too_large_.load(std::memory_order_relaxed); }
  /// Measures the memory every second until its loop ends.
  boost::asio::awaitable<void> watch_memory();

 private:
  std::atomic<std::size_t> max_sessions_ = 0;
  std::atomic<std::uint64_t> max_memory_ = 0;
  std::atomic<bool> too_large_ = false;
  mutable std::mutex mutex_;
  mutable std::condition_variable ended_;
  std::size_t alive_ = 0;
};

}  // namespace postroad::server
