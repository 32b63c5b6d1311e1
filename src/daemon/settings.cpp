// Declaration of the server's settings; see settings.hpp. Loading them is in load_settings.cpp.
#include "daemon/settings.hpp"

#include <unistd.h>

#include <algorithm>

#include "mail/address/mailbox.hpp"
#include "relay/local/rules.hpp"

namespace postroad::daemon {

namespace {

using config::Section;

constexpr config::Size largest_message{1ULL << 40};

Section<ListenerConfig> declare_listener() {
  Section<ListenerConfig> s;
  s.option("address", &ListenerConfig::address,
           "The IP address to listen on; 0.0.0.0 and :: are all of this machine.");
  s.option("port", &ListenerConfig::port, "The TCP port; 0 lets the kernel choose.");
  s.option("role", &ListenerConfig::role,
           {{"catcher", server::Role::catcher},
            {"mx", server::Role::mx},
            {"submission", server::Role::submission}},
           "What the listener is for: catcher keeps every message, mx takes mail for the "
           "local domains, submission takes mail from users who log in.")
      .formerly("catch_all", "catcher")
      .formerly("relay_in", "mx");
  s.option("name", &ListenerConfig::name,
           "Name of the listener for --set, as listener.NAME.port. Empty: its index, from 0.");
  s.option(
      "tls", &ListenerConfig::tls,
      {{"none", smtp::TlsMode::none},
       {"offered", smtp::TlsMode::offered},
       {"required", smtp::TlsMode::required},
       {"implicit", smtp::TlsMode::implicit}},
      "STARTTLS not offered, offered or required; implicit: TLS before the greeting (port 465).");
  s.option("banner", &ListenerConfig::banner,
           "The greeting's words behind the name and ESMTP; empty: none.");
  s.option("greet_pause", &ListenerConfig::greet_pause,
           "Silence that a client must keep before it is greeted, 0s or a second or two; who talks "
           "into it is no mail server and gets 554.")
      .between(config::Duration{0}, config::Duration{30'000});
  s.option("message_size", &ListenerConfig::message_size,
           "Largest message taken here, announced as SIZE; 0: limits.message_size.")
      .between(config::Size{0}, largest_message);
  s.option("certificate", &ListenerConfig::certificate,
           "PEM file with the certificate and its chain.");
  s.option("key", &ListenerConfig::key,
           "PEM file with the private key; empty: it stands in the certificate's file.");
  s.option("auth", &ListenerConfig::auth, "Offers AUTH to the users of server.users.");
  s.option("auth_required", &ListenerConfig::auth_required,
           "Takes no mail before AUTH; always so for submission.");
  s.option("allow_auth_in_clear", &ListenerConfig::allow_auth_in_clear,
           "Weakens: AUTH also without TLS, so that passwords can be read on the way.");
  s.option("insecure_allow_legacy_tls", &ListenerConfig::insecure_allow_legacy_tls,
           "Insecure: TLS 1.2 also with RSA key exchange and CBC ciphers, for old clients.");
  s.option(
      "allow_any_sender", &ListenerConfig::allow_any_sender,
      "Weakens: who logged in may send in anybody's name, beyond submission.senders; where all is "
      "caught it is so.");
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
  s.option("size", &ListenerConfig::size, "Offers SIZE; the limit holds without it too.");
  s.option("enhanced_status_codes", &ListenerConfig::enhanced_status_codes,
           "Offers ENHANCEDSTATUSCODES; without it no reply has one.");
  s.option("chunking", &ListenerConfig::chunking, "Offers CHUNKING: BDAT.");
  s.option("binary_mime", &ListenerConfig::binary_mime,
           "Offers BINARYMIME, with chunking. A smarthost that lacks it does not get such mail.");
  s.option("dsn", &ListenerConfig::dsn,
           "Offers DSN: what is asked goes on to a smarthost that knows it. This server itself "
           "writes no reports yet.");
  s.option("limits", &ListenerConfig::limits, "Offers LIMITS: RCPTMAX and MAILMAX.");
  s.option("requiretls", &ListenerConfig::requiretls,
           "Offers REQUIRETLS under TLS: such mail goes on under verified TLS only.");
  s.option("deliver_by", &ListenerConfig::deliver_by,
           "Offers DELIVERBY: what is late is given up, where that was asked.");
  s.option("future_release", &ListenerConfig::future_release,
           "Offers FUTURERELEASE where the role is submission: a mail is held until its time.");
  s.option("longest_hold", &ListenerConfig::longest_hold, "Longest time that a mail is held.")
      .between(config::Duration{60'000}, config::Duration{3650LL * 86'400'000});
  s.option("mt_priority", &ListenerConfig::mt_priority,
           "Offers MT-PRIORITY: of mail that is due together the urgent goes first; of who has not "
           "logged in, none before the usual.");
  s.option("prdr", &ListenerConfig::prdr, "Offers PRDR: a reply a recipient, where they differ.");
  s.option("lmtp", &ListenerConfig::lmtp,
           "Speaks LMTP in place of SMTP: LHLO, and a reply a recipient behind the text.");
  s.option("mechanisms", &ListenerConfig::mechanisms,
           "SASL mechanisms that AUTH offers, strongest first; empty: those for which the users "
           "have keys.");
  s.option("client_ca", &ListenerConfig::client_ca,
           "PEM file of roots: clients are asked for a certificate, and one of these lets its "
           "owner log in by EXTERNAL. Empty: they are not asked.");
  s.option("xclient_from", &ListenerConfig::xclient_from,
           "Networks of trusted proxies that may say by XCLIENT whom they speak for.");
  s.option("proxy_from", &ListenerConfig::proxy_from,
           "Networks of trusted proxies, which begin each connection with a PROXY header (v1 or "
           "v2). Others are served as they come.");
  s.option("only_from", &ListenerConfig::only_from,
           "Networks whose clients are served, as 192.0.2.0/24; others get 554. Empty: all are.");
  s.option("relay_from", &ListenerConfig::relay_from,
           "Networks whose mail is relayed here without login, beside delivery.networks.");
  return s;
}

Section<LimitsConfig> declare_limits() {
  Section<LimitsConfig> s;
  s.option("message_size", &LimitsConfig::message_size, "Largest message taken; announced as SIZE.")
      .between(config::Size{1024}, largest_message);
  s.option("recipients", &LimitsConfig::recipients, "Most recipients of one message; more get 452.")
      .between(1, 1'000'000);
  s.option("mails", &LimitsConfig::mails, "Most mails of one session; then 421.")
      .between(1, 100'000'000);
  s.option("errors", &LimitsConfig::errors, "Refused commands before the session is closed.")
      .between(1, 1'000'000);
  s.option("auth_attempts", &LimitsConfig::auth_attempts,
           "Failed AUTH before the session is closed.")
      .between(1, 1000);
  s.option("login_delay", &LimitsConfig::login_delay,
           "Time before a wrong login hears so, twice as long for the next of the session; not "
           "where a listener catches all.")
      .between(config::Duration{0}, config::Duration{30'000});
  s.option("command_line", &LimitsConfig::command_line, "Longest command line.")
      .between(config::Size{512}, config::Size{65536});
  constexpr config::Duration second{1'000};
  constexpr config::Duration week{7 * 86'400'000};
  s.option("command", &LimitsConfig::command, "Time from one command to the end of the next.")
      .between(second, week);
  s.option("data_block", &LimitsConfig::data_block, "Time for each 64 KiB of a message.")
      .between(second, week);
  s.option("transaction", &LimitsConfig::transaction,
           "Time from MAIL to the end of the message's text, whatever the pace.")
      .between(second, week);
  s.option("drain", &LimitsConfig::drain, "Time that sessions get to end at a stop.")
      .between(config::Duration{0}, week);
  return s;
}

Section<ServerConfig> declare_server() {
  Section<ServerConfig> s;
  s.option("hostname", &ServerConfig::hostname,
           "The server's own name, in greeting, replies and Received; empty: the system's.");
  s.option("data", &ServerConfig::data,
           "Folder for the spool and the mailboxes; made where it is missing.");
  s.option("users", &ServerConfig::users, "File of users for AUTH, made by `postroad user add`.");
  s.option("login_command", &ServerConfig::login_command,
           "A program with its arguments that is asked about logins of users that are not in the "
           "file: JSON on its standard input, exit code 0 right, 1 wrong, else 454.");
  s.option("login_url", &ServerConfig::login_url,
           "The same by HTTP: a POST of the JSON, 2yz right, 401 and 403 wrong, else 454.");
  s.option("login_timeout", &ServerConfig::login_timeout, "Time that either gets to answer.")
      .between(config::Duration{100}, config::Duration{60'000});
  s.option("user", &ServerConfig::user,
           "Whom a server that root started becomes once its ports are bound; the data folder is "
           "then this user's. Empty: it stays who it is.");
  s.option("sandbox", &ServerConfig::sandbox,
           "Gives up what serving does not need, where the kernel can: no program is run, nothing "
           "is written outside the data folder and the log's.");
  s.option("threads", &ServerConfig::threads, "Threads that serve sessions; 0: one a core.")
      .between(0, 256);
  s.option("sessions", &ServerConfig::sessions,
           "Most sessions at once; beyond, new ones get 421. 0: as many as there are descriptors.");
  s.option("memory", &ServerConfig::memory,
           "Memory at which new sessions get 421 while the old ones go on; 0: no ceiling.");
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
  s.option("plus", &LocalConfig::plus,
           "What begins a tag: `ann+lists` is ann's where there is no mailbox of the whole name; "
           "empty: there are no tags.");
  return s;
}

Section<ClientsConfig> declare_clients() {
  Section<ClientsConfig> s;
  s.option("sessions", &ClientsConfig::sessions, "Sessions at once; more get 421. 0: no limit.");
  s.option("connections", &ClientsConfig::connections, "New connections; more get 421.");
  s.option("messages", &ClientsConfig::messages, "Messages; more get 450 at MAIL.");
  s.option("recipients", &ClientsConfig::recipients, "Recipients; more get 450 at RCPT.");
  s.option("octets", &ClientsConfig::octets,
           "Octets of messages; once they are used up, MAIL gets 450.");
  s.option("errors", &ClientsConfig::errors,
           "Refused commands; once they are used up, new connections get 421.");
  s.option("failed_logins", &ClientsConfig::failed_logins,
           "Failed logins; once they are used up, AUTH gets 421 before the password is looked at.");
  s.option("lookups", &ClientsConfig::lookups, "VRFY and EXPN; more get 450.");
  s.option("exempt", &ClientsConfig::exempt,
           "Networks to which none of these applies, as 192.0.2.0/24; the limits of logins do.");
  return s;
}

Section<LoginsConfig> declare_logins() {
  Section<LoginsConfig> s;
  s.option("sessions", &LoginsConfig::sessions, "Sessions at once; more get 421. 0: no limit.");
  s.option("connections", &LoginsConfig::connections, "New sessions that log in; more get 421.");
  s.option("messages", &LoginsConfig::messages, "Messages; more get 450 at MAIL.");
  s.option("recipients", &LoginsConfig::recipients, "Recipients; more get 450 at RCPT.");
  s.option("octets", &LoginsConfig::octets,
           "Octets of messages; once they are used up, MAIL gets 450.");
  s.option("errors", &LoginsConfig::errors,
           "Refused commands; once they are used up, a login gets 421.");
  s.option("failed_logins", &LoginsConfig::failed_logins,
           "Failed logins from all addresses; once they are used up, AUTH gets 421.");
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
  s.option("smarthost_ca_file", &DeliveryConfig::smarthost_ca_file,
           "Trust these roots (PEM) in place of the system's for the smarthost.");
  s.option("smarthost_ignores", &DeliveryConfig::smarthost_ignores,
           "Extensions of the smarthost's that are taken for absent, by their EHLO keyword.");
  s.option("smarthost_user", &DeliveryConfig::smarthost_user, "User for AUTH at the smarthost.");
  s.option("smarthost_password", &DeliveryConfig::smarthost_password,
           "Password for it; better in the environment than in the file.");
  s.option(
       "initial_retry_delay", &DeliveryConfig::initial_retry_delay,
       "Delay before the first retry of a deferred recipient. Doubles with each attempt, with up "
       "to a tenth of jitter.")
      .formerly("first_retry")
      .between(config::Duration{10}, config::Duration{86'400'000});
  s.option("max_retry_delay", &DeliveryConfig::max_retry_delay, "Longest delay between attempts.")
      .formerly("longest_retry")
      .between(config::Duration{10}, config::Duration{86'400'000});
  s.option("lifetime", &DeliveryConfig::lifetime,
           "Age at which a message that was not delivered is given up; 0s: never.")
      .between(config::Duration{0}, config::Duration{365LL * 86'400'000});
  s.option("on_unknown", &DeliveryConfig::on_unknown,
           {{"retry", queue::OnUnknown::retry}, {"park", queue::OnUnknown::park}},
           "When the connection is lost after the final dot: retry counts it as 421 (RFC 5321 "
           "section 3.8), so the message may arrive twice; park never sends it again.");
  s.option("connections", &DeliveryConfig::connections, "Connections to the smarthost at once.")
      .between(1, 1000);
  return s;
}

config::Section<Settings> declare() {
  Section<SpoolConfig> spool;
  spool.option("keeps", &SpoolConfig::keeps,
               {{"journal", Keeping::journal}, {"nothing", Keeping::nothing}},
               "Weakens: `nothing` says 250 and throws every mail away, for measuring the way in.");
  spool.option("segment", &SpoolConfig::segment, "Size at which a new segment is begun.")
      .between(config::Size{1 << 16}, config::Size{1 << 30});
  spool.option("chunk", &SpoolConfig::chunk, "Octets of a message held in memory for each session.")
      .between(config::Size{4096}, config::Size{16 << 20});
  spool
      .option("reserve", &SpoolConfig::reserve,
              "Room that stays free on the disk: a message that would take of it gets 452 at MAIL.")
      .between(config::Size{0}, config::Size{1ULL << 50});
  Section<SubmissionConfig> submission;
  submission.option("senders", &SubmissionConfig::senders,
                    "Further senders of a login: `login: address, @domain`. Each login may use its "
                    "own name: `login` at a local domain, or the login itself where it is an "
                    "address.");
  Section<MetricsConfig> metrics;
  metrics.option(
      "listen", &MetricsConfig::listen,
      "Address and port of /metrics (Prometheus) and /healthz, as 127.0.0.1:9925; loopback "
      "only, as it asks no password. Empty: none.");
  Section<LogConfig> log;
  log.option("format", &LogConfig::format,
             {{"text", LogFormat::text}, {"json", LogFormat::json}, {"none", LogFormat::none}},
             "Lines for people, JSON lines, or nothing.");
  log.option("file", &LogConfig::file,
             "File that gets the log, opened anew at SIGUSR1 and at a reload, for rotation; empty: "
             "standard error.");
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
  s.table("submission", &Settings::submission, "Who logged in, and in whose name.", submission);
  s.table("delivery", &Settings::delivery, "Where mail goes.", declare_delivery());
  s.table("spool", &Settings::spool, "The store that holds mail until it is delivered.", spool);
  s.table("limits", &Settings::limits, "Limits of a session.", declare_limits());
  s.table("clients", &Settings::clients,
          "What one client address may do; of IPv6, each /64 is a client.", declare_clients());
  s.table("logins", &Settings::logins,
          "What one login may do, from wherever; not where a listener catches all.",
          declare_logins());
  s.table("log", &Settings::log, "What is told, and how.", log);
  s.table("metrics", &Settings::metrics, "Metrics for a monitor.", metrics);
  return s;
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

smtp::ServerOptions machine_options(const Settings& settings, const ListenerConfig& listener) {
  smtp::ServerOptions options;
  const bool submission = listener.role == server::Role::submission;
  options.hostname = settings.server.hostname;
  options.banner = listener.banner;
  options.tls = listener.tls;
  options.auth = listener.auth || listener.auth_required || submission;
  options.auth_required = listener.auth_required || submission;
  options.allow_auth_in_clear = listener.allow_auth_in_clear;
  options.allow_bare_addresses = listener.allow_bare_addresses;
  options.bare_line_ends =
      listener.keep_bare_line_ends ? smtp::BareLineEnds::keep : smtp::BareLineEnds::refuse;
  options.accept_bare_lf = listener.role == server::Role::catcher;
  options.vrfy = listener.vrfy;
  options.expn = listener.expn;
  options.pipelining = listener.pipelining;
  options.eight_bit_mime = listener.eight_bit_mime;
  options.smtputf8 = listener.smtputf8;
  options.size = listener.size;
  options.enhanced_status_codes = listener.enhanced_status_codes;
  options.chunking = listener.chunking;
  options.binary_mime = listener.binary_mime;
  options.dsn = listener.dsn;
  options.limits_keyword = listener.limits;
  options.require_tls = listener.requiretls;
  options.deliver_by = listener.deliver_by;
  options.future_release = listener.future_release && submission;
  options.longest_hold = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::milliseconds(listener.longest_hold));
  options.mt_priority = listener.mt_priority;
  options.prdr = listener.prdr;
  options.lmtp = listener.lmtp;
  options.xclient = !listener.xclient_from.empty();
  if (!listener.mechanisms.empty()) options.mechanisms = listener.mechanisms;
  auto& limits = options.limits;
  limits.mails = settings.limits.mails;
  limits.message_size = listener.message_size.octets != 0 ? listener.message_size.octets
                                                          : settings.limits.message_size.octets;
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
          settings.local.catch_all, settings.local.plus};
}

http::LoginCheckSettings login_check(const Settings& settings) {
  return {settings.server.login_command, settings.server.login_url, settings.server.login_timeout};
}

std::vector<net::Network> networks(const std::string& option, const std::vector<std::string>& texts,
                                   Problems& problems) {
  std::vector<net::Network> found;
  for (const auto& text : texts) {
    auto network = net::Network::parse(text);
    if (network)
      found.push_back(std::move(*network));
    else
      problems.error(option, network.error());
  }
  return found;
}

server::GuardSettings guard_settings(const Settings& settings, Problems& problems) {
  const auto& c = settings.clients;
  const auto& l = settings.logins;
  return {.client = {c.connections, c.messages, c.recipients, c.octets, c.errors, c.failed_logins,
                     c.lookups},
          .login = {l.connections, l.messages, l.recipients, l.octets, l.errors, l.failed_logins,
                    Rate{}},
          .sessions_of_client = c.sessions,
          .sessions_of_login = l.sessions,
          .exempt = networks("clients.exempt", c.exempt, problems)};
}

}  // namespace postroad::daemon
