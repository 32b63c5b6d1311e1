// A few threads for work that a login needs and that would hold up a loop: the derivation of keys,
// a backend that is asked. Bounded: so many threads, so many jobs. Thread rule: any thread.
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
  /// No thread is made before the first job: the process gives up its privileges first.
  explicit LoginWorkers(unsigned threads, unsigned max_jobs = 128)
      : threads_(threads), max_jobs_(max_jobs) {}
  LoginWorkers(const LoginWorkers&) = delete;
  LoginWorkers& operator=(const LoginWorkers&) = delete;
  /// Waits for the jobs that run.
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
          // No memory: the Answer that the job held says that the check failed.
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
