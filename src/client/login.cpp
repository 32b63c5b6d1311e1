// See postroad/login.hpp.
#include <postroad/login.hpp>

#include <utility>

namespace postroad {

Login Login::oauth(std::string user, Secret token) {
  Login login;
  login.user = std::move(user);
  login.token = std::move(token);
  return login;
}

Login Login::oauth(std::string user, std::function<Result<Secret>()> fetch_token) {
  Login login;
  login.user = std::move(user);
  login.fetch_token = std::move(fetch_token);
  return login;
}

Login Login::certificate(std::string authorize_as) {
  Login login;
  login.authorize_as = std::move(authorize_as);
  return login;
}

}  // namespace postroad
