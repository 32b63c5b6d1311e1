// `postroad tlsrpt …`: the reports about TLS that a running server sends to domains.
#include <fmt/format.h>

#include <iostream>

#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "cli/verbs/queue_requests.hpp"

namespace postroad::cli {

config::Command TlsrptVerbs::command(const std::string& name, std::string summary,
                                     std::string description) {
  auto flags = place.place_flags();
  flags.push_back({.name = "json", .doc = "Print JSON, one object per line.", .target = &json});
  config::Command made{
      .name = name,
      .summary = std::move(summary),
      .description = std::move(description),
      .flags = std::move(flags),
      .exit_codes = {{exit_ok, "done"},
                     {exit_none, "no session was counted, or nothing is to be sent"},
                     {exit_usage, "the command line is wrong, or no reports are sent"},
                     {exit_no_input, "no server uses that data folder"},
                     {exit_io, "the running server cannot be reached"},
                     {exit_temporary,
                      "a report could not be sent and is tried again, or the running server "
                      "does not answer"},
                     {exit_config, "the configuration cannot be read"}}};
  const bool is_show = name == "show";
  if (is_show)
    made.arguments = {
        {.name = "DOMAIN", .doc = "Domains of recipients.", .target = &names, .required = false}};
  made.run = [this, is_show] { return is_show ? show() : send(); };
  return made;
}

config::Command TlsrptVerbs::declare() {
  config::Command group{
      .name = "tlsrpt",
      .summary = "show and send the reports about TLS that domains ask for",
      .description =
          "A server with tlsrpt.enabled counts its sessions with mail exchangers, and reports each "
          "day to the domains that ask for it by a record _smtp._tls.DOMAIN (RFC 8460). Run it as "
          "the server's user, or as root."};
  group.subcommands = {
      command("show", "show the sessions that were counted and not yet reported",
              "With --json each line is a report as it would be sent."),
      command(
          "send", "send the reports now",
          "Also those about today so far; the sessions after them are in another report. Prints "
          "the end of each: sent, not wanted, put off or given up.")};
  group.subcommands.front().examples = {{"postroad tlsrpt show example.org", "one domain"}};
  return group;
}

int TlsrptVerbs::show() {
  auto running = connect_to_server(place);
  if (!running) return refuse_queue(running.error(), "tlsrpt");
  const std::string form = json ? "json" : "text";
  const auto count = running->queue("tlsrpt show " + form + words_of(names), print_line);
  if (!count) return refuse_queue(count.error(), "tlsrpt");
  if (*count == 0 && !json) std::cerr << "no session was counted\n";
  return exit_of_count(*count);
}

int TlsrptVerbs::send() {
  auto running = connect_to_server(place);
  if (!running) return refuse_queue(running.error(), "tlsrpt");
  const std::string_view put_off = json ? R"("result":"put off")" : ": put off";
  bool is_put_off = false;
  const auto count =
      running->queue(json ? "tlsrpt send json" : "tlsrpt send text", [&](std::string_view line) {
        is_put_off = is_put_off || line.find(put_off) != std::string_view::npos;
        return print_line(line);
      });
  if (!count) return refuse_queue(count.error(), "tlsrpt");
  if (*count == 0 && !json)
    std::cerr << "no report is to be sent: no session was counted, or it is being sent already\n";
  return is_put_off ? exit_temporary : exit_of_count(*count);
}

}  // namespace postroad::cli
