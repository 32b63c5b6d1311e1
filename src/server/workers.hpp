// The threads that serve: one io_context per thread; a session stays on its thread.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "server/session.hpp"

namespace postroad::server {

/// A thread with its loop and the sessions that live on it.
struct Worker {
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard =
      boost::asio::make_work_guard(context);
  net::BufferPool buffers;
  Roster roster;
};

/// Thread rule: the thread that made it, except for `next`.
class Workers final {
 public:
  /// 0: one per core.
  explicit Workers(unsigned count);
  void start();
  [[nodiscard]] bool is_running() const { return !threads_.empty(); }
  /// Ends the loops and joins the threads; pending work is dropped.
  void stop();
  /// The accepting thread.
  [[nodiscard]] Worker& first() { return *workers_.front(); }
  /// Each in turn. On the accepting thread.
  [[nodiscard]] Worker& next() { return *workers_[next_++ % workers_.size()]; }
  /// Whether every thread answers within that time.
  [[nodiscard]] bool is_alive(std::chrono::milliseconds patience);
  /// Calls that on each session, and each that begins later is told to stop.
  void tell_sessions(void (Session::*what)());

 private:
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::size_t next_ = 0;
};

}  // namespace postroad::server
