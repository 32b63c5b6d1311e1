// `postroad serve`: the server from one configuration, or without any on loopback for a developer.
// The steps of a start, a reload and a hand-over; what runs is site.hpp.
#include <pthread.h>
#include <signal.h>

#include <filesystem>
#include <iostream>

#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "daemon/check.hpp"
#include "daemon/daemon.hpp"
#include "daemon/notify.hpp"

namespace postroad::cli {

using namespace daemon;

config::Command ServeVerb::declare() {
  config::Command command{
      .name = "serve",
      .summary = "receives mail, keeps it on disk before it says 250, and delivers it"};
  command.description =
      "Without a configuration it listens on 127.0.0.1:2525, accepts any mail for anybody, and "
      "keeps it in ./postroad-mail, where `postroad mail` "
      "finds it. SIGTERM and SIGINT end it after the messages under way, SIGHUP reads the "
      "configuration, users and certificates again, SIGUSR1 opens log.file anew.";
  command.flags = {{.name = "config",
                    .letter = 'c',
                    .value = "FILE",
                    .doc = "The configuration (TOML); `postroad config reference` explains it.",
                    .target = &config,
                    .completion = config::Completion::file},
                   {.name = "set",
                    .value = "NAME=VALUE",
                    .doc = "One option, as server.data=/var/mail; may be given several times.",
                    .target = &set},
                   {.name = "reload",
                    .doc = "Tells the server that runs on this data folder to read its "
                           "configuration again, as SIGHUP does; says what it refused.",
                    .target = &reload},
                   {.name = "take-over",
                    .doc = "Takes the listening sockets of the server that runs on this data "
                           "folder; that one ends when its sessions have.",
                    .target = &take_over}};
  command.examples = {{"postroad serve", "a catcher on 127.0.0.1:2525"},
                      {"postroad serve -c /etc/postroad.toml", "a server"},
                      {"postroad serve -c /etc/postroad.toml --take-over",
                       "a new binary in place of the one that runs, without a refused connection"}};
  command.exit_codes = {{0, "ended by a signal or a take-over; reloaded"},
                        {66, "no server runs on that data folder (--reload, --take-over)"},
                        {73, "a port or a folder cannot be had"},
                        {78, "the configuration is wrong"}};
  return command;
}

namespace {

int refuse(int code, const std::string& sentence) {
  complain("serve", sentence);
  return code;
}

void announce(const Settings& settings, const std::vector<std::uint16_t>& ports) {
  for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
    const auto& listener = settings.listeners[i];
    const bool v6 = listener.address.find(':') != std::string::npos;
    std::cout << "listening on " << (v6 ? "[" : "") << listener.address << (v6 ? "]" : "") << ':'
              << ports[i];
    if (listener.role == server::Role::catcher) std::cout << ", accepting any mail for anybody";
    std::cout << '\n';
  }
  if (settings.spool.keeps == Keeping::nothing) {
    std::cout << "every mail is thrown away before its 250 (spool.keeps = \"nothing\")\n";
  } else if (settings.delivery.local == Destination::discard) {
    std::cout << "every mail is thrown away after its 250 (delivery.local = \"discard\")\n";
  } else {
    std::cout << "mail is kept in " << (settings.server.data / "mail").string()
              << "; `postroad mail list --data " << settings.server.data.string() << "` shows it\n";
  }
  std::cout << std::flush;
}

int exit_of_start(const Error& error) {
  const bool settings = error.fault == Fault::input || error.fault == Fault::tls;
  return settings ? exit_config : exit_cannot_create;
}

// Blocked before any thread is made, so that only the main loop takes them.
void block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

// For a reload: every problem in one error, as the reload is refused as a whole.
Result<std::shared_ptr<Configuration>> read_configuration(const std::string& config,
                                                          const std::vector<std::string>& set) {
  auto settings = load_settings(config, set);
  if (!settings) return settings.error();
  Problems problems;
  auto made = Configuration::make(std::move(*settings), problems);
  if (problems.has(Severity::error)) return problems.joined({config, {}});
  return made;
}

// Prints the problems; the exit code when one of them is an error.
int report(const Problems& problems, const Source& source) {
  for (const auto& problem : in_order(problems.all(), source))
    complain("serve",
             (problem.severity == Severity::error ? "" : "warning: ") + text_of(problem, source));
  return problems.has(Severity::error) ? exit_of_start(problems.joined(source)) : exit_ok;
}

int ask_for_reload(const Settings& settings) {
  auto running = RunningServer::connect(settings.server.data);
  if (!running) return refuse(exit_no_input, running.error().text());
  const auto done = running->reload();
  if (!done)
    return refuse(done.error().fault == Fault::input ? exit_config : exit_io, done.error().text());
  std::cout << "the configuration was read again\n";
  return exit_ok;
}

}  // namespace

int ServeVerb::run() {
  // The folder that it was started in may not be the one of a later reload.
  if (!config.empty()) config = std::filesystem::absolute(config).string();
  auto settings = load_settings(config, set);
  if (!settings) return refuse(exit_config, settings.error().text());
  if (reload) return ask_for_reload(*settings);
  block_signals();

  Problems problems;
  const auto configuration = Configuration::make(std::move(*settings), problems);
  if (const int code = report(problems, {config, {}}); code != exit_ok) return code;
  std::optional<RunningServer> running;
  std::optional<HandoverState> estate;
  if (!take_over) {
    const auto& data = configuration->settings.server.data;
    if (const auto other = RunningServer::connect(data))
      return refuse(exit_cannot_create,
                    data.string() + ": is held by another process (pid " +
                        std::to_string(other->pid()) +
                        "): one server a folder; stop that one, name another folder, or take its "
                        "place with --take-over");
  } else {
    auto connected = RunningServer::connect(configuration->settings.server.data);
    if (!connected) return refuse(exit_no_input, connected.error().text());
    running = std::move(*connected);
    auto handed = running->take_over();
    if (!handed) return refuse(exit_io, handed.error().text());
    estate = std::move(*handed);
  }
  Daemon site(configuration, [this] { return read_configuration(config, set); });
  auto done = site.bind(estate ? estate->sockets : notify::sockets());
  if (done) done = site.open(estate);
  if (done && running) done = running->ready();
  if (!done) return refuse(exit_of_start(done.error()), done.error().text());
  site.on_ready = [&] { announce(configuration->settings, site.ports()); };
  done = site.run(take_over);
  return done ? exit_ok : refuse(exit_of_start(done.error()), done.error().text());
}

}  // namespace postroad::cli
