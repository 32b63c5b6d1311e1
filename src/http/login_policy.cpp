// See login_policy.hpp.
#include "http/login_policy.hpp"

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

}  // namespace

void LoginPolicy::auth(const server::SessionInfo& info, const sasl::Credentials& credentials,
                       server::Answer answer) {
  struct Job {
    std::shared_ptr<const LoginCheck> check;
    sasl::Credentials credentials;
    std::string client;
    LoginCheck::Time deadline;
    std::shared_ptr<server::Answer> answer;
    void operator()() { (*answer)(reply_of(check->check(credentials, client, deadline))); }
  };
  auto shared = std::make_shared<server::Answer>(std::move(answer));
  const auto deadline = check_->deadline(LoginCheck::Time::clock::now());
  if (!workers_.post(Job{check_, credentials, std::string(info.client), deadline, shared}))
    (*shared)(server::logins_busy());
}

}  // namespace postroad::http
