// The settings of the sendmail entry: sendmail.toml, two environment variables, and the client that
// follows from them; see sendmail.hpp.
#include <unistd.h>

#include <cstdlib>

#include "base/text.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/sendmail.hpp"
#include "client/url.hpp"
#include "config/file.hpp"
#include "daemon/settings.hpp"
#include "mail/address/mailbox.hpp"

namespace postroad::cli {

using namespace daemon;

const config::Section<SendmailSettings>& sendmail_declaration() {
  static const auto made = [] {
    config::Section<SendmailSettings> s;
    s.option("server", &SendmailSettings::server, "URL of the server that accepts the messages.");
    s.option("user", &SendmailSettings::user, "Log in as this user. Empty: no login.");
    s.option("password_file", &SendmailSettings::password_file,
             "The password is the first line of this file.");
    s.option("ca_file", &SendmailSettings::ca_file,
             "Trust these CA certificates (PEM) instead of the system's.");
    s.option("allow_password_in_clear", &SendmailSettings::allow_password_in_clear,
             "Insecure: send the password without TLS too.");
    s.option("domain", &SendmailSettings::domain,
             "Domain for addresses without @. Empty: the name of this machine.");
    s.option("data", &SendmailSettings::data,
             "Data folder of the server whose queue -bp and mailq list.");
    s.option("timeout", &SendmailSettings::timeout, "Time to connect, and for each reply.");
    return s;
  }();
  return made;
}

Result<SendmailSettings> load_sendmail_settings() {
  SendmailSettings settings;
  const auto* named = std::getenv("POSTROAD_SENDMAIL_CONFIG");
  const auto* home = std::getenv("HOME");
  std::vector<std::string> files{"/etc/postroad/sendmail.toml"};
  if (home != nullptr) files.push_back(std::string(home) + "/.config/postroad/sendmail.toml");
  if (named != nullptr) files = {named};
  for (const auto& file : files) {
    if (named == nullptr && ::access(file.c_str(), F_OK) != 0) continue;
    const auto text = read_all(file);
    if (!text) return text.error();
    const auto loaded = config::load_toml(*text, file, sendmail_declaration(), settings);
    if (!loaded) return loaded.errors.front();
  }
  if (const auto* server = std::getenv("POSTROAD_SENDMAIL_SERVER")) settings.server = server;
  if (settings.domain.empty()) settings.domain = system_hostname();
  if (!mail::is_domain(settings.domain))
    return fail(Fault::input, "domain", "not a domain: " + printable(settings.domain, 80));
  if (const auto url = client::parse_url(settings.server); !url)
    return fail(Fault::input, "server", url.error().text());
  return settings;
}

Result<Client> sendmail_client(const SendmailSettings& settings, RecipientPolicy policy) {
  ClientOptions options;
  options.tls.ca_file = settings.ca_file.string();
  options.allow_password_in_clear = settings.allow_password_in_clear;
  if (settings.allow_password_in_clear) options.tls.policy = Tls::opportunistic;
  options.names = {.ca_file = "ca_file",
                   .pinned_keys = {},
                   .client_certificate = {},
                   .legacy_tls = "insecure_allow_legacy_tls=yes in the URL of server",
                   .password_in_clear = "allow_password_in_clear"};
  options.timeouts.connect = options.timeouts.command = settings.timeout;
  // The reply to the final dot may take minutes (RFC 5321 section 4.5.3.2.6).
  if (settings.timeout != SendmailSettings{}.timeout)
    options.timeouts.end_of_data = settings.timeout;
  options.recipient_policy = policy;
  options.drop_unsupported_options = true;  // -N and -R are requests, not demands
  if (settings.user.empty()) return Client(settings.server, std::move(options));
  if (settings.password_file.empty())
    return fail(Fault::input, "user", "needs password_file, whose first line is the password");
  auto password = Secret::from_file(settings.password_file.string());
  if (!password) return password.error();
  return Client(settings.server, Login{settings.user, std::move(*password)}, std::move(options));
}

}  // namespace postroad::cli
