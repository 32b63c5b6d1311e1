// A few threads for the part of login checks that is work for a processor: key derivation. Threads
// and waiting jobs are bounded. Not here: questions to a backend, which need no thread
// (http/login_policy.hpp). Thread rule: any thread.
#pragma once

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

namespace postroad::server {

class LoginWorkers final {
 public:
  /// The threads start with the first job, after the process has given up its privileges.
  explicit LoginWorkers(unsigned threads, unsigned max_jobs = 128)
      : threads_(threads), max_jobs_(max_jobs) {}
  LoginWorkers(const LoginWorkers&) = delete;
  LoginWorkers& operator=(const LoginWorkers&) = delete;
  /// Waits for the running jobs.
  ~LoginWorkers();

  /// Runs `job` on one of the threads. False: too many jobs wait already, and it is destroyed.
  template <class Job>
  [[nodiscard]] bool post(Job job) {
    if (!begin()) return false;
    try {
      start();
      boost::asio::post(*pool_, [this, job = std::move(job)]() mutable {
        try {
          job();
        } catch (...) {
          // Out of memory: the destroyed job's Answer reports that the check failed.
        }
        jobs_.fetch_sub(1, std::memory_order_relaxed);
      });
    } catch (...) {  // no thread, or no memory
      jobs_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    return true;
  }

 private:
  bool begin();
  void start();

  unsigned threads_;
  unsigned max_jobs_;
  std::atomic<unsigned> jobs_ = 0;
  std::once_flag started_;
  std::optional<boost::asio::thread_pool> pool_;
};

}  // namespace postroad::server
