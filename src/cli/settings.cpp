// Declaration and loading of the server's settings; see settings.hpp.
#include "cli/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "config/file.hpp"
#include "config/override.hpp"
#include "mail/mailbox.hpp"
#include "relay/rules.hpp"

namespace postroad::cli {

namespace {

using config::Section;

Section<ListenerConfig> declare_listener() {
  Section<ListenerConfig> s;
  s.option("address", &ListenerConfig::address,
           "The IP address to listen on; 0.0.0.0 and :: are all of this machine.");
  s.option("port", &ListenerConfig::port, "The TCP port; 0 lets the kernel choose.");
  s.option("role", &ListenerConfig::role,
           {{"catch_all", server::Role::catch_all},
            {"relay_in", server::Role::relay_in},
            {"submission", server::Role::submission}},
           "What the listener is for: catch_all keeps every mail, relay_in takes mail for the "
           "local domains, submission takes mail from users who log in.");
  s.option(
      "tls", &ListenerConfig::tls,
      {{"none", smtp::TlsMode::none},
       {"offered", smtp::TlsMode::offered},
       {"required", smtp::TlsMode::required},
       {"implicit", smtp::TlsMode::implicit}},
      "STARTTLS not offered, offered or required; implicit: TLS before the greeting (port 465).");
  s.option("certificate", &ListenerConfig::certificate,
           "PEM file with the certificate and its chain.");
  s.option("key", &ListenerConfig::key,
           "PEM file with the private key; empty: it stands in the certificate's file.");
  s.option("auth", &ListenerConfig::auth, "Offers AUTH to the users of server.users.");
  s.option("auth_required", &ListenerConfig::auth_required,
           "Takes no mail before AUTH; always so for submission.");
  s.option("allow_auth_in_clear", &ListenerConfig::allow_auth_in_clear,
           "Weakens: AUTH also without TLS, so that passwords can be read on the way.");
  s.option("allow_bare_addresses", &ListenerConfig::allow_bare_addresses,
           "Takes `MAIL FROM: a@b` without angle brackets, as people type it.");
  s.option("keep_bare_line_ends", &ListenerConfig::keep_bare_line_ends,
           "Weakens: keeps a message with a bare CR or LF as it came, in place of refusing it.");
  s.option("vrfy", &ListenerConfig::vrfy,
           "Weakens: answers VRFY truthfully, so that strangers learn who exists.");
  s.option("expn", &ListenerConfig::expn,
           "Weakens: answers EXPN truthfully, so that strangers learn who is on a list.");
  s.option("pipelining", &ListenerConfig::pipelining, "Offers PIPELINING.");
  s.option("eight_bit_mime", &ListenerConfig::eight_bit_mime, "Offers 8BITMIME.");
  s.option("smtputf8", &ListenerConfig::smtputf8, "Offers SMTPUTF8.");
  return s;
}

Section<LimitsConfig> declare_limits() {
  Section<LimitsConfig> s;
  s.option("message_size", &LimitsConfig::message_size,
           "Largest message taken; announced as SIZE.");
  s.option("recipients", &LimitsConfig::recipients, "Most recipients of one message; more get 452.")
      .between(1, 1'000'000);
  s.option("errors", &LimitsConfig::errors, "Refused commands before the session is closed.");
  s.option("auth_attempts", &LimitsConfig::auth_attempts,
           "Failed AUTH before the session is closed.")
      .between(1, 1000);
  s.option("command_line", &LimitsConfig::command_line, "Longest command line.")
      .between(config::Size{512}, config::Size{65536});
  s.option("command", &LimitsConfig::command, "Time from one command to the end of the next.");
  s.option("data_block", &LimitsConfig::data_block, "Time for each 64 KiB of a message.");
  s.option("transaction", &LimitsConfig::transaction,
           "Time for the text of one message, whatever its pace.");
  s.option("drain", &LimitsConfig::drain, "Time that sessions get to end at a stop.");
  return s;
}

Section<ServerConfig> declare_server() {
  Section<ServerConfig> s;
  s.option("hostname", &ServerConfig::hostname,
           "The server's own name, in greeting, replies and Received; empty: the system's.");
  s.option("data", &ServerConfig::data,
           "Folder for the spool and the mailboxes; made where it is missing.");
  s.option("users", &ServerConfig::users, "File of users for AUTH, made by `postroad user add`.");
  s.option("threads", &ServerConfig::threads, "Threads that serve sessions; 0: one a core.")
      .between(0, 256);
  return s;
}

Section<LocalConfig> declare_local() {
  Section<LocalConfig> s;
  s.option("domains", &LocalConfig::domains, "Domains whose mail stays here.");
  s.option("mailboxes", &LocalConfig::mailboxes,
           "Mailboxes: `user` for every local domain, or `user@domain`.");
  s.option("aliases", &LocalConfig::aliases,
           "Aliases: `name: address, address`; a target may be local or elsewhere.");
  s.option("catch_all", &LocalConfig::catch_all,
           "Gets the mail for local names that have no mailbox; empty: it is refused.");
  return s;
}

Section<DeliveryConfig> declare_delivery() {
  Section<DeliveryConfig> s;
  s.option("local", &DeliveryConfig::local,
           {{"maildir", Destination::maildir}, {"discard", Destination::discard}},
           "Where mail for here goes; discard throws every mail away, for measuring.");
  s.option("networks", &DeliveryConfig::networks,
           "Networks whose mail is relayed without login, as 192.0.2.0/24.");
  s.option("smarthost", &DeliveryConfig::smarthost,
           "URL of the server that gets mail for elsewhere, as smtp://relay.example:587; empty: "
           "there is none.");
  s.option("smarthost_user", &DeliveryConfig::smarthost_user, "User for AUTH at the smarthost.");
  s.option("smarthost_password", &DeliveryConfig::smarthost_password,
           "Password for it; better in the environment than in the file.");
  s.option("first_retry", &DeliveryConfig::first_retry,
           "Time after which a deferred recipient is tried again; it doubles with each try.")
      .between(config::Duration{10}, config::Duration{86'400'000});
  s.option("longest_retry", &DeliveryConfig::longest_retry, "The longest it grows to.")
      .between(config::Duration{10}, config::Duration{86'400'000});
  return s;
}

config::Section<Settings> declare() {
  Section<SpoolConfig> spool;
  spool.option("segment", &SpoolConfig::segment, "Size at which a new segment is begun.")
      .between(config::Size{1 << 16}, config::Size{1 << 30});
  spool.option("chunk", &SpoolConfig::chunk, "Octets of a message held in memory for each session.")
      .between(config::Size{4096}, config::Size{16 << 20});
  Section<LogConfig> log;
  log.option("format", &LogConfig::format,
             {{"text", LogFormat::text}, {"json", LogFormat::json}, {"none", LogFormat::none}},
             "Lines for people, JSON lines, or nothing; to standard error.");
  log.option("level", &LogConfig::level,
             {{"debug", observe::Level::debug},
              {"info", observe::Level::info},
              {"warning", observe::Level::warning},
              {"error", observe::Level::error}},
             "The least level that is written.");
  Section<Settings> s;
  s.table("server", &Settings::server, "The server as a whole.", declare_server());
  s.tables("listener", &Settings::listeners,
           "One for each address; none: 127.0.0.1:2525 that catches all.", declare_listener());
  s.table("local", &Settings::local, "Who lives here.", declare_local());
  s.table("delivery", &Settings::delivery, "Where mail goes.", declare_delivery());
  s.table("spool", &Settings::spool, "The store that holds mail until it is delivered.", spool);
  s.table("limits", &Settings::limits, "Limits of a session.", declare_limits());
  s.table("log", &Settings::log, "What is told, and how.", log);
  return s;
}

std::string place(const ListenerConfig& listener) {
  return "listener " + listener.address + ':' + std::to_string(listener.port);
}

void find_listener_faults(const Settings& settings, const ListenerConfig& listener,
                          std::vector<std::string>& faults) {
  const auto where = place(listener);
  const bool submission = listener.role == server::Role::submission;
  if (listener.tls != smtp::TlsMode::none && listener.certificate.empty())
    faults.push_back(where + ": tls needs a certificate; set certificate, or tls = \"none\"");
  if (listener.tls == smtp::TlsMode::none && !listener.certificate.empty())
    faults.push_back(
        where + ": there is a certificate but tls = \"none\"; set tls = \"offered\" or better");
  if ((listener.auth || submission) && settings.server.users.empty())
    faults.push_back(where + ": AUTH needs server.users, the file that `postroad user add` makes");
  if ((listener.auth || submission) && listener.tls == smtp::TlsMode::none &&
      !listener.allow_auth_in_clear) {
    faults.push_back(where +
                     ": AUTH without TLS would never be offered; set tls, or allow_auth_in_clear");
  }
  if (listener.role == server::Role::relay_in && settings.local.domains.empty() &&
      settings.delivery.networks.empty()) {
    faults.push_back(where + ": relay_in with no local.domains refuses every mail");
  }
}

}  // namespace

const config::Section<Settings>& declaration() {
  static const auto made = declare();
  return made;
}

std::string system_hostname() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || !mail::is_domain(name)) return "localhost";
  return name;
}

Result<Settings> load_settings(const std::string& path,
                               const std::vector<std::string>& assignments) {
  Settings settings;
  if (!path.empty()) {
    std::ifstream file(path);
    std::stringstream text;
    if (!file || !(text << file.rdbuf()))
      return fail(
          Fault::input, path,
          "the configuration cannot be read: it does not exist, may not be read, or is empty");
    const auto loaded = config::load_toml(text.str(), path, declaration(), settings);
    if (!loaded) return loaded.error();
  }
  const auto environment =
      config::load_environment(config::system_environment, declaration(), settings);
  if (!environment) return environment.error();
  for (const auto& assignment : assignments) {
    const auto set = config::set_option(assignment, declaration(), settings);
    if (!set) return set.error();
  }
  if (settings.server.hostname.empty()) settings.server.hostname = system_hostname();
  if (settings.listeners.empty()) {
    settings.listeners.emplace_back();
    settings.listeners.back().allow_bare_addresses = true;
  }
  return settings;
}

std::vector<std::string> find_faults(const Settings& settings) {
  std::vector<std::string> faults;
  if (!mail::is_domain(settings.server.hostname))
    faults.push_back("server.hostname: '" + settings.server.hostname + "' is no domain");
  for (const auto& listener : settings.listeners) find_listener_faults(settings, listener, faults);
  for (const auto& network : settings.delivery.networks) {
    const auto parsed = relay::Network::parse(network);
    if (!parsed) faults.push_back("delivery.networks: " + parsed.error().text());
  }
  const auto directory = relay::Directory::make(directory_settings(settings));
  if (!directory) faults.push_back("local: " + directory.error().text());
  return faults;
}

smtp::ServerOptions machine_options(const Settings& settings, const ListenerConfig& listener) {
  smtp::ServerOptions options;
  const bool submission = listener.role == server::Role::submission;
  options.hostname = settings.server.hostname;
  options.tls = listener.tls;
  options.auth = listener.auth || listener.auth_required || submission;
  options.auth_required = listener.auth_required || submission;
  options.allow_auth_in_clear = listener.allow_auth_in_clear;
  options.allow_bare_addresses = listener.allow_bare_addresses;
  options.bare_line_ends =
      listener.keep_bare_line_ends ? smtp::BareLineEnds::keep : smtp::BareLineEnds::refuse;
  options.vrfy = listener.vrfy;
  options.expn = listener.expn;
  options.pipelining = listener.pipelining;
  options.eight_bit_mime = listener.eight_bit_mime;
  options.smtputf8 = listener.smtputf8;
  auto& limits = options.limits;
  limits.message_size = settings.limits.message_size.octets;
  limits.recipients = settings.limits.recipients;
  limits.errors = settings.limits.errors;
  limits.auth_attempts = settings.limits.auth_attempts;
  limits.command_line = settings.limits.command_line.octets;
  limits.command = settings.limits.command;
  limits.data_block = settings.limits.data_block;
  limits.transaction = settings.limits.transaction;
  return options;
}

relay::DirectorySettings directory_settings(const Settings& settings) {
  return {settings.local.domains, settings.local.mailboxes, settings.local.aliases,
          settings.local.catch_all};
}

}  // namespace postroad::cli
