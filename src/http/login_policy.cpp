// See login_policy.hpp.
#include "http/login_policy.hpp"

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <string>
#include <utility>

namespace postroad::http {

namespace {

Reply reply_of(LoginVerdict verdict) {
  switch (verdict) {
    case LoginVerdict::right:
      return server::login_accepted();
    case LoginVerdict::wrong:
      return server::login_refused();
    case LoginVerdict::not_now:
      break;
  }
  return server::login_unavailable();
}

// All that a check uses: the session, the policy and the configuration may end before it.
struct Job {
  std::shared_ptr<const LoginCheck> check;
  sasl::Credentials credentials;
  std::string client;
  LoginCheck::Time deadline;
  LoginTurns::Place place;
  server::Answer answer;
};

boost::asio::awaitable<void> run(Job job) {
  auto verdict = LoginVerdict::not_now;
  const bool is_its_turn = co_await job.place.turn(job.deadline);
  if (is_its_turn) verdict = co_await job.check->check(job.credentials, job.client, job.deadline);
  job.answer(reply_of(verdict));
}

}  // namespace

void LoginPolicy::auth(const server::SessionInfo& info, const sasl::Credentials& credentials,
                       server::Answer answer) {
  auto place = turns_.enter();
  if (!place) return answer(server::logins_busy());
  const auto deadline = check_->deadline(LoginCheck::Time::clock::now());
  try {
    boost::asio::co_spawn(info.executor,
                          run({check_, credentials, std::string(info.client), deadline,
                               std::move(*place), std::move(answer)}),
                          [](const std::exception_ptr&) {});
  } catch (...) {
    // Out of memory, as an exception of the coroutine is: the destroyed Answer reports it.
  }
}

}  // namespace postroad::http
