// `postroad serve`: the server from one configuration, or without any on loopback for a developer.
// Wiring only.
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "cli/exit.hpp"
#include "cli/settings.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "observe/sinks.hpp"
#include "relay/delivery.hpp"
#include "relay/events.hpp"
#include "relay/intake.hpp"
#include "relay/rules.hpp"
#include "server/server.hpp"
#include "server/users.hpp"
#include "spool/journal.hpp"
#include "spool/posix_disk.hpp"

namespace postroad::cli {

config::Command ServeVerb::declare() {
  config::Command command{
      .name = "serve",
      .summary = "receives mail, keeps it on disk before it says 250, and delivers it"};
  command.description =
      "Without a configuration it listens on 127.0.0.1:2525, accepts any mail for anybody, and "
      "keeps it in ./postroad-mail, where `postroad mail` "
      "finds it. SIGTERM and SIGINT end it after the messages under way.";
  command.flags = {{.name = "config",
                    .letter = 'c',
                    .value = "FILE",
                    .doc = "The configuration (TOML); `postroad config reference` explains it.",
                    .target = &config,
                    .completion = config::Completion::file},
                   {.name = "set",
                    .value = "NAME=VALUE",
                    .doc = "One option, as server.data=/var/mail; may be given several times.",
                    .target = &set}};
  command.examples = {{"postroad serve", "a catcher on 127.0.0.1:2525"},
                      {"postroad serve -c /etc/postroad.toml", "a server"}};
  command.exit_codes = {{0, "ended by a signal"},
                        {73, "a port or a folder cannot be had"},
                        {78, "the configuration is wrong"}};
  return command;
}

namespace {

int refuse(int code, const std::string& sentence) {
  complain("serve", sentence);
  return code;
}

void add_log_sink(observe::Log& log, const LogConfig& config) {
  if (config.format == LogFormat::json)
    log.add_sink(std::make_shared<observe::JsonSink>(STDERR_FILENO), config.level);
  if (config.format == LogFormat::text) {
    const observe::TextSink::Style style{.colour = wants_colour(STDERR_FILENO), .sentences = false};
    log.add_sink(std::make_shared<observe::TextSink>(observe::write_to(STDERR_FILENO), style),
                 config.level);
  }
}

relay::DeliverySettings delivery_settings(const Settings& settings) {
  relay::DeliverySettings delivery;
  delivery.host = settings.server.hostname;
  delivery.discard = settings.delivery.local == Destination::discard;
  delivery.smarthost = settings.delivery.smarthost;
  delivery.smarthost_options.helo_name = settings.server.hostname;
  delivery.schedule = {settings.delivery.first_retry, settings.delivery.longest_retry};
  if (!settings.delivery.smarthost_user.empty()) {
    delivery.smarthost_login =
        Login{settings.delivery.smarthost_user, settings.delivery.smarthost_password, {}};
  }
  return delivery;
}

// Everything that serving needs, in the order in which it is made; it is taken down the other way.
struct Site {
  Settings settings;
  observe::Log log;
  std::optional<server::Users> users;
  std::optional<relay::Directory> directory;
  std::optional<relay::Maildirs> maildirs;
  std::unique_ptr<spool::Spool> spool;
  std::optional<relay::Intake> intake;
  std::optional<relay::Rules> rules;
  std::optional<relay::Delivery> delivery;
  std::optional<server::Server> server;

  Result<void> open();
  Result<void> listen();
};

Result<void> Site::open() {
  add_log_sink(log, settings.log);
  if (!settings.server.users.empty()) {
    auto loaded = server::Users::load(settings.server.users);
    if (!loaded) return loaded.error();
    users = std::move(*loaded);
  }
  auto made = relay::Directory::make(directory_settings(settings));
  if (!made) return made.error();
  directory = std::move(*made);
  std::error_code error;
  std::filesystem::create_directories(settings.server.data, error);
  if (error)
    return fail(
        Fault::io, settings.server.data.string(),
        "the data folder cannot be made: " + error.message() +
            "; choose another with server.data, or ask its owner for the right to write there");
  auto mail = relay::Maildirs::open(settings.server.data / "mail");
  if (!mail) return mail.error();
  maildirs = std::move(*mail);
  auto disk = spool::open_posix_disk((settings.server.data / "spool").string());
  if (!disk) return disk.error();
  spool::JournalOptions options;
  options.segment_size = settings.spool.segment.octets;
  options.chunk_size = settings.spool.chunk.octets;
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  auto journal = spool::open_journal(std::move(*disk), options, now);
  if (!journal) return journal.error();
  spool = std::move(*journal);
  for (const auto& finding : spool->findings()) relay::spool_finding(log, finding);
  return {};
}

Result<void> Site::listen() {
  intake.emplace(*spool);
  relay::Rules::Settings rules_settings;
  for (const auto& text : settings.delivery.networks) {
    auto network = relay::Network::parse(text);
    if (!network) return network.error();
    rules_settings.networks.push_back(std::move(*network));
  }
  rules_settings.has_route = !settings.delivery.smarthost.empty();
  rules_settings.users = users ? &*users : nullptr;
  rules.emplace(*directory, std::move(rules_settings));
  server.emplace(*intake, *rules, log, settings.server.threads);
  for (auto& listener : settings.listeners) {
    server::ListenerSettings one{listener.role, listener.address, listener.port,
                                 machine_options(settings, listener), std::nullopt};
    if (listener.tls != smtp::TlsMode::none) {
      auto tls = net::TlsContext::server({listener.certificate, listener.key});
      if (!tls) return tls.error();
      one.tls = std::move(*tls);
    }
    const auto port = server->listen(std::move(one));
    if (!port) return port.error();
    listener.port = *port;
  }
  delivery.emplace(*spool, *directory, *maildirs, log, delivery_settings(settings));
  return {};
}

// A session takes a descriptor; the soft limit of most systems, 1024, is for programs that use
// select.
void allow_many_sessions() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

void announce(const Settings& settings) {
  for (const auto& listener : settings.listeners) {
    const bool v6 = listener.address.find(':') != std::string::npos;
    std::cout << "listening on " << (v6 ? "[" : "") << listener.address << (v6 ? "]" : "") << ':'
              << listener.port;
    if (listener.role == server::Role::catch_all) std::cout << ", accepting any mail for anybody";
    std::cout << '\n';
  }
  if (settings.delivery.local == Destination::discard) {
    std::cout << "every mail is thrown away after its 250 (delivery.local = \"discard\")\n";
  } else {
    std::cout << "mail is kept in " << (settings.server.data / "mail").string()
              << "; `postroad mail list --data " << settings.server.data.string() << "` shows it\n";
  }
  std::cout << std::flush;
}

}  // namespace

int ServeVerb::run() {
  auto settings = load_settings(config, set);
  if (!settings) return refuse(exit_config, settings.error().text());
  const auto faults = find_faults(*settings);
  for (const auto& fault : faults) complain("serve", fault);
  if (!faults.empty()) return exit_config;

  // Blocked before any thread is made, so that only sigwait below takes them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  allow_many_sessions();

  Site site;
  site.settings = std::move(*settings);
  const auto opened = site.open();
  if (!opened)
    return refuse(opened.error().fault == Fault::input ? exit_config : exit_cannot_create,
                  opened.error().text());
  const auto listening = site.listen();
  if (!listening)
    return refuse(listening.error().fault == Fault::tls ? exit_config : exit_cannot_create,
                  listening.error().text());
  site.server->start();
  announce(site.settings);
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  const auto until = std::chrono::steady_clock::now() + site.settings.limits.drain;
  site.server->stop(site.settings.limits.drain);
  site.delivery->stop(
      std::max(std::chrono::milliseconds(0), std::chrono::duration_cast<std::chrono::milliseconds>(
                                                 until - std::chrono::steady_clock::now())));
  relay::spool_closed(site.log, site.spool->statistics());
  return exit_ok;
}

}  // namespace postroad::cli
