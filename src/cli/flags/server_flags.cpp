// The flags of ServerFlags, and the client that they describe.
#include "cli/flags/server_flags.hpp"

#include <cstdio>
#include <memory>

#include "cli/terminal.hpp"
#include "client/url.hpp"
#include "proto/sasl/mechanism.hpp"

namespace postroad::cli {

void ServerFlags::add_to(std::vector<config::Flag>& flags) {
  using config::Completion;
  flags.push_back({.name = "server",
                   .letter = 's',
                   .value = "URL",
                   .doc = "smtp://host:port, smtps://host, or host:port.",
                   .target = &server});
  flags.push_back({.name = "user",
                   .letter = 'u',
                   .value = "NAME",
                   .doc = "Log in as this user; without a password flag it is asked for.",
                   .target = &user});
  flags.push_back({.name = "password-file",
                   .value = "FILE",
                   .doc = "The password is the first line of this file.",
                   .target = &password_file,
                   .completion = Completion::file});
  flags.push_back({.name = "password-env",
                   .value = "NAME",
                   .doc = "The password is in this environment variable.",
                   .target = &password_env});
  flags.push_back({.name = "password-command",
                   .value = "COMMAND",
                   .doc = "The password is the first line that this command prints.",
                   .target = &password_command});
  flags.push_back({.name = "auth",
                   .value = "MECHANISM",
                   .doc =
                       "Only this mechanism; otherwise the strongest both know. With XOAUTH2 and "
                       "OAUTHBEARER the password is the token.",
                   .target = &mechanism,
                   .words = {sasl::mechanisms().begin(), sasl::mechanisms().end()}});
  flags.push_back({.name = "token-env",
                   .value = "NAME",
                   .doc = "An OAuth 2 access token is in this environment variable.",
                   .target = &token_env});
  flags.push_back({.name = "token-command",
                   .value = "COMMAND",
                   .doc = "An OAuth 2 access token is the first line that this command prints.",
                   .target = &token_command});
  flags.push_back({.name = "authorize-as",
                   .value = "NAME",
                   .doc = "Act as this user, where the server lets the one who logs in.",
                   .target = &authorize_as});
  flags.push_back({.name = "helo",
                   .value = "NAME",
                   .doc = "What EHLO says; otherwise the connection's own address.",
                   .target = &helo});
  flags.push_back({.name = "plain-helo",
                   .doc = "HELO in place of EHLO: no extensions.",
                   .target = &plain_helo});
  flags.push_back({.name = "require-tls",
                   .doc = "STARTTLS, or nothing is sent; so by itself with a user.",
                   .target = &require_tls});
  flags.push_back(
      {.name = "no-tls", .doc = "Plain text, whatever the server offers.", .target = &no_tls});
  flags.push_back({.name = "ca-file",
                   .value = "FILE",
                   .doc = "Trust these roots (PEM) in place of the system's.",
                   .target = &ca_file,
                   .completion = Completion::file});
  flags.push_back({.name = "certificate",
                   .value = "FILE",
                   .doc = "Show this certificate (PEM); alone, log in by it (EXTERNAL).",
                   .target = &certificate,
                   .completion = Completion::file});
  flags.push_back({.name = "key",
                   .value = "FILE",
                   .doc = "Its key (PEM); otherwise it stands in the certificate's file.",
                   .target = &key,
                   .completion = Completion::file});
  flags.push_back({.name = "pin",
                   .value = "DIGEST",
                   .doc =
                       "Trust a server with this public key, sha256:BASE64, whatever its name and "
                       "roots; may be given several times.",
                   .target = &pins});
  flags.push_back({.name = "proxy",
                   .value = "URL",
                   .doc = "Go through socks5://[user:password@]host[:port] or http://…",
                   .target = &proxy});
  flags.push_back({.name = "allow-password-in-clear",
                   .doc = "Weakens: sends the password without TLS too.",
                   .target = &allow_password_in_clear});
  flags.push_back({.name = "insecure-accept-any-certificate",
                   .doc = "Weakens: encrypts without knowing with whom.",
                   .target = &insecure});
  flags.push_back({.name = "insecure-allow-legacy-tls",
                   .doc = "Insecure: TLS 1.2 also with RSA key exchange and CBC ciphers.",
                   .target = &legacy_tls});
  flags.push_back({.name = "timeout",
                   .value = "TIME",
                   .doc = "To connect, and for each reply.",
                   .target = &timeout});
}

namespace {

Result<Secret> from_command(const std::string& flag, const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  if (!pipe) return fail(Fault::input, flag, "the command cannot be started");
  std::string line;
  for (int c = std::fgetc(pipe.get()); c != EOF && c != '\n'; c = std::fgetc(pipe.get()))
    line += static_cast<char>(c);
  if (line.empty()) return fail(Fault::input, flag, "the command printed nothing");
  return Secret(std::move(line));
}

}  // namespace

Result<std::optional<Login>> login_of(const ServerFlags& flags) {
  const auto url = client::parse_url(flags.server);
  if (!url) return url.error();
  const bool by_certificate = flags.certificate && !flags.user && url->user.empty();
  if (by_certificate && flags.mechanism == "EXTERNAL")
    return std::optional<Login>(Login::certificate(flags.authorize_as.value_or("")));
  if (!flags.user && url->user.empty()) return std::optional<Login>();
  if (flags.token_env || flags.token_command) {
    auto token = flags.token_env ? Result<Secret>(Secret::from_env(flags.token_env->c_str()))
                                 : from_command("--token-command", *flags.token_command);
    if (!token) return token.error();
    if (token->empty()) return fail(Fault::input, token->origin(), "the token is empty");
    auto oauth = Login::oauth(flags.user ? *flags.user : url->user, std::move(*token));
    oauth.mechanism = flags.mechanism.value_or("");
    return std::optional<Login>(std::move(oauth));
  }
  Login login{flags.user ? *flags.user : url->user, url->password, flags.mechanism.value_or("")};
  login.authorize_as = flags.authorize_as.value_or("");
  Result<Secret> password = login.password;
  if (flags.password_file)
    password = Secret::from_file(*flags.password_file);
  else if (flags.password_env)
    password = Secret::from_env(flags.password_env->c_str());
  else if (flags.password_command)
    password = from_command("--password-command", *flags.password_command);
  else if (login.password.empty())
    password = ask_password("Password of " + login.user + " at " + url->server());
  if (!password) return password.error();
  if (password->empty())
    return fail(Fault::input, login.user,
                "the password is empty" +
                    (password->origin().empty() ? "" : " (" + password->origin() + ")"));
  // With a mechanism of tokens, that is what the password flags carry.
  const bool is_token = login.mechanism.find("OAUTH") != std::string::npos;
  (is_token ? login.token : login.password) = std::move(*password);
  return std::optional<Login>(std::move(login));
}

ClientOptions client_options(const ServerFlags& flags) {
  ClientOptions options;
  if (flags.require_tls) options.tls = Tls::required;
  if (flags.no_tls) options.tls = Tls::never;
  // Whoever allows the password in clear has a server without TLS in mind; TLS is still used where
  // it is offered.
  if (flags.allow_password_in_clear && !flags.require_tls && !flags.no_tls &&
      !flags.server.starts_with("smtps"))
    options.tls = Tls::opportunistic;
  options.ca_file = flags.ca_file.value_or("");
  options.insecure_accept_any_certificate = flags.insecure;
  options.insecure_allow_legacy_tls = flags.legacy_tls;
  options.client_certificate = flags.certificate.value_or("");
  options.client_key = flags.key.value_or("");
  options.pinned_keys = flags.pins;
  options.proxy = flags.proxy.value_or("");
  options.allow_password_in_clear = flags.allow_password_in_clear;
  options.helo_name = flags.helo.value_or("");
  options.plain_helo = flags.plain_helo;
  options.connect_timeout = flags.timeout;
  options.command_timeout = flags.timeout;
  // The reply to the final dot may take its own long time, unless somebody asks for less.
  if (flags.timeout != ServerFlags{}.timeout) options.end_of_data_timeout = flags.timeout;
  return options;
}

std::function<void(std::string_view, std::string_view)> trace_printer(bool colour) {
  return [colour](std::string_view arrow, std::string_view line) {
    const bool refusal =
        arrow == "<-" && !line.empty() && (line.front() == '4' || line.front() == '5');
    const char* mark = arrow == "->" ? " -> " : arrow == "--" ? "=== " : refusal ? "<** " : "<-  ";
    const char* paint = !colour         ? ""
                        : refusal       ? "\x1b[31m"
                        : arrow == "->" ? "\x1b[36m"
                        : arrow == "--" ? "\x1b[2m"
                                        : "";
    std::fprintf(stderr, "%s%s%.*s%s\n", paint, mark, static_cast<int>(line.size()), line.data(),
                 *paint == '\0' ? "" : "\x1b[0m");
  };
}

}  // namespace postroad::cli
