// Credentials of a client for AUTH.
#pragma once

#include <functional>
#include <postroad/secret.hpp>
#include <string>

namespace postroad {

/// A user with a password or a token, for AUTH (RFC 4954). Neither is sent without TLS unless
/// ClientOptions::allow_password_in_clear is set.
struct POSTROAD_EXPORT Login {
  std::string user{};
  Secret password{};
  std::string mechanism{};  ///< only this SASL mechanism ("LOGIN"); empty: the strongest one that
                            ///< both sides support
  Secret token{};  ///< OAuth 2 access token in place of the password (XOAUTH2, OAUTHBEARER)
  /// Called before each AUTH, on the thread that sends, to get a valid token in place of `token`.
  /// An error from it ends the call.
  std::function<Result<Secret>()> fetch_token{};
  std::string authorize_as{};  ///< authorization identity: act as this user; empty: as `user`

  /// Logs in with a bearer token.
  static Login oauth(std::string user, Secret token);
  static Login oauth(std::string user, std::function<Result<Secret>()> fetch_token);
  /// Logs in with the certificate of TlsOptions::client_certificate (EXTERNAL).
  static Login certificate(std::string authorize_as = {});
};

}  // namespace postroad
