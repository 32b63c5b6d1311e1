// `postroad config check|show|reference`: the settings, before anything runs on them.
#include <filesystem>
#include <iostream>

#include "cli/exit.hpp"
#include "cli/settings.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "config/show.hpp"
#include "net/tls.hpp"
#include "server/users.hpp"

namespace postroad::cli {

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
       .flags = {file, assign},
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
  auto faults = find_faults(*settings);
  for (const auto& listener : settings->listeners) {
    if (listener.tls == smtp::TlsMode::none || listener.certificate.empty()) continue;
    const auto tls = net::TlsContext::server({listener.certificate, listener.key});
    if (!tls) faults.push_back(tls.error().text());
  }
  if (!settings->server.users.empty()) {
    const auto users = server::Users::load(settings->server.users);
    if (!users) faults.push_back(users.error().text());
  }
  for (const auto& fault : faults) complain("config check", fault);
  if (faults.empty())
    std::cout << "nothing is wrong with " << (config.empty() ? "the defaults" : config) << '\n';
  return faults.empty() ? exit_ok : exit_config;
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
