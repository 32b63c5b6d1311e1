// The policy that checks passwords against the users' file. See policy.hpp and users.hpp.
#pragma once

#include <memory>

#include "server/login_workers.hpp"
#include "server/policy.hpp"
#include "server/users.hpp"

namespace postroad::server {

class UserLogins final : public SessionPolicy {
 public:
  /// `workers` derive the keys, which takes about 2 ms per password, and outlive this. With
  /// `knows_all` an unknown user is refused, after the same work as for a known one; without it the
  /// next policy of the chain is asked.
  UserLogins(std::shared_ptr<const Users> users, LoginWorkers& workers, bool knows_all)
      : users_(std::move(users)), workers_(workers), knows_all_(knows_all) {}

  void auth(const SessionInfo& info, const sasl::Credentials& credentials, Answer answer) override;
  std::optional<sasl::Keys> keys(std::string_view user, std::string_view mechanism) override;

 private:
  std::shared_ptr<const Users> users_;
  LoginWorkers& workers_;
  bool knows_all_;
};

}  // namespace postroad::server
