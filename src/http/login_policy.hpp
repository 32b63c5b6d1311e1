// The policy that asks the operator's backend about a login: a command or an HTTP service
// (login_check.hpp). A check is a coroutine on the session's own thread, which goes on meanwhile.
#pragma once

#include <memory>

#include "http/login_check.hpp"
#include "http/login_turns.hpp"
#include "observe/log.hpp"
#include "server/policy.hpp"

namespace postroad::http {

class LoginPolicy final : public server::SessionPolicy {
 public:
  /// `turns` and `log` outlive it and its checks. A check may outlast the session and the policy:
  /// it ends at its deadline at the latest, or with the io_context of the session.
  LoginPolicy(std::shared_ptr<const LoginCheck> check, LoginTurns& turns, observe::Log& log)
      : check_(std::move(check)), turns_(turns), log_(log) {}
  void auth(const server::SessionInfo& info, const sasl::Credentials& credentials,
            server::Answer answer) override;

 private:
  std::shared_ptr<const LoginCheck> check_;
  LoginTurns& turns_;
  observe::Log& log_;
};

}  // namespace postroad::http
