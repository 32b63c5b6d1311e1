// `postroad config check|show|reference`: the configuration, before anything runs on it.
#include <filesystem>
#include <iostream>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "config/show.hpp"
#include "daemon/check.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/queue_text.hpp"
#include "daemon/settings.hpp"
#include "relay/plan.hpp"

namespace postroad::cli {

using namespace daemon;

config::Command ConfigVerbs::declare() {
  const config::Flag file{.name = "config",
                          .letter = 'c',
                          .value = "FILE",
                          .doc = "Configuration file.",
                          .target = &config,
                          .default_text = "none, and all options have their defaults",
                          .completion = config::Completion::file};
  const config::Flag assign{
      .name = "set",
      .value = "NAME=VALUE",
      .doc = "Set one option, such as server.data=/var/mail or listener.0.port=25.",
      .target = &set};
  config::Command group{.name = "config", .summary = "check, show and explain the configuration"};
  group.subcommands = {
      {.name = "check",
       .summary = "report every problem of the configuration",
       .description = "Checks what would fail at run time, too: certificates (dates, key, name), "
                      "ports, folders, users, the DNS entry of the server's own name, mail loops. "
                      "Warnings do not change the exit code.",
       .flags = {file,
                 assign,
                 {.name = "offline", .doc = "Make no DNS queries.", .target = &offline},
                 {.name = "diff",
                  .doc = "List the queued messages of the running server that would take another "
                         "way with this configuration.",
                  .target = &diff}},
       .exit_codes = {{exit_ok, "no problem was found"},
                      {exit_no_input, "no server uses that data folder (--diff)"},
                      {exit_io, "the running server cannot be reached (--diff)"},
                      {exit_config, "a problem was found"}},
       .run = [this] { return check(); }},
      {.name = "show",
       .summary = "print the settings in effect",
       .flags = {file, assign},
       .exit_codes = {{exit_ok, "printed"}, {exit_config, "the configuration is wrong"}},
       .run = [this] { return show(); }},
      {.name = "reference",
       .summary = "print every option with its meaning, as Markdown",
       .run = [this] { return reference(); }},
  };
  return group;
}

namespace {

// One line per problem; whether the settings can be used.
bool print_findings(std::string_view verb, const config::LoadReport& report) {
  for (const auto& warning : report.warnings) complain(verb, "warning: " + warning.text());
  for (const auto& error : report.errors) complain(verb, error.text());
  return report.errors.empty();
}

// Where a table or its port is misspelt, the default port is not the one that was meant: whether it
// is free says nothing.
void clear_default_ports(const config::LoadReport& loaded, Settings& settings) {
  for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
    if (!loaded.lines.contains(listener_option(i, "port"))) settings.listeners[i].port = 0;
  }
}

// The recipients in the queue of the running server whose site differs from the one that this
// configuration gives them.
int print_diff(const Configuration& configuration) {
  auto running = RunningServer::connect(configuration.settings.server.data);
  const auto refuse = [](const Error& error) {
    complain("config check", error.text());
    return error.fault == Fault::not_found ? int{exit_no_input} : int{exit_io};
  };
  if (!running) return refuse(running.error());
  const auto delivery = configuration.delivery();
  std::size_t changed = 0;
  const auto seen = running->queue("list routes", [&](std::string_view line) -> Result<void> {
    const auto queued = parse_route(line);
    const auto recipient = queued ? Mailbox::parse(queued->recipient) : fail(Fault::input, {}, {});
    if (!recipient) return {};
    const auto way = relay::planned_way(
        {*configuration.directory, delivery.table, delivery.ways, queued->sender, queued->login},
        *recipient);
    if (way == queued->way) return {};
    ++changed;
    const auto named = [](const std::string& one) { return one.empty() ? "no route" : one; };
    std::cout << queued->id << "  " << printable(queued->recipient) << "  "
              << printable(named(queued->way)) << " -> " << printable(named(way)) << '\n';
    return {};
  });
  if (!seen) return refuse(seen.error());
  std::cout << changed << " recipients of " << *seen << " queued messages would take another way\n";
  return exit_ok;
}

}  // namespace

int ConfigVerbs::check() {
  Settings settings;
  const auto loaded = load_settings(config, set, settings);
  Problems problems;
  std::shared_ptr<Configuration> configuration;
  if (loaded.is_parsed) {
    if (!loaded) clear_default_ports(loaded, settings);
    configuration = Configuration::make(std::move(settings), problems);
    check_surroundings(*configuration, config, offline, problems);
  }
  const auto found = findings(loaded, problems, config);
  for (const auto* list : {&found.errors, &found.hazards}) {
    for (const auto& sentence : *list) complain("config check", sentence);
  }
  for (const auto& sentence : found.warnings) complain("config check", "warning: " + sentence);
  if (!found.errors.empty() || !found.hazards.empty()) return exit_config;
  std::cout << (found.warnings.empty() ? "no problem found: " : "usable, with warnings: ")
            << (config.empty() ? "the defaults" : config) << '\n';
  return diff ? print_diff(*configuration) : int{exit_ok};
}

int ConfigVerbs::show() {
  Settings settings;
  if (!print_findings("config show", load_settings(config, set, settings))) return exit_config;
  std::cout << config::show(declaration(), settings);
  return exit_ok;
}

int ConfigVerbs::reference() {
  std::cout << config::reference(declaration());
  return exit_ok;
}

}  // namespace postroad::cli
