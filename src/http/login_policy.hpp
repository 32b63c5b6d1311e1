// The policy that asks the operator's backend about a login: a command or an HTTP service
// (login_check.hpp). The checks wait on threads of their own, so that no session's thread does.
#pragma once

#include <memory>

#include "http/login_check.hpp"
#include "server/login_workers.hpp"
#include "server/policy.hpp"

namespace postroad::http {

class LoginPolicy final : public server::SessionPolicy {
 public:
  /// `workers` outlive it. One of their threads waits for each check.
  LoginPolicy(std::shared_ptr<const LoginCheck> check, server::LoginWorkers& workers)
      : check_(std::move(check)), workers_(workers) {}
  void auth(const server::SessionInfo& info, const sasl::Credentials& credentials,
            server::Answer answer) override;

 private:
  std::shared_ptr<const LoginCheck> check_;
  server::LoginWorkers& workers_;
};

}  // namespace postroad::http
