// See settings.hpp.
#include "client/settings.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "proto/proxy/header.hpp"

namespace postroad::client {

namespace {

Tls decide(Tls tls, bool has_login) {
  if (tls != Tls::automatic) return tls;
  return has_login ? Tls::required : Tls::opportunistic;
}

Result<std::string> preamble(const ClientOptions& options) {
  if (!options.proxy_header) return std::string();
  const auto& asked = *options.proxy_header;
  const proxy::Header header{asked.source.empty(), asked.source.find(':') != std::string::npos,
                             asked.source,         asked.source_port,
                             asked.destination,    asked.destination_port};
  return asked.version == 1 ? proxy::format_v1(header) : proxy::format_v2(header);
}

Result<sasl::Credentials> credentials_of(const Login& login, const Url& url,
                                         const ClientOptions& options) {
  sasl::Credentials credentials{.user = login.user,
                                .authorize_as = login.authorize_as,
                                .password = login.password,
                                .token = login.token,
                                .certificate = !options.tls.client_certificate.empty()};
  if (!login.fetch_token) return credentials;
  auto token = login.fetch_token();
  if (!token) {
    auto error = token.error();
    error.stage = Stage::auth;
    if (error.where.empty()) error.where = url.server();
    return error;
  }
  credentials.token = std::move(*token);
  return credentials;
}

// The login of a URL is for that server, and no other login is: a pool's, for example, is for the
// relays whose URL has none. For the same user the URL may leave the rest to `login`.
void take_login_of_url(const Url& url, std::optional<Login>& login) {
  if (url.user.empty()) return;
  if (!login || login->user != url.user)
    login = Login{url.user, url.password, {}};
  else if (!url.password.empty())
    login->password = url.password;
}

}  // namespace

Result<Url> settle(std::string_view text, std::optional<Login>& login, ClientOptions& options) {
  auto url = parse_url(text);
  if (!url) return url;
  take_login_of_url(*url, login);
  // smtps:// is TLS before the greeting, also when an option merely requires TLS.
  if (options.tls.policy == Tls::automatic ||
      (url->tls == Tls::implicit && options.tls.policy != Tls::never))
    options.tls.policy = url->tls;
  if (url->insecure_allow_legacy_tls) options.tls.insecure_allow_legacy_tls = true;
  if (!url->names_port) {
    url->port = options.tls.policy == Tls::implicit ? 465 : url->lmtp ? 24 : login ? 587 : 25;
  }
  return url;
}

Result<smtp::ClientOptions> machine_options(const Url& url, const std::optional<Login>& login,
                                            const ClientOptions& options) {
  smtp::ClientOptions machine;
  machine.server = url.server();
  machine.host = url.host;
  machine.port = url.port;
  if (!options.helo_name.empty()) machine.name = options.helo_name;
  machine.plain_helo = options.plain_helo;
  machine.lmtp = options.lmtp || url.lmtp;
  machine.chunking = options.chunking;
  machine.drops_options = options.drop_unsupported_options;
  machine.xclient = options.xclient;
  machine.stop_after = options.stop_after;
  machine.cuts = options.cut_there;
  for (const auto& keyword : options.ignored_extensions) machine.ignored.push_back(upper(keyword));
  machine.tls = decide(options.tls.policy, login.has_value());
  machine.allow_password_in_clear = options.allow_password_in_clear;
  machine.name_of_password_in_clear = options.names.password_in_clear;
  machine.name_of_user = options.names.user;
  machine.name_of_password = options.names.password;
  machine.pipelining = options.pipelining;
  machine.recipient_policy = options.recipient_policy;
  machine.timeouts.command = options.timeouts.command;
  machine.timeouts.greeting =
      options.timeouts.greeting.count() > 0 ? options.timeouts.greeting : options.timeouts.command;
  machine.timeouts.data = std::min(machine.timeouts.data, options.timeouts.command);
  machine.timeouts.data_block = std::min(machine.timeouts.data_block, options.timeouts.command);
  machine.timeouts.handshake = std::min(machine.timeouts.handshake, options.timeouts.command);
  machine.timeouts.end_of_data = options.timeouts.end_of_data;
  if (login) {
    auto credentials = credentials_of(*login, url, options);
    if (!credentials) return credentials.error();
    machine.login = std::move(*credentials);
    machine.mechanism = login->mechanism;
  }
  auto header = preamble(options);
  if (!header) return header.error();
  machine.preamble = std::move(*header);
  return machine;
}

Result<SendReport> judge(const std::optional<Error>& error, SendReport report) {
  if (!error) return report;
  const bool decided =
      report.any(Outcome::refused) || report.any(Outcome::unknown) || report.any(Outcome::accepted);
  if (!decided) return *error;
  return report;
}

}  // namespace postroad::client
