// `postroad serve`: the server from one configuration, or without any on loopback for a developer.
// The steps of a start, a reload and a hand-over; what runs is daemon.hpp.
#include <pthread.h>
#include <signal.h>

#include <filesystem>
#include <iostream>

#include "base/text.hpp"
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
      "Without a configuration it listens on 127.0.0.1:2525, accepts any message for any "
      "recipient, and stores it in ./postroad-mail, where `postroad mail` finds it. SIGTERM and "
      "SIGINT end it after the sessions in progress (at most limits.drain), SIGHUP reloads the "
      "configuration, users and certificates, SIGUSR1 reopens log.file.";
  command.flags = {
      {.name = "config",
       .letter = 'c',
       .value = "FILE",
       .doc = "Configuration file (TOML); `postroad config reference` explains it.",
       .target = &config,
       .default_text = "none, and all options have their defaults",
       .completion = config::Completion::file,
       .typed = &config_typed},
      {.name = "set",
       .value = "NAME=VALUE",
       .doc = "Set one option, such as server.data=/var/mail or listener.0.port=25.",
       .target = &set},
      {.name = "reload",
       .doc = "Make the server that uses this data folder read its configuration "
              "again, as SIGHUP does, and report what it refused.",
       .target = &reload},
      {.name = "take-over",
       .doc = "Take over the listening sockets of the server that uses this data folder. "
              "That server ends after its sessions.",
       .target = &take_over}};
  command.examples = {{"postroad serve", "a catcher for development on 127.0.0.1:2525"},
                      {"postroad serve -c /etc/postroad.toml", "a server"},
                      {"postroad serve -c /etc/postroad.toml --take-over",
                       "replace the running server with a new one, without a refused connection"}};
  command.exit_codes = {
      {exit_ok, "ended by a signal or a take-over; with --reload: the configuration was reloaded"},
      {exit_no_input, "no server uses that data folder (--reload, --take-over)"},
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
    if (listener.role == server::Role::catcher)
      std::cout << ", accepting any message for any recipient";
    std::cout << '\n';
  }
  if (settings.spool.keeps == Keeping::nothing) {
    std::cout << "every message is discarded before its 250 (spool.keeps = \"nothing\")\n";
  } else if (settings.delivery.local == Destination::discard) {
    std::cout << "every message is discarded after its 250 (delivery.local = \"discard\")\n";
  } else {
    std::cout << "messages are stored in " << (settings.server.data / "mail").string()
              << "; `postroad mail list --data " << settings.server.data.string()
              << "` shows them\n";
  }
  if (!(std::cout << std::flush))
    complain("serve", "standard output cannot be written; the server continues");
}

int exit_of_start(const Error& error) {
  const bool settings =
      error.fault == Fault::input || error.fault == Fault::data || error.fault == Fault::tls;
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

Daemon::Reread read_again(const std::string& config, const std::vector<std::string>& set) {
  Settings settings;
  const auto loaded = load_settings(config, set, settings);
  Problems problems;
  Daemon::Reread reread;
  if (loaded.is_parsed) reread.configuration = Configuration::make(std::move(settings), problems);
  reread.findings = findings(loaded, problems, config);
  reread.source = {config, loaded.lines};
  return reread;
}

// Prints what was found; whether the server can start.
bool report(const Findings& found) {
  for (const auto& error : found.errors) complain("serve", error);
  for (const auto* list : {&found.hazards, &found.warnings}) {
    for (const auto& doubt : *list) complain("serve", "warning: " + doubt);
  }
  return found.errors.empty();
}

// Refuses flags that a reload would ignore. A running server reads its own configuration.
Result<void> check_reload(const ServeVerb& verb) {
  if (verb.take_over)
    return fail(Fault::input, "--reload, --take-over", "mutually exclusive; give only one");
  for (const auto& assignment : verb.set) {
    const auto name = trim(std::string_view(assignment).substr(0, assignment.find('=')));
    if (name != "server.data")
      return fail(Fault::input, "--set " + printable(name, 80),
                  "a reload takes options from the configuration file of the running server alone; "
                  "write it there, or start the server again");
  }
  return {};
}

bool is_same_file(const std::string& one, const std::string& other) {
  std::error_code error;
  return one == other || std::filesystem::equivalent(one, other, error);
}

// Whether the running server reads that file. A server of an older version does not tell.
Result<void> check_same_configuration(RunningServer& running, const ServeVerb& verb) {
  if (verb.config.empty()) return {};
  const auto own = running.configuration();
  if (!own && own.error().fault == Fault::input) return {};
  if (!own) return own.error();
  if (is_same_file(*own, verb.config)) return {};
  return fail(Fault::input, config::as_typed(verb.config_typed, "--config") + ' ' + verb.config,
              own->empty()
                  ? "the running server was started without a configuration file; start it again "
                    "with this one"
                  : "the running server reads " + *own +
                        "; name that file, or start the server again with this one");
}

// Names the absolute folder, because a relative one depends on where a command is run. A server may
// run nevertheless: it keeps the folder of its start.
int refuse_unreached(Error error, const std::string& config) {
  std::error_code unknown;
  const auto folder = std::filesystem::absolute(error.where, unknown);
  if (!unknown) error.where = folder.lexically_normal().string();
  if (error.fault != Fault::not_found) return refuse(exit_io, error.text());
  error.detail += config.empty()
                      ? "; name the file of the server with --config FILE, or its folder with "
                        "--set server.data=FOLDER"
                      : "; if server.data was changed while the server runs, restart the server: "
                        "only a restart "
                        "changes it. --set server.data=FOLDER reaches a server on another folder";
  return refuse(exit_no_input, error.text());
}

int ask_for_reload(const ServeVerb& verb, const Settings& settings,
                   const config::LoadReport& loaded) {
  auto running = RunningServer::connect(settings.server.data);
  if (!running) {
    // Perhaps the file names the folder in a line that cannot be read.
    for (const auto& error : loaded.errors) complain("serve", error.text());
    return loaded.errors.empty() ? refuse_unreached(running.error(), verb.config) : exit_config;
  }
  if (const auto same = check_same_configuration(*running, verb); !same)
    return refuse(same.error().fault == Fault::input ? exit_usage : exit_io, same.error().text());
  const auto done = running->reload();
  if (!done) return refuse(exit_io, done.error().text());
  for (const auto& error : done->errors) complain("serve", error);
  if (!done->errors.empty()) return exit_config;
  for (const auto& warning : done->warnings) complain("serve", "warning: " + warning);
  std::cout << "the configuration was reloaded\n";
  return exit_ok;
}

}  // namespace

int ServeVerb::run() {
  // A later reload may run in another folder.
  if (!config.empty()) {
    std::error_code error;
    const auto whole = std::filesystem::absolute(config, error);
    if (error)
      return refuse(exit_config, config + ": its folder cannot be found: " + error.message() +
                                     "; give the absolute path");
    config = whole.string();
  }
  if (reload) {
    if (const auto right = check_reload(*this); !right)
      return refuse(exit_usage, right.error().text());
  }
  Settings settings;
  const auto loaded = load_settings(config, set, settings);
  if (reload) return ask_for_reload(*this, settings, loaded);
  block_signals();

  Problems problems;
  std::shared_ptr<Configuration> configuration;
  if (loaded.is_parsed) configuration = Configuration::make(std::move(settings), problems);
  if (!report(findings(loaded, problems, config)))
    return loaded.errors.empty() ? exit_of_start(problems.joined({config, loaded.lines}))
                                 : exit_config;
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
    if (!connected) return refuse_unreached(connected.error(), config);
    running = std::move(*connected);
    auto handed = running->take_over();
    if (!handed) return refuse(exit_io, handed.error().text());
    handed_over = std::move(*handed);
  }
  Daemon server(configuration, [this] { return read_again(config, set); });
  server.config_file = config;
  auto done = server.bind(handed_over ? handed_over->sockets : notify::sockets());
  if (done) done = server.open(handed_over);
  if (done && running) done = running->ready();
  if (!done) return refuse(exit_of_start(done.error()), done.error().text());
  server.on_ready = [&] { announce(configuration->settings, server.ports()); };
  done = server.run(take_over);
  return done ? exit_ok : refuse(exit_of_start(done.error()), done.error().text());
}

}  // namespace postroad::cli
