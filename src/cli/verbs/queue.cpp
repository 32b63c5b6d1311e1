// `postroad queue …`: what waits in a running server, why, and what is to be done with it. The
// server answers over its control socket; this end only asks and prints.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/queue_selection.hpp"
#include "daemon/settings.hpp"

namespace postroad::cli {

namespace {

using daemon::QueueSelection;
using daemon::RunningServer;

constexpr std::size_t ids_per_request = 40'000;  // a request is a line of at most 1 MiB

int refuse_queue(int code, std::string_view sentence) {
  complain("queue", sentence);
  return code;
}

// Lines go to standard output, whose failure the program reports at its end.
Result<void> print_line(std::string_view line) {
  std::cout << line << '\n';
  if (std::cout) return {};
  return fail(Fault::io, "standard output", "cannot be written");
}

void print_safely(std::string_view bytes) {
  for (const char c : bytes) {
    if (c == '\r') continue;
    std::cout << (is_control(c) && c != '\n' && c != '\t' ? '?' : c);
  }
}

std::string count_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " message" : " messages");
}

Result<QueueSelection> selection_of(const QueueVerbs& verb) {
  QueueSelection selection;
  const bool is_all = verb.ids == std::vector<std::string>{"all"};
  std::set<spool::QueueId> seen;
  for (const auto& text : verb.ids) {
    if (is_all) break;
    const auto id = spool::QueueId::parse(text);
    if (!id)
      return fail(Fault::input, '\'' + printable(text, 40) + '\'',
                  "not a queue id; `postroad queue list` shows the ids, and `all` alone names all "
                  "messages");
    if (seen.insert(*id).second) selection.ids.push_back(*id);
  }
  selection.sender = verb.sender;
  // As `queue list` prints it.
  if (const auto size = selection.sender.size();
      size > 2 && selection.sender.front() == '<' && selection.sender.back() == '>')
    selection.sender = selection.sender.substr(1, size - 2);
  selection.recipient = verb.recipient;
  selection.domain = verb.domain;
  selection.site = verb.site;
  selection.reply = verb.reply;
  selection.older = verb.older;
  if (!verb.state.empty()) {
    const auto state = daemon::parse_state(verb.state);
    if (!state) return state.error();
    selection.state = *state;
  }
  return selection;
}

bool names_something(const QueueVerbs& verb) {
  return !verb.ids.empty() || !verb.sender.empty() || !verb.recipient.empty() ||
         !verb.domain.empty() || !verb.site.empty() || !verb.reply.empty() || !verb.state.empty() ||
         verb.older.count() > 0;
}

// Error: Fault::not_found, no server runs there; the others are those of a configuration.
Result<RunningServer> connect_to_server(const QueueVerbs& verb) {
  daemon::Settings settings;
  const auto loaded = daemon::load_settings(verb.config, verb.set, settings);
  std::filesystem::path folder = settings.server.data;
  if (!verb.data.empty()) {
    folder = verb.data;
  } else if (!loaded.errors.empty()) {
    return fail(Fault::data, {}, loaded.errors.front().text());
  }
  auto running = RunningServer::connect(folder);
  if (running || running.error().fault != Fault::not_found) return running;
  auto error = running.error();
  std::error_code unknown;
  const auto whole = std::filesystem::absolute(folder, unknown);
  if (!unknown) error.where = whole.lexically_normal().string();
  error.detail +=
      "; name the server's configuration with --config FILE, or its data folder with "
      "--data FOLDER";
  return error;
}

int exit_of_request(const Error& error) {
  if (error.fault == Fault::data) return exit_config;
  return error.fault == Fault::input ? exit_usage : exit_of(error);
}

int refuse_queue(const Error& error) {
  if (error.where == "standard output") return exit_ok;  // StandardOutput reports it
  return refuse_queue(exit_of_request(error), error.text());
}

int exit_of_count(std::size_t count) { return count == 0 ? exit_none : exit_ok; }

// Asks in pieces that fit a request.
template <class Ask>
Result<std::size_t> in_pieces(const QueueSelection& selection, Ask ask) {
  if (selection.ids.size() <= ids_per_request) return ask(selection);
  std::size_t count = 0;
  auto piece = selection;
  for (std::size_t at = 0; at < selection.ids.size(); at += ids_per_request) {
    const auto begin = selection.ids.begin() + static_cast<std::ptrdiff_t>(at);
    const auto size = std::min(ids_per_request, selection.ids.size() - at);
    piece.ids.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
    const auto done = ask(piece);
    if (!done) return done;
    count += *done;
  }
  return count;
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

namespace {

std::vector<config::ExitCode> queue_exit_codes() {
  return {{exit_ok, "done"},
          {exit_none, "no message matched"},
          {exit_no_input, "no server uses that data folder"},
          {exit_io, "the running server cannot be reached"},
          {exit_temporary,
           "the running server does not answer or is ending, or nothing could be changed"},
          {exit_config, "the configuration cannot be read"}};
}

}  // namespace

config::Command QueueVerbs::change_command(const std::string& name, std::string summary,
                                           std::string description,
                                           std::vector<config::Flag> more) {
  more.insert(more.begin(), {.name = "dry-run",
                             .doc = "Print how many messages match, and change nothing.",
                             .target = &dry_run});
  return {.name = name,
          .summary = std::move(summary),
          .description = std::move(description),
          .arguments = {{.name = "ID",
                         .doc = "Queue ids, or `all`. With conditions, none is needed.",
                         .target = &ids,
                         .required = false}},
          .flags = flags_with(more),
          .exit_codes = queue_exit_codes(),
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
       .exit_codes = queue_exit_codes(),
       .run = [this] { return list(); }},
      {.name = "why",
       .summary = "explain where a message is and what it waits for",
       .arguments = {one},
       .flags = why_flags,
       .exit_codes = queue_exit_codes(),
       .run = [this] { return why(); }},
      {.name = "show",
       .summary = "print a message as it waits in the queue",
       .arguments = {one},
       .flags = place_flags(),
       .exit_codes = queue_exit_codes(),
       .run = [this] { return show(); }}};
  for (auto& command : change_commands()) group.subcommands.push_back(std::move(command));
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
  if (!names_something(*this))
    return refuse_queue(exit_usage, what +
                                        ": name messages by their queue ids, by conditions such as "
                                        "--domain, or with `all`");
  auto selection = selection_of(*this);
  if (!selection) return refuse_queue(selection.error());
  auto running = connect_to_server(*this);
  if (!running) return refuse_queue(running.error());
  QueueSelection named;
  const auto matched = in_pieces(*selection, [&](const QueueSelection& piece) {
    return running->queue("list ids" + daemon::words_of(piece),
                          [&](std::string_view line) -> Result<void> {
                            if (const auto one = spool::QueueId::parse(line))
                              named.ids.push_back(*one);
                            return {};
                          });
  });
  if (!matched) return refuse_queue(matched.error());
  if (!json)
    std::cerr << count_text(named.ids.size())
              << (named.ids.size() == 1 ? " matches\n" : " match\n");
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
  if (named.ids.empty() || dry_run || changed > 0) return exit_of_count(named.ids.size());
  return refuse_queue(
      exit_temporary,
      what +
          ": nothing was changed: the messages have left the queue, or a hold or the "
          "date of its sender is stronger, or the disk refuses it");
}

}  // namespace postroad::cli
