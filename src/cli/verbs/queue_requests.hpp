// Shared by the queue commands: which messages are named, the running server, and how a refusal
// ends the program.
#pragma once

#include <algorithm>
#include <postroad/result.hpp>
#include <string>
#include <string_view>

#include "cli/verbs.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/queue_selection.hpp"

namespace postroad::cli {

/// The messages that the ids and conditions of a command line name. Error: Fault::input.
Result<daemon::QueueSelection> selection_of(const QueueVerbs& verb);
/// There is an id, `all` or a condition.
bool names_something(const QueueVerbs& verb);
/// The server that uses the data folder of the command line. Error: Fault::not_found, no server
/// runs there; the others are those of a configuration.
Result<daemon::RunningServer> connect_to_server(const QueueVerbs& verb);
/// The same for a data folder.
Result<daemon::RunningServer> connect_to_folder(const std::string& folder);

/// "3 messages".
std::string count_text(std::size_t count);
/// "3 messages match", on standard error.
void print_matches(std::size_t count);
/// A line on standard output. Error: Fault::io; the program reports it at its end.
Result<void> print_line(std::string_view line);
/// The names as words of a request, each after a space.
std::string words_of(const std::vector<std::string>& names);
/// Prints the sentence; gives the code.
int refuse_queue(int code, std::string_view sentence);
int refuse_queue(const Error& error, std::string_view verb = "queue");
/// The command line of `verb` names no message.
int refuse_unnamed(const std::string& verb);
int exit_of_count(std::size_t count);
/// The server refuses what it cannot store now.
int exit_of_put(const Error& error);

/// The ids of the messages that match, oldest first.
Result<daemon::QueueSelection> find_messages(daemon::RunningServer& running,
                                             const daemon::QueueSelection& selection);

/// The envelope of a message as an export has it; empty: the message has left the queue.
Result<std::string> envelope_of(daemon::RunningServer& running, const spool::QueueId& id);
/// A line with the ids of a message before and after; written at once, so that an interruption
/// leaves the lines of those that are done.
void print_ids(bool as_json, const std::string& from, const std::string& id);

/// Asks in pieces that fit a request, which is a line of at most 1 MiB; gives the sum of the
/// answers.
template <class Ask>
Result<std::size_t> in_pieces(const daemon::QueueSelection& selection, Ask ask) {
  constexpr std::size_t ids_per_request = 40'000;
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

}  // namespace postroad::cli
