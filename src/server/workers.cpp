// See workers.hpp.
#include "server/workers.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <mutex>

namespace postroad::server {

namespace asio = boost::asio;

Workers::Workers(unsigned count) {
  if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < count; ++i) workers_.push_back(std::make_unique<Worker>());
}

void Workers::start() {
  for (auto& worker : workers_)
    threads_.emplace_back([context = &worker->context] { context->run(); });
}

void Workers::stop() {
  for (auto& worker : workers_) worker->guard.reset();
  for (auto& worker : workers_) worker->context.stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

bool Workers::is_alive(std::chrono::milliseconds patience) {
  struct Roll {
    std::mutex mutex;
    std::condition_variable bell;
    std::size_t answered = 0;
  };
  auto roll = std::make_shared<Roll>();  // a thread that hangs now may answer later
  for (auto& worker : workers_) {
    asio::post(worker->context, [roll] {
      const std::lock_guard lock(roll->mutex);
      ++roll->answered;
      roll->bell.notify_one();
    });
  }
  std::unique_lock lock(roll->mutex);
  return roll->bell.wait_for(lock, patience, [&] { return roll->answered == workers_.size(); });
}

void Workers::tell_sessions(void (Session::*what)()) {
  for (auto& worker : workers_) {
    asio::post(worker->context, [worker = worker.get(), what] {
      worker->roster.stopping = true;
      if (what == &Session::abort) worker->roster.aborting = true;
      for (auto& session : worker->roster.sessions) (static_cast<Session&>(session).*what)();
    });
  }
}

}  // namespace postroad::server
