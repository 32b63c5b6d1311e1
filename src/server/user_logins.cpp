// See user_logins.hpp.
#include "server/user_logins.hpp"

#include <utility>

namespace postroad::server {

void UserLogins::auth(const SessionInfo&, const sasl::Credentials& credentials, Answer answer) {
  if (!knows_all_ && !users_->has(credentials.user)) return answer();
  if (credentials.password.empty()) return answer(login_refused());
  struct Job {
    std::shared_ptr<const Users> users;
    std::string user;
    Secret password;
    std::shared_ptr<Answer> answer;
    void operator()() {
      (*answer)(users->check(user, password) ? login_accepted() : login_refused());
    }
  };
  auto shared = std::make_shared<Answer>(std::move(answer));
  if (!workers_.post(Job{users_, credentials.user, credentials.password, shared}))
    (*shared)(logins_busy());
}

std::optional<sasl::Keys> UserLogins::keys(std::string_view user, std::string_view mechanism) {
  return users_->keys(user, mechanism);
}

}  // namespace postroad::server
