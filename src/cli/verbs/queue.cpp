// `postroad queue …`: what waits in a running server, why, and what is to be done with it. The
// server answers over its control socket; this end only asks and prints.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "cli/verbs/queue_requests.hpp"

namespace postroad::cli {

namespace {

using daemon::QueueSelection;

void print_safely(std::string_view bytes) {
  for (const char c : bytes) {
    if (c == '\r') continue;
    std::cout << (is_control(c) && c != '\n' && c != '\t' ? '?' : c);
  }
}

bool is_confirmed(std::string_view what, std::size_t count) {
  std::cerr << what << ' ' << count_text(count) << "? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return !answer.empty() && to_lower(answer.front()) == 'y';
}

}  // namespace

std::vector<config::Flag> QueueVerbs::place_flags() {
  return {{.name = "config",
           .letter = 'c',
           .value = "FILE",
           .doc = "Configuration file of the server.",
           .target = &config,
           .default_text = "none, and the data folder is ./postroad-mail",
           .completion = config::Completion::file},
          {.name = "data",
           .letter = 'd',
           .value = "FOLDER",
           .doc = "Data folder of the server, in place of its configuration.",
           .target = &data,
           .completion = config::Completion::folder}};
}

config::Flag QueueVerbs::json_flag() {
  return {.name = "json", .doc = "Print JSON, one object per line.", .target = &json};
}

std::vector<config::Flag> QueueVerbs::condition_flags() {
  return {
      {.name = "sender",
       .value = "PATTERN",
       .doc =
           "Only messages with this reverse-path; `*` stands for any text, `<>` is the null one.",
       .target = &sender},
      {.name = "recipient",
       .value = "PATTERN",
       .doc = "Only messages with such a recipient.",
       .target = &recipient},
      {.name = "domain",
       .value = "PATTERN",
       .doc = "Only messages with a recipient in such a domain.",
       .target = &domain},
      {.name = "site",
       .value = "PATTERN",
       .doc = "Only messages with a recipient that this destination serves: the `route` of `queue "
              "list --json`.",
       .target = &site},
      {.name = "reply",
       .value = "TEXT",
       .doc = "Only messages with this text in a recipient's last reply.",
       .target = &reply},
      {.name = "older",
       .value = "TIME",
       .doc = "Only messages of at least this age.",
       .target = &older},
      {.name = "state",
       .value = "STATE",
       .doc = "Only messages with a recipient in this state.",
       .target = &state,
       .words = {"queued", "deferred", "held", "delivered", "refused", "unknown"}}};
}

std::vector<config::Flag> QueueVerbs::flags_with(const std::vector<config::Flag>& more) {
  auto flags = place_flags();
  flags.push_back(json_flag());
  for (auto& flag : condition_flags()) flags.push_back(std::move(flag));
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

std::vector<config::ExitCode> QueueVerbs::exit_codes() {
  return {{exit_ok, "done"},
          {exit_none, "no message matched"},
          {exit_no_input, "no server uses that data folder, or a file cannot be read"},
          {exit_io, "the running server cannot be reached"},
          {exit_temporary,
           "the running server does not answer or is ending, or nothing could be changed"},
          {exit_config, "the configuration cannot be read"}};
}

config::Command QueueVerbs::change_command(const std::string& name, std::string summary,
                                           std::string description,
                                           std::vector<config::Flag> more) {
  more.insert(more.begin(), {.name = "dry-run",
                             .doc = "Print how many messages match, and change nothing.",
                             .target = &dry_run});
  return {
      .name = name,
      .summary = std::move(summary),
      .description = std::move(description),
      .arguments = {{.name = "ID",
                     .doc = "Queue ids, `-` for ids on standard input, or `all`. With conditions, "
                            "none is needed.",
                     .target = &ids,
                     .required = false}},
      .flags = flags_with(more),
      .exit_codes = exit_codes(),
      .run = [this, name] { return change(name); }};
}

config::Command QueueVerbs::declare() {
  const config::Argument one{.name = "ID", .doc = "Queue id.", .target = &id};
  auto why_flags = place_flags();
  why_flags.push_back(json_flag());
  config::Command group{
      .name = "queue",
      .summary = "list, explain and change the queue of a running server",
      .description =
          "Asks the server that uses the data folder. Run it as the server's user, or as "
          "root."};
  group.subcommands = {
      {.name = "list",
       .summary = "list the messages in the queue, oldest first",
       .arguments = {{.name = "ID", .doc = "Queue ids.", .target = &ids, .required = false}},
       .flags = flags_with(
           {{.name = "postqueue",
             .doc = "Print the JSON of Postfix's `postqueue -j`, for monitors that read it.",
             .target = &postqueue,
             .excludes = {"--json"}}}),
       .examples = {{"postroad queue list --domain example.org --state deferred",
                     "what waits for a domain"}},
       .exit_codes = exit_codes(),
       .run = [this] { return list(); }},
      {.name = "why",
       .summary = "explain where a message is and what it waits for",
       .arguments = {one},
       .flags = why_flags,
       .exit_codes = exit_codes(),
       .run = [this] { return why(); }},
      {.name = "show",
       .summary = "print a message as it waits in the queue",
       .arguments = {one},
       .flags = place_flags(),
       .exit_codes = exit_codes(),
       .run = [this] { return show(); }}};
  for (auto& command : change_commands()) group.subcommands.push_back(std::move(command));
  for (auto& command : transfer_commands()) group.subcommands.push_back(std::move(command));
  return group;
}

std::vector<config::Command> QueueVerbs::change_commands() {
  return {
      change_command("hold", "keep messages from being tried, until they are released",
                     "A hold survives restarts and flushes. A message that is being attempted is "
                     "held after that attempt, if it is still in the queue then.",
                     {}),
      change_command("release", "end a hold", "The messages are tried at their own times again.",
                     {}),
      change_command("flush", "try messages now",
                     "Ends the pauses of destinations too. Messages that are held, or whose sender "
                     "asked for a later date (FUTURERELEASE), stay.",
                     {}),
      change_command("remove", "delete messages from the queue; their senders are not told",
                     "A message that is being attempted is removed after that attempt. On a "
                     "terminal the command asks first.",
                     {{.name = "yes", .letter = 'y', .doc = "Do not ask.", .target = &yes}})};
}

int QueueVerbs::list() {
  const auto selection = selection_of(*this);
  if (!selection) return refuse_queue(selection.error());
  auto running = connect_to_server(*this);
  if (!running) return refuse_queue(running.error());
  const std::string form = postqueue ? "postqueue" : json ? "json" : "text";
  const auto count = in_pieces(*selection, [&](const QueueSelection& piece) {
    return running->queue("list " + form + daemon::words_of(piece), print_line);
  });
  if (!count) return refuse_queue(count.error());
  if (postqueue) return exit_ok;  // as postqueue
  if (*count == 0 && form == "text") std::cerr << "no message matches\n";
  return exit_of_count(*count);
}

int QueueVerbs::why() {
  const auto parsed = spool::QueueId::parse(id);
  if (!parsed) return refuse_queue(parsed.error());
  const QueueSelection selection{.ids = {*parsed}};
  auto running = connect_to_server(*this);
  if (!running) return refuse_queue(running.error());
  const auto count = running->queue(
      std::string("why ") + (json ? "json" : "text") + daemon::words_of(selection), print_line);
  if (!count) return refuse_queue(count.error());
  if (*count == 0)
    complain("queue", id + ": not in the queue; it was delivered, returned or removed, and the log "
                           "says which");
  return exit_of_count(*count);
}

int QueueVerbs::show() {
  const auto parsed = spool::QueueId::parse(id);
  if (!parsed) return refuse_queue(parsed.error());
  auto running = connect_to_server(*this);
  if (!running) return refuse_queue(running.error());
  // A message must not send commands to the terminal.
  const bool is_shown = is_terminal(STDOUT_FILENO);
  const auto found =
      running->show(parsed->text(), [is_shown](std::string_view bytes) -> Result<void> {
        if (is_shown)
          print_safely(bytes);
        else
          std::cout << bytes;
        if (std::cout) return {};
        return fail(Fault::io, "standard output", "cannot be written");
      });
  if (!found) return refuse_queue(found.error());
  if (!*found) return refuse_queue(exit_none, id + ": not in the queue");
  return exit_ok;
}

int QueueVerbs::change(const std::string& what) {
  if (!names_something(*this)) return refuse_unnamed(what);
  auto selection = selection_of(*this);
  if (!selection) return refuse_queue(selection.error());
  auto running = connect_to_server(*this);
  if (!running) return refuse_queue(running.error());
  const auto matched = find_messages(*running, *selection);
  if (!matched) return refuse_queue(matched.error());
  const auto& named = *matched;
  if (!json) print_matches(named.ids.size());
  std::size_t changed = 0;
  if (!dry_run && !named.ids.empty()) {
    if (what == "remove" && !yes && is_terminal(STDIN_FILENO) &&
        !is_confirmed("remove", named.ids.size()))
      return refuse_queue(exit_none, "nothing was removed");
    const auto done = in_pieces(named, [&](const QueueSelection& piece) {
      return running->queue(what + daemon::words_of(piece), print_line);
    });
    if (!done) return refuse_queue(done.error());
    changed = *done;
  }
  if (json)
    std::cout << fmt::format("{{\"matched\":{},\"changed\":{}}}\n", named.ids.size(), changed);
  else if (!dry_run && !named.ids.empty())
    std::cout << what << ": " << count_text(changed) << '\n';
  const auto left = named.ids.size() - std::min(changed, named.ids.size());
  const bool is_partial = left > 0 && changed > 0 && !dry_run;
  if (is_partial && (what == "hold" || what == "remove"))
    return refuse_queue(exit_temporary, what + ": " + count_text(left) +
                                            " were not changed: they have left the queue, or the "
                                            "disk refuses it, which the log says");
  if (named.ids.empty() || dry_run || changed > 0) return exit_of_count(named.ids.size());
  return refuse_queue(
      exit_temporary,
      what +
          ": nothing was changed: the messages have left the queue, or a hold or the "
          "date of its sender is stronger, or the disk refuses it");
}

}  // namespace postroad::cli
