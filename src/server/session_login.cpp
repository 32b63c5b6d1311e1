// How a session checks a login (AUTH, RFC 4954); see session.hpp.
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "server/events.hpp"
#include "server/session.hpp"

namespace postroad::server {

// A client that guesses waits, and no other one: only this session's time passes. What its client
// sends meanwhile is not read.
boost::asio::awaitable<void> Session::delay_reply() {
  constexpr unsigned most_doublings = 4;
  if (listener_->login_delay.count() == 0 || !stream_.is_open()) co_return;
  const auto doublings = std::min<unsigned>(failed_logins_++, most_doublings);
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor,
                                  listener_->login_delay * (1U << doublings));
  timer_ = &timer;
  (void)co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  timer_ = nullptr;
}

// What the mechanism has proven by the user's keys, or what the policies say. A user that no policy
// knows is refused.
boost::asio::awaitable<Reply> Session::verdict_on(const sasl::Credentials& credentials) {
  const bool is_for_another =
      !credentials.authorize_as.empty() && credentials.authorize_as != credentials.user;
  auto reply = login_refused();
  if (credentials.proven.has_value()) {
    if (*credentials.proven) reply = login_accepted();
  } else {
    Inquiry inquiry(Inquiry::Ends::at_answer);
    if (!go_on(inquiry)) co_await wait_for_policies(inquiry);
    if (inquiry.reply().code != 0) reply = std::move(inquiry.reply());
  }
  if (is_for_another && reply.is_success()) co_return login_refused();
  co_return reply;
}

// Known and unknown names cost the same and get the same reply (users.hpp). The limits stand before
// the check, so that guesses beyond them learn nothing.
boost::asio::awaitable<void> Session::check_login(const sasl::Credentials& credentials) {
  const auto now = proto::Clock::now();
  const auto& user = credentials.user;
  if (!visit_.try_password(user, now)) {
    machine_.answered(limited(
        "failed_logins",
        {421, {4, 7, 0}, listener_->smtp.hostname + " too many failed logins, try again later"},
        user));
    co_return;
  }
  const auto reply = co_await verdict_on(credentials);
  if (reply.is_temporary_failure()) {
    visit_.tried_password(user, true, now);  // no guess was checked
    if (reply == logins_busy())
      (void)limited("logins", reply, user);
    else if (stream_.is_open())
      login_unchecked(services_.log, info(), user);
    machine_.answered(reply);
    co_return;
  }
  const bool is_accepted = reply.is_success();
  visit_.tried_password(user, is_accepted, now);
  login_checked(services_.log, info(), user, is_accepted);
  // A catcher is for tests, which may send as much as they like.
  if (is_accepted && listener_->role != Role::catcher) {
    const auto limit = visit_.log_in(user, now);
    if (!limit.empty()) {
      machine_.answered(limited(limit, too_many_of_login(limit), user));
      co_return;
    }
  }
  if (!is_accepted) co_await delay_reply();
  machine_.answered(reply);
}

}  // namespace postroad::server
