// From the flags of the login and the URL to a Login. Not here: the prompt (terminal.hpp).
#include <signal.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <memory>

#include "base/text.hpp"
#include "cli/flags/server_flags.hpp"
#include "cli/terminal.hpp"
#include "client/url.hpp"
#include "proto/sasl/mechanism.hpp"

namespace postroad::cli {

namespace {

constexpr std::size_t most_output = 65'536;  // bytes of a command that prints a password

// Why the command gave no password; empty: it ended with 0.
std::string reason_of(int status) {
  if (status == -1) return "its exit code is unknown";
  if (WIFSIGNALED(status)) return "it was ended by signal " + std::to_string(WTERMSIG(status));
  if (WEXITSTATUS(status) == 0) return {};
  return "it ended with exit code " + std::to_string(WEXITSTATUS(status));
}

// The first line that the command prints. The rest is read, too, so that the command can end.
Result<Secret> from_command(const std::string& flag, const std::string& command) {
  ::signal(SIGCHLD, SIG_DFL);  // where it is ignored, the kernel discards exit codes
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "re"), ::pclose);
  if (!pipe) return fail(Fault::data, flag, "the command cannot be started");
  std::string output;
  std::array<char, 4096> part;
  while (output.size() <= most_output) {
    const auto size = std::fread(part.data(), 1, part.size(), pipe.get());
    if (size == 0) break;
    output.append(part.data(), size);
  }
  const auto why = reason_of(::pclose(pipe.release()));
  if (output.size() > most_output)
    return fail(Fault::data, flag,
                "the command printed more than " + std::to_string(most_output) +
                    " bytes; print the password alone");
  if (!why.empty())
    return fail(Fault::data, flag, "the command failed: " + why + "; run it by hand");
  auto line = output.substr(0, output.find('\n'));
  if (line.size() < output.size() && line.ends_with('\r')) line.pop_back();
  if (line.empty()) return fail(Fault::data, flag, "the command printed nothing");
  return Secret(std::move(line));
}

// The flags that give a password or a token.
std::vector<std::string> password_sources(const ServerFlags& flags) {
  std::vector<std::string> given;
  const auto add = [&](const char* name, const std::optional<std::string>& value) {
    if (value) given.emplace_back(name);
  };
  add("--password-file", flags.password_file);
  add("--password-env", flags.password_env);
  add("--password-command", flags.password_command);
  add("--token-env", flags.token_env);
  add("--token-command", flags.token_command);
  return given;
}

bool is_login_by_certificate(const ServerFlags& flags, const client::Url& url) {
  return flags.certificate && !flags.user && url.user.empty() && flags.mechanism == "EXTERNAL";
}

Result<Secret> read_token(const ServerFlags& flags) {
  auto token = flags.token_env ? Result<Secret>(Secret::from_env(flags.token_env->c_str()))
                               : from_command("--token-command", *flags.token_command);
  if (token && token->empty() && flags.token_env)
    return fail(Fault::data, "--token-env " + *flags.token_env, variable_not_set);
  return token;
}

Result<Secret> read_password(const ServerFlags& flags, const Login& login,
                             const std::string& server) {
  auto password =
      flags.password_file      ? Secret::from_file(*flags.password_file)
      : flags.password_env     ? Result<Secret>(Secret::from_env(flags.password_env->c_str()))
      : flags.password_command ? from_command("--password-command", *flags.password_command)
      : login.password.empty()
          ? ask_password("password of " + printable(login.user) + " at " + server,
                         "--password-file, --password-env or --password-command")
          : Result<Secret>(login.password);
  if (password && password->empty())
    return flags.password_env
               ? fail(Fault::data, "--password-env " + *flags.password_env, variable_not_set)
               : fail(Fault::data, login.user, "the password is empty");
  return password;
}

}  // namespace

Result<void> check_password_sources(const ServerFlags& flags) {
  const auto sources = password_sources(flags);
  if (flags.authorize_as && flags.mechanism && !sasl::can_authorize(*flags.mechanism))
    return fail(Fault::input, "--authorize-as, --auth " + *flags.mechanism,
                "this mechanism cannot carry the name of another user; use one of SCRAM or PLAIN");
  const auto url = client::parse_url(flags.server);
  if (!url || url->user.empty()) return {};  // a wrong URL is reported where it is used
  const auto server = config::as_typed(flags.server_typed, "--server");
  if (flags.user && *flags.user != url->user)
    return fail(Fault::input,
                config::as_typed(flags.user_typed, "--user") + ' ' + printable(*flags.user, 80),
                "the URL of " + server + " names another user; give one");
  if (!sources.empty() && !url->password.empty())
    return fail(Fault::input, sources[0],
                "the URL of " + server + " has a password, too; give one");
  return {};
}

Result<void> check_login(const ServerFlags& flags) {
  const auto url = client::parse_url(flags.server);
  if (!url || flags.user || !url->user.empty()) return {};
  const auto sources = password_sources(flags);
  if (is_login_by_certificate(flags, *url)) {
    if (sources.empty()) return {};
    return fail(Fault::input, sources[0],
                "with --auth EXTERNAL the login is the certificate of --certificate and has no "
                "password; leave it out");
  }
  const std::string flag = !sources.empty()     ? sources[0]
                           : flags.mechanism    ? "--auth " + *flags.mechanism
                           : flags.authorize_as ? "--authorize-as"
                                                : "";
  if (flag.empty()) return {};
  return fail(
      Fault::input, flag,
      flags.mechanism == "EXTERNAL"
          ? "needs --certificate, which is the login, or --user"
          : "needs --user, or a user in the URL of --server: without one there is no login");
}

Result<std::optional<Login>> login_of(const ServerFlags& flags) {
  const auto url = client::parse_url(flags.server);
  if (!url) return url.error();
  if (is_login_by_certificate(flags, *url))
    return std::optional<Login>(Login::certificate(flags.authorize_as.value_or("")));
  if (!flags.user && url->user.empty()) return std::optional<Login>();
  const auto user = flags.user ? *flags.user : url->user;
  if (flags.token_env || flags.token_command) {
    auto token = read_token(flags);
    if (!token) return token.error();
    auto oauth = Login::oauth(user, std::move(*token));
    oauth.mechanism = flags.mechanism.value_or("");
    return std::optional<Login>(std::move(oauth));
  }
  Login login{user, url->password, flags.mechanism.value_or("")};
  login.authorize_as = flags.authorize_as.value_or("");
  auto password = read_password(flags, login, url->server());
  if (!password) return password.error();
  // With a mechanism of tokens, that is what the password flags carry.
  const bool is_token = login.mechanism.find("OAUTH") != std::string::npos;
  (is_token ? login.token : login.password) = std::move(*password);
  return std::optional<Login>(std::move(login));
}

Result<std::optional<Login>> login_beside_urls(const ServerFlags& flags, bool has_relays) {
  const auto url = client::parse_url(flags.server);
  if (!url) return url.error();
  const bool is_of_url = !flags.user && !url->user.empty();
  const bool is_whole = !url->password.empty() && !flags.mechanism && !flags.authorize_as;
  if (is_of_url && is_whole) return std::optional<Login>();
  if (is_of_url && has_relays)
    return fail(Fault::input, "--relay",
                "the user in the URL of " + config::as_typed(flags.server_typed, "--server") +
                    " is for that server alone, and the other flags of the login are for every "
                    "server; use --user, or give the complete login in the URL");
  return login_of(flags);
}

}  // namespace postroad::cli
