// See deadlines.hpp.
#include "net/deadlines.hpp"

namespace postroad::net {

namespace asio = boost::asio;

Deadlines& Deadlines::of(const asio::any_io_executor& executor) {
  return asio::use_service<Deadlines>(asio::query(executor, asio::execution::context));
}

void Deadlines::add(Entry& entry, proto::Time at, const asio::any_io_executor& executor) {
  const std::lock_guard lock(mutex_);
  if (!timer_) timer_.emplace(executor);
  if (entry.is_linked()) entries_.erase(entries_.iterator_to(entry));
  entry.at = at;
  entries_.insert(entry);
  arm();
}

// A timer that stays armed would keep the io_context running.
void Deadlines::remove(Entry& entry) {
  const std::lock_guard lock(mutex_);
  if (!entry.is_linked()) return;
  entries_.erase(entries_.iterator_to(entry));
  if (!entries_.empty() || !timer_) return;
  armed_for_.reset();
  timer_->cancel();
}

void Deadlines::arm() {
  const auto first = entries_.begin()->at;
  if (armed_for_ && *armed_for_ <= first) return;
  timer_->expires_at(first);
  timer_->async_wait([this](const boost::system::error_code& error) {
    if (!error) fire();
  });
  armed_for_ = first;
}

void Deadlines::fire() {
  const std::lock_guard lock(mutex_);
  armed_for_.reset();
  const auto now = proto::Clock::now();
  while (!entries_.empty() && entries_.begin()->at <= now) {
    auto& entry = *entries_.begin();
    entries_.erase(entries_.begin());
    entry.wake();
  }
  if (!entries_.empty()) arm();
}

void Deadlines::shutdown() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
  timer_.reset();
}

}  // namespace postroad::net
