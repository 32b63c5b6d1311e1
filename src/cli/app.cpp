// The command line as a whole: one declaration, from which parsing, help, manual pages and
// completion come.
#include <unistd.h>

#include <fstream>
#include <iostream>

#include "cli/exit.hpp"
#include "cli/flags/flags_file.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "cli/verbs/sendmail.hpp"
#include "config/help.hpp"
#include "daemon/events.hpp"
#include "daemon/metrics.hpp"
#include "observe/sinks.hpp"
#include "queue/events.hpp"
#include "server/events.hpp"

namespace postroad::cli {

using namespace daemon;

namespace {

std::string sendmail_options() {
  std::string names;
  for (const auto& option : sendmail_declaration().erased().options)
    (names += names.empty() ? "" : ", ") += option.name;
  return names;
}

int write_man_pages(const config::Command& root, const std::string& folder) {
  for (const auto& page : config::man_pages(root, {.version = POSTROAD_VERSION})) {
    std::ofstream file(folder + '/' + page.name);
    if (!(file << page.text)) {
      complain("man", folder + '/' + page.name + ": cannot be written");
      return exit_cannot_create;
    }
  }
  return exit_ok;
}

int print_events() {
  std::cout << "# Events\n\nWhat the log tells, one kind a section.\n\n"
            << observe::reference(server::event_kinds()) << observe::reference(queue::event_kinds())
            << observe::reference(event_kinds());
  return exit_ok;
}

}  // namespace

int run(int argc, char** argv) {
  auto words = config::arguments_of(argc, argv);
  // By the name that it was called by, as `/usr/sbin/sendmail` may be a link to it.
  const std::string_view called = argc > 0 ? argv[0] : "";
  if (called.substr(called.rfind('/') + 1) == "sendmail") return run_sendmail(words);
  if (!words.empty() && words.front() == "sendmail") {
    words.erase(words.begin());
    if (words.empty() || words.front() != "--help") return run_sendmail(words);
  }
  SendVerb send;
  TalkVerb talk;
  ServeVerb serve;
  MailVerbs mail;
  ConfigVerbs config_verbs;
  UserVerbs user;
  DkimVerbs dkim;
  LintVerb lint;
  std::string shell, folder = ".";

  config::Command root{.name = "postroad", .summary = "sends, receives, keeps and explains mail"};
  root.subcommands = {send.declare(), talk.declare(), serve.declare(),        mail.declare(),
                      lint.declare(), dkim.declare(), config_verbs.declare(), user.declare()};
  root.subcommands.push_back(
      {.name = "sendmail",
       .summary = "takes a mail as sendmail does: -t -i -f -F -B -O -o -bs -bm -q --",
       .description =
           "Reads a mail from standard input and hands it to the server of "
           "/etc/postroad/sendmail.toml or ~/.config/postroad/sendmail.toml (options: " +
           sendmail_options() +
           "). Nothing is queued: exit code 0 means that the server took it for every recipient. "
           "-t adds the recipients of the header, -i takes a lone dot for text, -f names the "
           "sender, -F the name for a From that is missing, -bs speaks SMTP on standard input and "
           "output, -- ends the flags. Bcc is taken out. Called by the name of sendmail, the "
           "command does the same: link /usr/sbin/sendmail to it."});
  root.subcommands.push_back(
      {.name = "completion",
       .summary = "prints a completion script for a shell",
       .arguments = {
           {.name = "SHELL", .doc = "The shell.", .target = &shell, .words = {"bash", "zsh"}}}});
  root.subcommands.push_back({.name = "man",
                              .summary = "writes the manual pages into a folder",
                              .arguments = {{.name = "FOLDER",
                                             .doc = "Where to.",
                                             .target = &folder,
                                             .required = false,
                                             .completion = config::Completion::folder}}});
  root.subcommands.push_back(
      {.name = "events", .summary = "prints the reference of the log's events, as Markdown"});

  root.subcommands.push_back(
      {.name = "metrics", .summary = "prints the reference of the metrics, as Markdown"});

  const config::Page page{.version = POSTROAD_VERSION,
                          .width = terminal_width(),
                          .colour = observe::wants_colour(STDOUT_FILENO)};
  // A mail's flags may stand in a file.
  if (!words.empty() && words.front() == "send") {
    auto all = with_flags_of_file(words);
    if (!all) {
      complain("send", all.error().text());
      return all.error().fault == Fault::input ? exit_usage : exit_no_input;
    }
    words = std::move(*all);
  }
  const auto call = config::parse(root, words, page);
  if (!call) {
    std::cerr << call.error() << '\n';
    return exit_usage;
  }
  if (call->show) {
    std::cout << *call->show;
    return exit_ok;
  }
  if (call->is("send")) return send.run();
  if (call->is("talk")) return talk.run();
  if (call->is("serve")) return serve.run();
  if (call->is("mail", "list")) return mail.list();
  if (call->is("mail", "show")) return mail.show();
  if (call->is("mail", "wait")) return mail.wait();
  if (call->is("lint")) return lint.run();
  if (call->is("dkim", "keygen")) return dkim.keygen();
  if (call->is("dkim", "record")) return dkim.record();
  if (call->is("dkim", "sign")) return dkim.sign();
  if (call->is("dkim", "verify")) return dkim.verify();
  if (call->is("config", "check")) return config_verbs.check();
  if (call->is("config", "show")) return config_verbs.show();
  if (call->is("config", "reference")) return config_verbs.reference();
  if (call->is("user", "add")) return user.add();
  if (call->is("user", "remove")) return user.remove();
  if (call->is("user", "list")) return user.list();
  if (call->is("man")) return write_man_pages(root, folder);
  if (call->is("events")) return print_events();
  if (call->is("metrics")) {
    std::cout << Metrics::reference();
    return exit_ok;
  }
  std::cout << (shell == "zsh" ? config::zsh_completion(root) : config::bash_completion(root));
  return exit_ok;
}

}  // namespace postroad::cli
