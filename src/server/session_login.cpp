// How a session checks a login (AUTH, RFC 4954); see session.hpp.
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "server/events.hpp"
#include "server/session.hpp"

namespace postroad::server {

namespace {

// One failed login, charged to the client and to the login in advance. It is given back when the
// check ends without a verdict: the backend is unavailable, the server stops, a policy throws.
class Guess final {
 public:
  Guess(Guard::Visit& visit, const std::string& user)
      : visit_(visit), user_(user), is_allowed_(visit.try_password(user_, now_)) {}
  Guess(const Guess&) = delete;
  Guess& operator=(const Guess&) = delete;
  ~Guess() {
    if (!is_allowed_ || is_settled_) return;
    try {
      visit_.tried_password(user_, true, now_);
    } catch (...) {
      // No memory: it counts.
    }
  }
  [[nodiscard]] bool is_allowed() const { return is_allowed_; }
  void settle(bool is_right) {
    is_settled_ = true;
    visit_.tried_password(user_, is_right, now_);
  }

 private:
  Guard::Visit& visit_;
  const std::string user_;
  const proto::Time now_ = proto::Clock::now();
  bool is_allowed_;
  bool is_settled_ = false;
};

}  // namespace

// The delay applies to this session only. Input that arrives meanwhile is not read.
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

// The mechanism's result from the user's keys, or the policies' verdict. A user that no policy
// knows is refused.
boost::asio::awaitable<std::optional<Verdict>> Session::verdict_on(
    const sasl::Credentials& credentials) {
  const bool is_for_another =
      !credentials.authorize_as.empty() && credentials.authorize_as != credentials.user;
  Verdict verdict{login_refused()};
  if (credentials.proven.has_value()) {
    if (*credentials.proven) verdict.reply = login_accepted();
  } else {
    Inquiry inquiry(Inquiry::Ends::at_answer);
    if (!go_on(inquiry)) {
      const bool is_answered = co_await wait_for_policies(inquiry);
      if (!is_answered) co_return std::nullopt;
    }
    if (inquiry.reply().code != 0)
      verdict = {std::move(inquiry.reply()), {}, std::move(inquiry.reason())};
  }
  if (is_for_another && verdict.reply.is_success()) verdict.reply = login_refused();
  co_return verdict;
}

// Known and unknown names cost the same and get the same reply (users.hpp). The limits are applied
// before the check, so that guesses beyond them get no information.
boost::asio::awaitable<void> Session::check_login(const sasl::Credentials& credentials) {
  const auto& user = credentials.user;
  Guess guess(visit_, user);
  if (!guess.is_allowed()) {
    machine_.answered(limited(
        "failed_logins",
        {421, {4, 7, 0}, listener_->smtp.hostname + " too many failed logins, try again later"},
        user));
    co_return;
  }
  const auto verdict = co_await verdict_on(credentials);
  if (!verdict) co_return machine_.withdraw_question();
  const auto& reply = verdict->reply;
  if (reply.is_temporary_failure()) {
    if (reply == logins_busy())
      (void)limited("logins", reply, user);
    else if (stream_.is_open())
      login_unchecked(services_.log, info(), user,
                      verdict->reason.empty() ? reply.one_line() : verdict->reason);
    machine_.answered(reply);
    co_return;
  }
  const bool is_accepted = reply.is_success();
  guess.settle(is_accepted);
  login_checked(services_.log, info(), user, is_accepted);
  if (is_accepted) co_return machine_.answered(begin_login(user, reply));
  co_await delay_reply();
  machine_.answered(reply);
}

// The reply to an accepted login. A catcher is for tests, which may send as much as they like.
Reply Session::begin_login(const std::string& user, const Reply& accepted) {
  if (listener_->role == Role::catcher) return accepted;
  const auto limit = visit_.log_in(user, proto::Clock::now());
  return limit.empty() ? accepted : limited(limit, too_many_of_login(limit), user);
}

}  // namespace postroad::server
