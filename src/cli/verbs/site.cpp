// `postroad site …`: the destinations of a running server, their limits and pauses.
#include <fmt/format.h>

#include <iostream>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "cli/verbs/queue_requests.hpp"
#include "config/units.hpp"
#include "observe/sinks.hpp"
#include "relay/mx/reply_rules.hpp"

namespace postroad::cli {

namespace {

std::string join(const std::vector<std::string>& texts) {
  std::string joined;
  for (const auto& text : texts) joined += (joined.empty() ? "" : " | ") + text;
  return joined;
}

}  // namespace

config::Command SiteVerbs::command(const std::string& name, std::string summary,
                                   std::string description, bool needs_name) {
  auto flags = place.place_flags();
  flags.push_back({.name = "json", .doc = "Print JSON, one object per line.", .target = &json});
  return {
      .name = name,
      .summary = std::move(summary),
      .description = std::move(description),
      .arguments = {{.name = "SITE",
                     .doc =
                         "Names as `site list` shows them, or recipient domains; `*` is any text.",
                     .target = &names,
                     .required = needs_name}},
      .flags = std::move(flags),
      .exit_codes = QueueVerbs::exit_codes(),
      .run = [this, name] { return name == "list" || name == "show" ? list(name) : change(name); }};
}

config::Command SiteVerbs::declare() {
  config::Command group{
      .name = "site",
      .summary = "list, pause and resume the destinations of a running server",
      .description =
          "A site is a destination with one limit and one line of waiting messages: a smarthost, "
          "the mail exchangers that serve a group of domains (mx:HOSTS), or the mailboxes here. "
          "Its limit grows with successes and falls when a host asks for less. Run it as the "
          "server's user, or as root."};
  group.subcommands = {
      command("list", "list the sites that are in use, paused or learnt about", "", false),
      command("show", "show all that is known of these sites",
              "A site of mail exchangers that is not in use is shown with its configured limits.",
              true),
      command("pause", "send no message to these sites until they are resumed",
              "Their messages wait and no attempt is charged; none is given up. A pause survives "
              "restarts and flushes. Attempts that are under way end as usual.",
              true),
      command("resume", "end a pause: of an operator, after failures, or that a host asked for",
              "Messages that were deferred meanwhile keep their times; `queue flush` moves them.",
              true),
      command("reset", "forget what was learnt of these sites",
              "Forgets the limit, the failures and the pause that followed them. A pause by an "
              "operator stays.",
              true),
      {.name = "replies",
       .summary = "show the table that tells what a temporary refusal is about",
       .description =
           "The rows that every server has, in their order: which replies of which mail exchangers "
           "slow a site or pause it, and which concern one recipient. The rows of [[reply]] in the "
           "configuration come before them.",
       .flags = {{.name = "json", .doc = "Print JSON, one object per line.", .target = &json}},
       .run = [this] { return replies(); }}};
  group.subcommands.front().examples = {{"postroad site list 'mx:*.example.org'", "some sites"}};
  return group;
}

// The reply table is part of the program: no server is asked.
int SiteVerbs::replies() {
  using Action = relay::mx::ReplyRule::Action;
  for (const auto& row : relay::mx::shipped_reply_rules()) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(row.pause);
    const std::string action = row.action == Action::none   ? "none"
                               : row.action == Action::slow ? "slow"
                                                            : "pause";
    if (json) {
      std::cout << fmt::format(
          R"({{"name":{},"hosts":{},"codes":{},"text":{},"action":"{}","pause":{},"after":{}}})"
          "\n",
          observe::json_string(row.name), observe::json_list(row.hosts),
          observe::json_list(row.codes), observe::json_list(row.texts), action, seconds.count(),
          row.after);
      continue;
    }
    std::cout << row.name << "  " << action;
    if (row.action == Action::pause)
      std::cout << ' ' << config::format(config::Duration(row.pause));
    if (row.after > 1) std::cout << " after " << row.after << " replies";
    std::cout << '\n';
    if (!row.hosts.empty()) std::cout << "    hosts: " << join(row.hosts) << '\n';
    if (!row.codes.empty()) std::cout << "    codes: " << join(row.codes) << '\n';
    if (!row.texts.empty()) std::cout << "    text: " << join(row.texts) << '\n';
  }
  return exit_ok;
}

int SiteVerbs::list(const std::string& what) {
  auto running = connect_to_server(place);
  if (!running) return refuse_queue(running.error(), "site");
  const std::string form = json ? " json" : " text";
  const auto count = running->queue("site " + what + form + words_of(names), print_line);
  if (!count) return refuse_queue(count.error(), "site");
  if (*count == 0 && !json) std::cerr << "no site matches\n";
  return exit_of_count(*count);
}

int SiteVerbs::change(const std::string& what) {
  constexpr std::string_view warning = "warning ";
  auto running = connect_to_server(place);
  if (!running) return refuse_queue(running.error(), "site");
  bool is_kept = true;
  const auto count =
      running->queue("site " + what + words_of(names), [&](std::string_view line) -> Result<void> {
        if (line.starts_with(warning)) {
          is_kept = false;
          complain("site", line.substr(warning.size()));
          return {};
        }
        return json ? Result<void>() : print_line(what + ": " + std::string(line));
      });
  if (!count) return refuse_queue(count.error(), "site");
  if (json) std::cout << fmt::format("{{\"changed\":{}}}\n", *count);
  if (*count == 0 && !json) std::cerr << "no site matches; `postroad site list` shows them\n";
  return is_kept ? exit_of_count(*count) : int{exit_temporary};
}

}  // namespace postroad::cli
