// The flags of ServerFlags, and the client options that they give.
#include "cli/flags/server_flags.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "base/text.hpp"
#include "cli/terminal.hpp"
#include "client/url.hpp"
#include "net/tls.hpp"
#include "proto/sasl/mechanism.hpp"

namespace postroad::cli {

namespace {

using config::Completion;
using Flags = std::vector<config::Flag>;

Flags login_flags(ServerFlags& to, bool by_hand) {
  return {{.name = "server",
           .letter = 's',
           .value = "URL",
           .doc = "smtp://host:port, smtps://host, or host:port. Without a port it is 25, " +
                  std::string(by_hand ? "with a user in the URL" : "with a login") +
                  " 587; 465 for smtps://, 24 for lmtp://.",
           .target = &to.server,
           .typed = &to.server_typed},
          {.name = "user",
           .letter = 'u',
           .value = "NAME",
           .doc = "Log in as this user. Asks for the password unless a flag gives it.",
           .target = &to.user,
           .typed = &to.user_typed},
          {.name = "password-file",
           .value = "FILE",
           .doc = "The password is the first line of this file.",
           .target = &to.password_file,
           .completion = Completion::file,
           .excludes = {"--password-env", "--password-command", "--token-env", "--token-command"}},
          {.name = "password-env",
           .value = "NAME",
           .doc = "The password is in this environment variable.",
           .target = &to.password_env,
           .excludes = {"--password-command", "--token-env", "--token-command"}},
          {.name = "password-command",
           .value = "COMMAND",
           .doc = "The password is the first line that this command prints.",
           .target = &to.password_command,
           .excludes = {"--token-env", "--token-command"}},
          {.name = "auth",
           .value = "MECHANISM",
           .doc = std::string(by_hand ? "AUTH alone uses this mechanism, and no other is sent."
                                      : "Use only this mechanism.") +
                  " With XOAUTH2 and OAUTHBEARER the password is the token.",
           .target = &to.mechanism,
           .words = {sasl::mechanisms().begin(), sasl::mechanisms().end()},
           .default_text =
               by_hand ? "the one that is typed" : "the strongest that client and server support"},
          {.name = "token-env",
           .value = "NAME",
           .doc = "An OAuth 2 access token is in this environment variable.",
           .target = &to.token_env,
           .excludes = {"--token-command"}},
          {.name = "token-command",
           .value = "COMMAND",
           .doc = "An OAuth 2 access token is the first line that this command prints.",
           .target = &to.token_command},
          {.name = "authorize-as",
           .value = "NAME",
           .doc = "Act as this user (SASL authorization identity).",
           .target = &to.authorize_as,
           .excludes = {"--token-env", "--token-command"}}};
}

Flags session_flags(ServerFlags& to, bool by_hand) {
  return {
      {.name = "helo",
       .value = "NAME",
       .doc = "Name for EHLO.",
       .target = &to.helo,
       .default_text = "the local IP address"},
      {.name = "plain-helo",
       .doc = "Send HELO instead of EHLO, so that no extensions are used.",
       .target = &to.plain_helo},
      {.name = "require-tls",
       .doc = "Require TLS to this server.",
       .target = &to.require_tls,
       .default_text = by_hand ? "TLS begins when STARTTLS is typed, or with smtps://"
                               : "required with a login; else TLS is used if the server offers it"},
      {.name = "no-tls",
       .doc = "Never use TLS, even if the server offers it.",
       .target = &to.no_tls,
       .excludes = {"--require-tls", "--ca-file", "--certificate", "--key", "--pin",
                    "--insecure-accept-any-certificate", "--insecure-allow-legacy-tls"}}};
}

Flags trust_flags(ServerFlags& to) {
  return {{.name = "ca-file",
           .value = "FILE",
           .doc = "Trust these CA certificates (PEM).",
           .target = &to.ca_file,
           .default_text = "those of the system",
           .completion = Completion::file},
          {.name = "certificate",
           .value = "FILE",
           .doc = "Client certificate (PEM). With --auth EXTERNAL it is the login.",
           .target = &to.certificate,
           .completion = Completion::file},
          {.name = "key",
           .value = "FILE",
           .doc = "Private key of --certificate (PEM).",
           .target = &to.key,
           .default_text = "in the file of --certificate",
           .completion = Completion::file},
          {.name = "pin",
           .value = "DIGEST",
           .doc = "Trust a server with this public key, sha256:BASE64, whatever its name and "
                  "CA.",
           .target = &to.pins},
          {.name = "proxy",
           .value = "URL",
           .doc = "Connect through socks5://[user:password@]host[:port] or http://…; without a "
                  "port 1080 or 8080.",
           .target = &to.proxy}};
}

Flags risk_flags(ServerFlags& to, bool by_hand) {
  const auto end_of_data = " Without this flag the reply to the end of the message may take " +
                           config::format(ClientTimeouts{}.end_of_data) + ".";
  return {{.name = "allow-password-in-clear",
           .doc = "Insecure: send the password without TLS too.",
           .target = &to.allow_password_in_clear},
          {.name = "insecure-accept-any-certificate",
           .doc = "Insecure: encrypt without verifying the server.",
           .target = &to.insecure,
           .excludes = {"--ca-file", "--pin"}},
          {.name = "insecure-allow-legacy-tls",
           .doc = "Insecure: allow TLS 1.2 with RSA key exchange and CBC ciphers.",
           .target = &to.legacy_tls},
          {.name = "timeout",
           .value = "TIME",
           .doc = "Time to connect, and for each reply." + (by_hand ? std::string() : end_of_data),
           .target = &to.timeout,
           .default_text = '`' + config::format(default_timeout) + '`',
           .positive = true}};
}

}  // namespace

void ServerFlags::add_to(std::vector<config::Flag>& flags, bool by_hand) {
  for (const auto& group : {login_flags(*this, by_hand), session_flags(*this, by_hand),
                            trust_flags(*this), risk_flags(*this, by_hand)})
    flags.insert(flags.end(), group.begin(), group.end());
}

namespace {

Result<void> check_pin(const std::string& pin) {
  constexpr std::string_view method = "sha256:";
  constexpr std::size_t digest_size = 32;
  const auto digest =
      pin.starts_with(method) ? base64_decode(pin.substr(method.size())) : std::nullopt;
  if (digest && digest->size() == digest_size) return {};
  return fail(
      Fault::input, "--pin " + printable(pin, 80),
      "not a pinned key; write sha256: and the base64 of the SHA-256 digest of the server's "
      "public key");
}

bool is_helo_name(std::string_view name) {
  return !name.empty() &&
         std::none_of(name.begin(), name.end(), [](char c) { return is_control(c) || c == ' '; });
}

Result<void> check_proxy(const std::string& url) {
  const auto parsed = client::parse_proxy(url);
  if (parsed) return {};
  // A URL with a login holds a password, which no error shows.
  const bool may_show = url.find('@') == std::string::npos;
  return fail(
      Fault::input, may_show ? "--proxy " + printable(url, 80) : "--proxy",
      parsed.error().where.starts_with("the URL")
          ? parsed.error().text()
          : "not the URL of a proxy; write socks5://[user:password@]host[:port] or http://…");
}

}  // namespace

namespace {

// Flags that would have no effect beside others; pairs of flags are in Flag::excludes.
Result<void> check_together(const ServerFlags& flags) {
  const auto url = client::parse_url(flags.server);
  const bool is_lmtp = url && url->lmtp;
  const bool is_smtps = url && url->tls == Tls::implicit;
  const struct {
    bool is_wrong;
    const char* flags;
    const char* why;
  } pairs[] = {
      {flags.plain_helo && is_lmtp, "--plain-helo", "LMTP has no HELO; leave the flag out"},
      {flags.plain_helo && flags.require_tls && !is_smtps, "--plain-helo, --require-tls",
       "HELO offers no STARTTLS; give one, or use smtps://"},
      {flags.key && !flags.certificate, "--key", "needs --certificate, whose private key it is"}};
  for (const auto& pair : pairs) {
    if (pair.is_wrong) return fail(Fault::input, pair.flags, pair.why);
  }
  return {};
}

// Before anything is sent: what TLS would refuse after STARTTLS. A pipe can be read once only, and
// is left to TLS.
Result<void> check_tls_files(const ServerFlags& flags) {
  const std::array<std::pair<std::string, const std::optional<std::string>*>, 3> files{
      {{"--ca-file", &flags.ca_file},
       {"--certificate", &flags.certificate},
       {"--key", &flags.key}}};
  bool can_be_read_twice = true;
  for (const auto& [flag, path] : files) {
    if (auto readable = check_file(flag, *path); !readable) return readable;
    std::error_code error;
    if (*path && !std::filesystem::is_regular_file(**path, error)) can_be_read_twice = false;
  }
  if (!can_be_read_twice || (!flags.ca_file && !flags.certificate)) return {};
  const auto context = net::TlsContext::client({.verify = flags.ca_file.has_value(),
                                                .ca_file = flags.ca_file.value_or(""),
                                                .certificate = flags.certificate.value_or(""),
                                                .key = flags.key.value_or("")});
  if (context) return {};
  auto error = context.error();
  for (const auto& [flag, path] : files) {
    if (*path != error.where) continue;
    error.where = flag + ' ' + printable(error.where, 200);
    break;
  }
  return fail(Fault::data, error.where, error.detail);
}

}  // namespace

Result<void> check(const ServerFlags& flags) {
  if (const auto right = check_together(flags); !right) return right;
  if (flags.helo && !is_helo_name(*flags.helo))
    return fail(Fault::input, "--helo '" + printable(*flags.helo, 80) + "'",
                "expected a name without spaces and control characters, such as mail.example.org");
  for (const auto& pin : flags.pins) {
    if (const auto right = check_pin(pin); !right) return right;
  }
  if (flags.proxy) {
    if (const auto right = check_proxy(*flags.proxy); !right) return right;
  }
  if (const auto right = check_tls_files(flags); !right) return right;
  if (const auto right = check_file("--password-file", flags.password_file); !right) return right;
  return check_password_sources(flags);
}

ClientOptions client_options(const ServerFlags& flags) {
  ClientOptions options;
  if (flags.require_tls) options.tls.policy = Tls::required;
  if (flags.no_tls) options.tls.policy = Tls::never;
  // A password is allowed in plaintext for a server without TLS; TLS is still used where it is
  // offered.
  if (flags.allow_password_in_clear && !flags.require_tls && !flags.no_tls &&
      !flags.server.starts_with("smtps"))
    options.tls.policy = Tls::opportunistic;
  options.tls.ca_file = flags.ca_file.value_or("");
  options.tls.insecure_accept_any_certificate = flags.insecure;
  options.tls.insecure_allow_legacy_tls = flags.legacy_tls;
  options.tls.client_certificate = flags.certificate.value_or("");
  options.tls.client_key = flags.key.value_or("");
  options.tls.pinned_keys = flags.pins;
  options.proxy = flags.proxy.value_or("");
  options.allow_password_in_clear = flags.allow_password_in_clear;
  options.names = {.ca_file = "--ca-file FILE",
                   .pinned_keys = "--pin sha256:…",
                   .client_certificate = "--certificate FILE",
                   .legacy_tls = "--insecure-allow-legacy-tls",
                   .password_in_clear = "--allow-password-in-clear"};
  options.helo_name = flags.helo.value_or("");
  options.plain_helo = flags.plain_helo;
  options.timeouts.connect = options.timeouts.command = flags.timeout.value_or(default_timeout);
  // The reply to the final dot may take minutes (RFC 5321 section 4.5.3.2.6), unless --timeout is
  // given.
  if (flags.timeout) options.timeouts.end_of_data = *flags.timeout;
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
