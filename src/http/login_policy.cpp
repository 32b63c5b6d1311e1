// See login_policy.hpp.
#include "http/login_policy.hpp"

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <string>
#include <utility>

#include "server/log_failure.hpp"

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
  LoginAnswer found{LoginVerdict::not_now, std::string(no_turn)};
  const bool is_its_turn = co_await job.place.turn(job.deadline);
  if (is_its_turn) found = co_await job.check->check(job.credentials, job.client, job.deadline);
  job.answer(reply_of(found.verdict), {}, std::move(found.reason));
}

}  // namespace

void LoginPolicy::auth(const server::SessionInfo& info, const sasl::Credentials& credentials,
                       server::Answer answer) {
  auto place = turns_.enter();
  if (!place) return answer(server::logins_busy());
  const auto deadline = check_->deadline(LoginCheck::Time::clock::now());
  const server::LogFailure failed{log_, "the check of a login"};
  try {
    boost::asio::co_spawn(info.executor,
                          run({check_, credentials, std::string(info.client), deadline,
                               std::move(*place), std::move(answer)}),
                          failed);
  } catch (...) {
    failed(std::current_exception());  // the destroyed Answer replies
  }
}

}  // namespace postroad::http
