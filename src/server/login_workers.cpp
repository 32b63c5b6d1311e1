// See login_workers.hpp.
#include "server/login_workers.hpp"

namespace postroad::server {

LoginWorkers::~LoginWorkers() {
  if (!pool_) return;
  pool_->stop();
  pool_->join();
}

bool LoginWorkers::begin() {
  if (jobs_.fetch_add(1, std::memory_order_relaxed) >= max_jobs_) {
    jobs_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  return true;
}

void LoginWorkers::start() {
  std::call_once(started_, [this] { pool_.emplace(threads_); });
}

}  // namespace postroad::server
