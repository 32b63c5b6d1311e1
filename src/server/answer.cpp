// See answer.hpp.
#include "server/answer.hpp"

#include <boost/asio/post.hpp>

namespace postroad::server {

Answer::Answer(PendingAnswer& pending) : pending_(&pending) { pending.add_reference(); }

Answer& Answer::operator=(Answer&& other) noexcept {
  std::swap(pending_, other.pending_);
  return *this;
}

Answer::~Answer() {
  if (pending_ == nullptr) return;
  try {
    (*this)({451, {4, 3, 0}, "a policy check failed, try again later"}, {},
            "a policy gave no answer");
  } catch (...) {
    // If there is no memory for the text, the session's deadline ends the wait.
    if (pending_ != nullptr) pending_->release();
  }
}

void Answer::operator()(Reply reply, Additions additions, std::string reason) {
  if (pending_ == nullptr) return;
  const PendingAnswer::Owner pending(std::exchange(pending_, nullptr));
  pending->give({std::move(reply), std::move(additions), std::move(reason)});
}

void PendingAnswer::release() noexcept {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

// While this holds the lock, the session posts nothing and ends no wait, so the timer and its
// executor exist.
void PendingAnswer::give(Verdict verdict) {
  const std::lock_guard lock(mutex_);
  verdict_ = std::move(verdict);
  if (timer_ == nullptr) return;
  add_reference();
  boost::asio::post(timer_->get_executor(), [self = Owner(this)] { self->cancel_timer(); });
}

void PendingAnswer::cancel_timer() {
  const std::lock_guard lock(mutex_);
  if (timer_ != nullptr) timer_->cancel();
}

std::optional<Verdict> PendingAnswer::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(verdict_, std::nullopt);
}

bool PendingAnswer::wake(boost::asio::steady_timer& timer) {
  const std::lock_guard lock(mutex_);
  if (verdict_) return false;
  timer_ = &timer;
  return true;
}

std::optional<Verdict> PendingAnswer::end_wait() {
  const std::lock_guard lock(mutex_);
  timer_ = nullptr;
  return std::exchange(verdict_, std::nullopt);
}

}  // namespace postroad::server
