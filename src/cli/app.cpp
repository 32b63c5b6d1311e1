// The command line as a whole: one declaration, from which parsing, help, manual pages and
// completion come. Each verb carries its run.
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>

#include "cli/app.hpp"
#include "cli/exit.hpp"
#include "cli/flags/flags_file.hpp"
#include "cli/standard_output.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "cli/verbs/sendmail.hpp"
#include "config/help.hpp"
#include "config/override.hpp"
#include "daemon/events.hpp"
#include "daemon/metrics.hpp"
#include "daemon/settings.hpp"
#include "observe/sinks.hpp"
#include "queue/events.hpp"
#include "relay/events.hpp"
#include "server/events.hpp"

namespace postroad::cli {

namespace {

int write_man_pages(const config::Command& root, const std::string& folder) {
  for (const auto& page : config::man_pages(root, {.version = POSTROAD_VERSION})) {
    std::ofstream file(folder + '/' + page.name);
    if (!(file << page.text << std::flush)) {
      complain("man", folder + '/' + page.name +
                          ": cannot be written; name a folder that exists and may be written");
      return exit_cannot_create;
    }
  }
  return exit_ok;
}

int print_events() {
  std::cout
      << "# Events\n\nThe events of the log, one section per kind. Durations are seconds in JSON "
         "(`1.204000`); the text log prints them with a unit (`250us`, `35ms`, `1.204s`).\n\n"
      << observe::reference(server::event_kinds()) << observe::reference(queue::event_kinds())
      << observe::reference(relay::event_kinds()) << observe::reference(daemon::event_kinds());
  return exit_ok;
}

int print_metrics() {
  std::cout << daemon::Metrics::reference();
  return exit_ok;
}

// All verbs and the variables that their flags fill.
struct App {
  SendVerb send;
  TalkVerb talk;
  ServeVerb serve;
  MailVerbs mail;
  ConfigVerbs config;
  PlanVerb plan;
  QueueVerbs queue;
  SiteVerbs site;
  PolicyVerbs policy;
  TlsrptVerbs tlsrpt;
  UserVerbs user;
  DkimVerbs dkim;
  LintVerb lint;
  std::string shell, folder = ".";
  std::vector<std::string> help_names;
  config::Command root{.name = "postroad", .summary = "send, receive, store and explain mail"};

  App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

 private:
  config::Command completion_command();
  config::Command man_command();
  config::Command help_command();
};

config::Page page() {
  return {.version = POSTROAD_VERSION,
          .width = terminal_width(),
          .colour = observe::wants_colour(STDOUT_FILENO)};
}

config::Command App::completion_command() {
  return {.name = "completion",
          .summary = "print a completion script for a shell",
          .arguments = {{.name = "SHELL",
                         .doc = "The shell.",
                         .target = &shell,
                         .words = {"bash", "zsh", "fish"}}},
          .run = [this] {
            std::cout << (shell == "zsh"    ? config::zsh_completion(root)
                          : shell == "fish" ? config::fish_completion(root)
                                            : config::bash_completion(root));
            return int{exit_ok};
          }};
}

config::Command App::man_command() {
  return {.name = "man",
          .summary = "write the manual pages into a folder",
          .arguments = {{.name = "FOLDER",
                         .doc = "Where to write them. Default: the current folder.",
                         .target = &folder,
                         .required = false,
                         .completion = config::Completion::folder}},
          .run = [this] { return write_man_pages(root, folder); }};
}

config::Command App::help_command() {
  return {.name = "help",
          .summary = "show the help of a command",
          .arguments = {{.name = "COMMAND",
                         .doc = "The command, such as `send` or `dkim sign`. Default: all.",
                         .target = &help_names,
                         .required = false}},
          .run = [this] {
            const auto text = config::help_of(root, help_names, page());
            if (text) {
              std::cout << *text;
              return int{exit_ok};
            }
            std::cerr << text.error() << '\n';
            return int{exit_usage};
          }};
}

App::App() {
  root.description =
      "Exit codes are those of sysexits.h; the help of each command lists its own. Every command "
      "ends with 64 where the command line is wrong, the value of a flag included (78 for the "
      "settings of --set), and with 74 where standard output cannot be written and nothing else "
      "failed. 65 is for wrong content of a file or of standard input.";
  root.subcommands = {send.declare(),  talk.declare(),     serve.declare(),  mail.declare(),
                      queue.declare(), site.declare(),     policy.declare(), tlsrpt.declare(),
                      plan.declare(),  lint.declare(),     dkim.declare(),   config.declare(),
                      user.declare(),  declare_sendmail(), help_command(),   completion_command(),
                      man_command()};
  root.subcommands.push_back({.name = "events",
                              .summary = "print the reference of the log events, as Markdown",
                              .run = print_events});
  root.subcommands.push_back({.name = "metrics",
                              .summary = "print the reference of the metrics, as Markdown",
                              .run = print_metrics});
}

// A misspelt variable would be ignored silently. serve and config refuse it (daemon/settings.hpp).
// A variable that the command line names, as --password-env does, is meant.
void warn_of_unknown_variables(const std::vector<std::string>& words) {
  auto environment = config::system_environment();
  std::erase_if(environment.names, [&](const std::string& name) {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return word.ends_with(name); });
  });
  for (const auto& unknown : config::unknown_variables(environment, daemon::declaration().erased(),
                                                       daemon::variables_of_sendmail))
    complain("", "warning: " + unknown.text());
}

// Parses the words and runs the command.
int run_words(const config::Command& root, const std::vector<std::string>& words,
              const FlagPlaces& places = {}) {
  const auto call = config::parse(root, words, page());
  if (!call) {
    std::cerr << call.error() << place_of(places, call.error().text()) << '\n';
    return exit_usage;
  }
  if (!call->show) return call->run();
  std::cout << *call->show;
  return exit_ok;
}

int run_verb(std::vector<std::string> words) {
  App app;
  if (words.empty() || words.front() != "send") return run_words(app.root, words);
  const auto& verbs = app.root.subcommands;
  const auto send = std::find_if(verbs.begin(), verbs.end(),
                                 [&](const auto& verb) { return verb.name == words.front(); });
  auto all = with_flags_of_file(std::move(words), *send);
  if (all) {
    app.send.places = all->places;
    return run_words(app.root, all->words, all->places);
  }
  complain("send", all.error().text());
  return exit_of_reading(all.error());
}

int run_program(int argc, char** argv) {
  auto words = config::arguments_of(argc, argv);
  // By the name of the program, as `/usr/sbin/sendmail` may be a link to it.
  const std::string_view called = argc > 0 ? argv[0] : "";
  const auto name = called.substr(called.rfind('/') + 1);
  const bool is_sendmail = name == "sendmail" || name == "mailq";
  const bool is_strict = !words.empty() && (words.front() == "serve" || words.front() == "config");
  if (is_sendmail || !is_strict) warn_of_unknown_variables(words);
  if (name == "mailq" && words != std::vector<std::string>{"--help"})
    words.insert(words.begin(), "-bp");
  return is_sendmail ? run_words(declare_sendmail(), words) : run_verb(std::move(words));
}

}  // namespace

int run(int argc, char** argv) {
  StandardOutput output;
  try {
    return output.finish(run_program(argc, argv));
  } catch (const std::exception& thrown) {
    complain("", std::string("unexpected error: ") + thrown.what());
    return output.finish(exit_software);
  }
}

}  // namespace postroad::cli
