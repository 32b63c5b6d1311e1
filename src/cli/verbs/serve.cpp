// `postroad serve`: the server from one configuration, or without any on loopback for a developer.
// The steps of a start, a reload and a hand-over; what runs is daemon.hpp.
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
      .summary = "receive messages, store them on disk before replying 250, and deliver them"};
  command.description =
      "Without a configuration it listens on 127.0.0.1:2525, accepts any message for anybody, and "
      "stores it in ./postroad-mail, where `postroad mail` finds it. SIGTERM and SIGINT end it "
      "after "
      "the sessions in progress (at most limits.drain), SIGHUP reads the configuration, users and "
      "certificates again, SIGUSR1 reopens log.file.";
  command.flags = {
      {.name = "config",
       .letter = 'c',
       .value = "FILE",
       .doc = "Configuration file (TOML); `postroad config reference` explains it.",
       .target = &config,
       .completion = config::Completion::file},
      {.name = "set",
       .value = "NAME=VALUE",
       .doc = "Set one option, as server.data=/var/mail or listener.0.port=25.",
       .target = &set},
      {.name = "reload",
       .doc = "Make the server that runs on this data folder read its configuration "
              "again, as SIGHUP does, and report what it refused.",
       .target = &reload},
      {.name = "take-over",
       .doc = "Take the listening sockets of the server that runs on this data folder. "
              "That server ends after its sessions.",
       .target = &take_over}};
  command.examples = {{"postroad serve", "a catcher for development on 127.0.0.1:2525"},
                      {"postroad serve -c /etc/postroad.toml", "a server"},
                      {"postroad serve -c /etc/postroad.toml --take-over",
                       "replace the running server by a new one, without a refused connection"}};
  command.exit_codes = {
      {exit_ok,
       "ended by a signal or a take-over; with --reload: the configuration was read again"},
      {exit_no_input, "no server runs on that data folder (--reload, --take-over)"},
      {exit_cannot_create, "a port or a folder cannot be used"},
      {exit_io,
       "the running server could not be reached or did not hand over (--reload, "
       "--take-over), or standard output cannot be written"},
      {exit_config, "the configuration is wrong; with --reload: the server refused it"}};
  command.run = [this] { return run(); };
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
    if (listener.role == server::Role::catcher) std::cout << ", accepting any message for anybody";
    std::cout << '\n';
  }
  if (settings.spool.keeps == Keeping::nothing) {
    std::cout << "every message is discarded before its 250 (spool.keeps = \"nothing\")\n";
  } else if (settings.delivery.local == Destination::discard) {
    std::cout << "every message is discarded after its 250 (delivery.local = \"discard\")\n";
  } else {
    std::cout << "messages are stored in " << (settings.server.data / "mail").string()
              << "; `postroad mail list --data " << settings.server.data.string() << "` shows it\n";
  }
  if (!(std::cout << std::flush))
    complain("serve", "standard output cannot be written; the server goes on");
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
  // An ignored SIGCHLD is inherited across exec, and would discard the exit codes of login
  // commands.
  signal(SIGCHLD, SIG_DFL);
}

// For a reload: every problem in one error, as the reload is refused as a whole.
Result<std::shared_ptr<Configuration>> read_configuration(const std::string& config,
                                                          const std::vector<std::string>& set) {
  Settings settings;
  const auto report = load_settings(config, set, settings);
  std::string all;
  for (const auto& error : report.errors) all += (all.empty() ? "" : "; ") + error.text();
  if (!all.empty()) return fail(Fault::input, "", all);
  Problems problems;
  auto made = Configuration::make(std::move(settings), problems);
  if (problems.has(Severity::error)) return problems.joined({config, report.lines});
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
  // A later reload may run in another folder.
  if (!config.empty()) config = std::filesystem::absolute(config).string();
  Settings settings;
  const auto read = load_settings(config, set, settings);
  for (const auto& warning : read.warnings) complain("serve", "warning: " + warning.text());
  for (const auto& error : read.errors) complain("serve", error.text());
  if (!read.errors.empty()) return exit_config;
  if (reload) return ask_for_reload(settings);
  block_signals();

  Problems problems;
  const auto configuration = Configuration::make(std::move(settings), problems);
  if (const int code = report(problems, {config, read.lines}); code != exit_ok) return code;
  std::optional<RunningServer> running;
  std::optional<HandoverState> handed_over;
  if (!take_over) {
    const auto& data = configuration->settings.server.data;
    if (const auto other = RunningServer::connect(data))
      return refuse(exit_cannot_create,
                    data.string() + ": in use by another server (pid " +
                        std::to_string(other->pid()) +
                        "); stop that one, set another server.data, or use --take-over");
  } else {
    auto connected = RunningServer::connect(configuration->settings.server.data);
    if (!connected) return refuse(exit_no_input, connected.error().text());
    running = std::move(*connected);
    auto handed = running->take_over();
    if (!handed) return refuse(exit_io, handed.error().text());
    handed_over = std::move(*handed);
  }
  Daemon server(configuration, [this] { return read_configuration(config, set); });
  auto done = server.bind(handed_over ? handed_over->sockets : notify::sockets());
  if (done) done = server.open(handed_over);
  if (done && running) done = running->ready();
  if (!done) return refuse(exit_of_start(done.error()), done.error().text());
  server.on_ready = [&] { announce(configuration->settings, server.ports()); };
  done = server.run(take_over);
  return done ? exit_ok : refuse(exit_of_start(done.error()), done.error().text());
}

}  // namespace postroad::cli
