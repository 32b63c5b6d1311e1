// How a session checks a login; see session.hpp.
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/callback.hpp"
#include "server/events.hpp"
#include "server/session.hpp"

namespace postroad::server {

namespace {

constexpr unsigned most_deriving = 128;  // a quarter of a second of them

}  // namespace

// Who guesses is made to wait, and nobody else: this session's time is all that passes. What its
// client sends meanwhile is not read.
boost::asio::awaitable<void> Session::make_wait() {
  constexpr unsigned most_doublings = 4;
  if (listener_->login_delay.count() == 0) co_return;
  const auto doublings = std::min<unsigned>(wrong_logins_++, most_doublings);
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor,
                                  listener_->login_delay * (1U << doublings));
  delay_ = &timer;
  (void)co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  delay_ = nullptr;
}

// Known and unknown names cost the same and hear the same (users.hpp). The limits stand before the
// check, so that guesses beyond them learn nothing.
boost::asio::awaitable<void> Session::check_login(smtp::ServerMachine& machine,
                                                  const sasl::Credentials& credentials) {
  const auto now = proto::Clock::now();
  const auto too_many = [&](std::string_view limit, const std::string& of) {
    return limited(
        limit, {421, {4, 7, 0}, std::string(facts_.host) + " too many " + of + ", try again later"},
        credentials.user);
  };
  const bool is_proven = credentials.proven.has_value();
  if (!is_proven && services_.deriving.load(std::memory_order_relaxed) >= most_deriving) {
    machine.answered(limited("logins", {454, {4, 7, 0}, "too many logins at once, try again later"},
                             credentials.user));
    co_return;
  }
  if (!visit_.try_password(credentials.user, now)) {
    machine.answered(too_many("failed_logins", "failed logins"));
    co_return;
  }
  auto& policy = *listener_->policy;
  auto& workers = services_.workers;
  const bool other =
      !credentials.authorize_as.empty() && credentials.authorize_as != credentials.user;
  auto verdict = credentials.proven.value_or(false) ? LoginVerdict::right : LoginVerdict::wrong;
  if (!is_proven) {
    services_.deriving.fetch_add(1, std::memory_order_relaxed);
    const auto& facts = facts_;
    verdict = co_await net::wait_for<LoginVerdict>(
        [&policy, &workers, &facts, &credentials](auto resume) {
          boost::asio::post(workers, [&policy, &facts, &credentials, resume]() mutable {
            resume(policy.check_login(facts, credentials));
          });
        });
    services_.deriving.fetch_sub(1, std::memory_order_relaxed);
  }
  if (verdict == LoginVerdict::not_now) {
    visit_.tried_password(credentials.user, true, now);  // no guess was judged
    login_unchecked(services_.log, facts_, credentials.user);
    machine.answered({454, {4, 7, 0}, "logins cannot be checked now, try again later"});
    co_return;
  }
  const bool accepted = verdict == LoginVerdict::right && !other;
  visit_.tried_password(credentials.user, accepted, now);
  login_checked(services_.log, facts_, credentials.user, accepted);
  // Who catches everything is for tests, which may send as much as they like.
  if (accepted && listener_->role != Role::catcher) {
    const auto limit = visit_.log_in(credentials.user, now);
    if (!limit.empty()) {
      machine.answered(too_many(limit, std::string(limit) + " of this login"));
      co_return;
    }
  }
  if (!accepted) co_await make_wait();
  machine.answered(accepted ? Reply{235, {2, 7, 0}, "Authentication successful"}
                            : Reply{535, {5, 7, 8}, "authentication failed"});
}

}  // namespace postroad::server
