// Who a client says it is.
#pragma once

#include <functional>
#include <postroad/secret.hpp>
#include <string>

namespace postroad {

/// A user and a password, or a token, for AUTH. The password is not sent without TLS unless
/// ClientOptions says so by name.
struct POSTROAD_EXPORT Login {
  std::string user;
  Secret password;
  std::string mechanism{};  ///< only this SASL mechanism ("LOGIN"); empty: the strongest that both
                            ///< sides know
  Secret token{};  ///< an OAuth 2 access token in place of the password (XOAUTH2, OAUTHBEARER)
  /// Called before each AUTH, on the thread that sends, for a token that is valid now; its error
  /// ends the call. In place of `token`.
  std::function<Result<Secret>()> fetch_token{};
  std::string authorize_as{};  ///< act as this user; empty: as the one who logs in

  /// With a bearer token.
  static Login oauth(std::string user, Secret token);
  static Login oauth(std::string user, std::function<Result<Secret>()> fetch_token);
  /// With the certificate of ClientOptions::client_certificate (EXTERNAL).
  static Login certificate(std::string authorize_as = {});
};

}  // namespace postroad
