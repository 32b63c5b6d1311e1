// `postroad config check|show|reference`: the settings, before anything runs on them.
#include <filesystem>
#include <iostream>

#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "config/show.hpp"
#include "daemon/check.hpp"
#include "daemon/settings.hpp"

namespace postroad::cli {

using namespace daemon;

config::Command ConfigVerbs::declare() {
  const config::Flag file{.name = "config",
                          .letter = 'c',
                          .value = "FILE",
                          .doc = "The configuration; none: the defaults.",
                          .target = &config,
                          .completion = config::Completion::file};
  const config::Flag assign{
      .name = "set",
      .value = "NAME=VALUE",
      .doc = "One option, as server.data=/var/mail; may be given several times.",
      .target = &set};
  config::Command group{.name = "config",
                        .summary = "checks, shows and explains the configuration"};
  group.subcommands = {
      {.name = "check",
       .summary = "says everything that is wrong with it",
       .description = "Looks at what would fail at run time too: certificates (dates, key, name), "
                      "ports, folders, users, the DNS of the own name, mail loops. Warnings do not "
                      "change the exit code.",
       .flags = {file, assign, {.name = "offline", .doc = "Asks no DNS.", .target = &offline}},
       .exit_codes = {{0, "nothing is wrong"}, {78, "something is"}}},
      {.name = "show", .summary = "prints the settings in effect", .flags = {file, assign}},
      {.name = "reference", .summary = "prints every option with its meaning, as Markdown"},
  };
  return group;
}

int ConfigVerbs::check() {
  const auto settings = load_settings(config, set);
  if (!settings) {
    complain("config check", settings.error().text());
    return exit_config;
  }
  Problems problems;
  const auto configuration = Configuration::make(*settings, problems);
  check_surroundings(*configuration, config, offline, problems);
  const Source source{config, {}};
  for (const auto& problem : in_order(problems.all(), source))
    complain("config check",
             (problem.severity == Severity::warning ? "warning: " : "") + text_of(problem, source));
  if (problems.has(Severity::error) || problems.has(Severity::hazard)) return exit_config;
  std::cout << (problems.all().empty() ? "nothing is wrong with " : "it would run: ")
            << (config.empty() ? "the defaults" : config) << '\n';
  return exit_ok;
}

int ConfigVerbs::show() {
  const auto settings = load_settings(config, set);
  if (!settings) {
    complain("config show", settings.error().text());
    return exit_config;
  }
  std::cout << config::show(declaration(), *settings);
  return exit_ok;
}

int ConfigVerbs::reference() {
  std::cout << config::reference(declaration());
  return exit_ok;
}

}  // namespace postroad::cli
