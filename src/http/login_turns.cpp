// See login_turns.hpp.
#include "http/login_turns.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postroad::http {

namespace asio = boost::asio;

asio::awaitable<bool> LoginTurns::Place::turn(proto::Time deadline) {
  asio::steady_timer bell(co_await asio::this_coro::executor, deadline);
  if (turns_->begin(waiter_, bell)) co_return true;
  // A frame that ends without being resumed destroys its timer: no turn must wake it then.
  const struct EndAtExit {
    Place& place;
    ~EndAtExit() { (void)place.turns_->end_wait(place.waiter_); }
  } guard{*this};
  (void)co_await bell.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return turns_->end_wait(waiter_);
}

std::optional<LoginTurns::Place> LoginTurns::enter() {
  auto waiter = std::make_shared<Waiter>();
  const std::lock_guard lock(mutex_);
  if (logins_ >= max_logins_) return std::nullopt;
  ++logins_;
  return Place(*this, std::move(waiter));
}

// True: it has its turn at once. False: the bell will ring. No login waits unless `max_running_`
// have their turn, so none is overtaken.
bool LoginTurns::begin(const std::shared_ptr<Waiter>& waiter, asio::steady_timer& bell) {
  const std::lock_guard lock(mutex_);
  if (running_ < max_running_) {
    ++running_;
    waiter->has_turn = true;
    return true;
  }
  waiting_.push_back(waiter);
  waiter->bell = &bell;
  return false;
}

// Whether its turn came. A second call changes nothing.
bool LoginTurns::end_wait(const std::shared_ptr<Waiter>& waiter) noexcept {
  const std::lock_guard lock(mutex_);
  waiter->bell = nullptr;
  std::erase(waiting_, waiter);
  return waiter->has_turn;
}

// Its turn goes to the one that waits longest. While this holds the lock that one ends no wait, so
// its bell and the executor exist.
void LoginTurns::leave(const Waiter& waiter) noexcept {
  const std::lock_guard lock(mutex_);
  --logins_;
  if (!waiter.has_turn) return;
  if (waiting_.empty()) {
    --running_;
    return;
  }
  const auto next = std::move(waiting_.front());
  waiting_.pop_front();
  next->has_turn = true;
  try {
    asio::post(next->bell->get_executor(), [this, next] { ring(*next); });
  } catch (...) {
    // No memory: it finds its turn at its deadline.
  }
}

void LoginTurns::ring(const Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  if (waiter.bell != nullptr) waiter.bell->cancel();
}

}  // namespace postroad::http
