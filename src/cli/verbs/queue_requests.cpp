// See queue_requests.hpp.
#include "cli/verbs/queue_requests.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <initializer_list>
#include <iostream>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "daemon/settings.hpp"

namespace postroad::cli {

using daemon::QueueSelection;
using daemon::RunningServer;

int refuse_queue(int code, std::string_view sentence) {
  complain("queue", sentence);
  return code;
}

int refuse_queue(const Error& error, std::string_view verb) {
  if (error.where == "standard output") return exit_ok;  // StandardOutput reports it
  // A condition of the command line, which the server could not read.
  const int code = error.fault == Fault::data    ? int{exit_config}
                   : error.fault == Fault::input ? int{exit_usage}
                                                 : exit_of(error);
  complain(verb, error.text());
  return code;
}

int refuse_unnamed(const std::string& verb) {
  return refuse_queue(exit_usage, verb +
                                      ": name messages by their queue ids, by conditions such as "
                                      "--domain, or with `all`");
}

Result<void> print_line(std::string_view line) {
  std::cout << line << '\n';
  if (std::cout) return {};
  return fail(Fault::io, "standard output", "cannot be written");
}

std::string count_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " message" : " messages");
}

void print_matches(std::size_t count) {
  std::cerr << count_text(count) << (count == 1 ? " matches\n" : " match\n");
}

std::string words_of(const std::vector<std::string>& names) {
  std::string words;
  for (const auto& name : names) words += ' ' + percent_encode(name);
  return words;
}

int exit_of_put(const Error& error) {
  return error.fault == Fault::input ? int{exit_temporary} : exit_of(error);
}

int exit_of_count(std::size_t count) { return count == 0 ? exit_none : exit_ok; }

namespace {

// The ids of the command line, or for `-` those of standard input.
Result<std::vector<std::string>> named_ids(const QueueVerbs& verb) {
  if (verb.ids != std::vector<std::string>{"-"}) return verb.ids;
  const auto text = read_all("-");
  if (!text) return text.error();
  std::vector<std::string> ids;
  for (const auto line : split(*text, '\n'))
    if (const auto word = trim(line); !word.empty()) ids.emplace_back(word);
  if (ids.empty()) return fail(Fault::input, "standard input", "no queue id");
  return ids;
}

}  // namespace

Result<QueueSelection> selection_of(const QueueVerbs& verb) {
  QueueSelection selection;
  const auto named = named_ids(verb);
  if (!named) return named.error();
  const bool is_all = *named == std::vector<std::string>{"all"};
  std::set<spool::QueueId> seen;
  for (const auto& text : *named) {
    if (is_all) break;
    const auto id = spool::QueueId::parse(text);
    if (!id)
      return fail(Fault::input, '\'' + printable(text, 40) + '\'',
                  "not a queue id; `postroad queue list` shows the ids, and `all` alone names all "
                  "messages");
    if (seen.insert(*id).second) selection.ids.push_back(*id);
  }
  const std::initializer_list<
      std::tuple<const char*, const std::optional<std::string>*, std::string*>>
      patterns{{"--sender", &verb.sender, &selection.sender},
               {"--recipient", &verb.recipient, &selection.recipient},
               {"--domain", &verb.domain, &selection.domain},
               {"--site", &verb.site, &selection.site},
               {"--reply", &verb.reply, &selection.reply}};
  for (const auto& [flag, given, target] : patterns) {
    if (!*given) continue;
    if ((*given)->empty())
      return fail(Fault::input, flag,
                  "the pattern is empty and would match nothing or all; `*` stands for any text, "
                  "`<>` for the null reverse-path");
    *target = **given;
  }
  // As `queue list` prints it.
  if (const auto size = selection.sender.size();
      size > 2 && selection.sender.front() == '<' && selection.sender.back() == '>')
    selection.sender = selection.sender.substr(1, size - 2);
  selection.older = verb.older;
  if (!verb.state.empty()) {
    const auto state = daemon::parse_state(verb.state);
    if (!state) return state.error();
    selection.state = *state;
  }
  return selection;
}

bool names_something(const QueueVerbs& verb) {
  return !verb.ids.empty() || verb.sender || verb.recipient || verb.domain || verb.site ||
         verb.reply || !verb.state.empty() || verb.older.count() > 0;
}

Result<RunningServer> connect_to_folder(const std::string& folder) {
  auto running = RunningServer::connect(folder);
  if (running || running.error().fault != Fault::not_found) return running;
  auto error = running.error();
  std::error_code unknown;
  const auto whole = std::filesystem::absolute(folder, unknown);
  if (!unknown) error.where = whole.lexically_normal().string();
  return error;
}

Result<RunningServer> connect_to_server(const QueueVerbs& verb) {
  auto folder = verb.data;
  if (folder.empty()) {
    daemon::Settings settings;
    const auto loaded = daemon::load_settings(verb.config, verb.set, settings);
    if (!loaded.errors.empty()) return fail(Fault::data, {}, loaded.errors.front().text());
    folder = settings.server.data.string();
  }
  auto running = connect_to_folder(folder);
  if (running || running.error().fault != Fault::not_found) return running;
  auto error = running.error();
  error.detail +=
      "; name the server's configuration with --config FILE, or its data folder with "
      "--data FOLDER";
  return error;
}

Result<QueueSelection> find_messages(RunningServer& running, const QueueSelection& selection) {
  QueueSelection named;
  const auto matched = in_pieces(selection, [&](const QueueSelection& piece) {
    return running.queue("list ids" + daemon::words_of(piece),
                         [&](std::string_view line) -> Result<void> {
                           if (const auto one = spool::QueueId::parse(line))
                             named.ids.push_back(*one);
                           return {};
                         });
  });
  if (!matched) return matched.error();
  return named;
}

Result<std::string> envelope_of(RunningServer& running, const spool::QueueId& id) {
  std::string text;
  const QueueSelection one{.ids = {id}};
  const auto found = running.queue("list export" + daemon::words_of(one),
                                   [&](std::string_view line) -> Result<void> {
                                     text.assign(line).append("\n");
                                     return {};
                                   });
  return found ? Result<std::string>(std::move(text)) : found.error();
}

void print_ids(bool as_json, const std::string& from, const std::string& id) {
  std::cout << (as_json ? fmt::format(R"({{"id":"{}","new_id":"{}"}})", from, id) : from + ' ' + id)
            << std::endl;
}

}  // namespace postroad::cli
