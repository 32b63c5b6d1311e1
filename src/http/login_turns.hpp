// How many logins the backend is asked about at once, and whose turn is next. Not here: the
// question (login_check.hpp).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "proto/action.hpp"

namespace postroad::http {

/// One for all sessions of a server. Thread rule: any thread.
class LoginTurns final {
  struct Waiter {
    boost::asio::steady_timer* bell = nullptr;  // null unless it waits
    bool has_turn = false;
  };

 public:
  /// At most `max_running` have their turn at once, so that a client cannot make the server start
  /// more processes or connections than that. `max_logins` counts those that wait too.
  explicit LoginTurns(unsigned max_running = 16, unsigned max_logins = 128)
      : max_running_(max_running), max_logins_(max_logins) {}
  LoginTurns(const LoginTurns&) = delete;
  LoginTurns& operator=(const LoginTurns&) = delete;

  /// The place of one login; its destructor gives it back. The LoginTurns outlives it, and the
  /// io_context that it waited on.
  class Place final {
   public:
    Place(Place&&) noexcept = default;
    ~Place() {
      if (waiter_) turns_->leave(*waiter_);
    }
    /// Waits for the turn, in the order of the calls. False: it did not come by the deadline. Call
    /// it once; the place stays where it is meanwhile.
    boost::asio::awaitable<bool> turn(proto::Time deadline);

   private:
    friend class LoginTurns;
    Place(LoginTurns& turns, std::shared_ptr<Waiter> waiter)
        : turns_(&turns), waiter_(std::move(waiter)) {}
    LoginTurns* turns_;
    std::shared_ptr<Waiter> waiter_;  // null: moved from
  };

  /// Nothing: too many logins have a place already.
  [[nodiscard]] std::optional<Place> enter();

 private:
  bool begin(const std::shared_ptr<Waiter>& waiter, boost::asio::steady_timer& bell);
  bool end_wait(const std::shared_ptr<Waiter>& waiter) noexcept;
  void leave(const Waiter& waiter) noexcept;
  void ring(const Waiter& waiter);

  std::mutex mutex_;  // also of the waiters
  const unsigned max_running_;
  const unsigned max_logins_;
  unsigned running_ = 0;
  unsigned logins_ = 0;
  std::deque<std::shared_ptr<Waiter>> waiting_;  // in order
};

}  // namespace postroad::http
