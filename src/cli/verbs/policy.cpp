// `postroad policy …`: what a running server remembers about the TLS of other servers.
#include <fmt/format.h>

#include <iostream>

#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "cli/verbs/queue_requests.hpp"

namespace postroad::cli {

config::Command PolicyVerbs::command(const std::string& name, std::string summary,
                                     std::string description) {
  auto flags = place.place_flags();
  flags.push_back({.name = "json", .doc = "Print JSON, one object per line.", .target = &json});
  const bool is_show = name == "show";
  return {.name = name,
          .summary = std::move(summary),
          .description = std::move(description),
          .arguments = {{.name = "NAME",
                         .doc = "Domains of recipients, and mail exchangers.",
                         .target = &names,
                         .required = !is_show}},
          .flags = std::move(flags),
          .exit_codes = QueueVerbs::exit_codes(),
          .run = [this, is_show] { return is_show ? show() : purge(); }};
}

config::Command PolicyVerbs::declare() {
  config::Command group{
      .name = "policy",
      .summary = "show what a running server remembers about the TLS of other servers",
      .description =
          "The MTA-STS policies of domains (RFC 8461), which are kept until they expire, and the "
          "mail exchangers with which opportunistic TLS failed. TLSA records (DANE) are asked for "
          "at every attempt: `postroad plan ADDRESS` shows them. Run it as the server's user, or "
          "as root."};
  group.subcommands = {
      command("show", "show the policies of these domains and hosts, or of all", ""),
      command(
          "purge", "forget the policies of these domains and hosts",
          "A domain that still publishes an MTA-STS policy gets it again with its next message; "
          "with a purged host TLS is tried again. Use it when a domain has published a wrong "
          "policy and asks for it.")};
  group.subcommands.front().examples = {{"postroad policy show example.org", "one domain"}};
  return group;
}

int PolicyVerbs::show() {
  auto running = connect_to_server(place);
  if (!running) return refuse_queue(running.error(), "policy");
  const std::string form = json ? "json" : "text";
  const auto count = running->queue("policy show " + form + words_of(names), print_line);
  if (!count) return refuse_queue(count.error(), "policy");
  if (*count == 0 && !json) std::cerr << "nothing is remembered\n";
  return exit_of_count(*count);
}

int PolicyVerbs::purge() {
  auto running = connect_to_server(place);
  if (!running) return refuse_queue(running.error(), "policy");
  const auto count =
      running->queue("policy purge" + words_of(names), [this](std::string_view line) {
        return json ? Result<void>() : print_line("purged: " + std::string(line));
      });
  if (!count) return refuse_queue(count.error(), "policy");
  if (json) std::cout << fmt::format("{{\"changed\":{}}}\n", *count);
  if (*count == 0 && !json) std::cerr << "nothing is remembered of these names\n";
  return exit_of_count(*count);
}

}  // namespace postroad::cli
