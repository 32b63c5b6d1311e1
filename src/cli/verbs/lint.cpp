// `postroad lint`: check a message for problems before it is sent.
#include "mail/lint/lint.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "observe/sinks.hpp"

namespace postroad::cli {

config::Command LintVerb::declare() {
  config::Command command{.name = "lint",
                          .summary = "check a message for problems before sending it"};
  command.description =
      "Each finding has its line, the reason and the remedy. An error is refused by servers, or "
      "shown differently by different readers; a warning works here and fails elsewhere; a note "
      "could be better.";
  command.arguments = {{.name = "FILE",
                        .doc = "Messages with their headers; - or none: standard input.",
                        .target = &files,
                        .required = false,
                        .completion = config::Completion::file}};
  command.flags = {{.name = "json", .doc = "Print a JSON array.", .target = &json},
                   {.name = "strict", .doc = "Count warnings as errors.", .target = &strict}};
  command.examples = {
      {"postroad send --dry-run … | sed '1,/^$/d' | postroad lint", "check what send would send"}};
  command.exit_codes = {{exit_ok, "no error"},
                        {exit_data, "errors were found"},
                        {exit_no_input, "a file cannot be read"}};
  command.run = [this] { return run(); };
  return command;
}

namespace {

using observe::json_string;

void print_text(const std::string& file, const mail::LintFinding& one, bool colour) {
  const auto* paint = !colour                                 ? ""
                      : one.level == mail::LintLevel::error   ? "\x1b[31m"
                      : one.level == mail::LintLevel::warning ? "\x1b[33m"
                                                              : "\x1b[36m";
  const auto place = one.line == 0 ? file : fmt::format("{}:{}", file, one.line);
  std::cout << fmt::format("{}: {}{}{} [{}]: {}\n    {}\n", place, paint,
                           mail::to_string(one.level), colour ? "\x1b[0m" : "", one.code,
                           printable(one.why), printable(one.remedy));
}

std::string json_line(const std::string& file, const mail::LintFinding& one) {
  return fmt::format(R"({{"file":{},"line":{},"level":{},"code":{},"why":{},"remedy":{}}})",
                     json_string(file), one.line, json_string(mail::to_string(one.level)),
                     json_string(one.code), json_string(one.why), json_string(one.remedy));
}

}  // namespace

int LintVerb::run() {
  if (files.empty()) files.emplace_back("-");
  const bool colour = observe::wants_colour(STDOUT_FILENO);
  bool wrong = false;
  std::string out = "[";
  for (const auto& file : files) {
    const auto bytes = read_all(file);
    if (!bytes) {
      complain("lint", bytes.error().text());
      return exit_no_input;
    }
    for (const auto& one : mail::lint(*bytes)) {
      wrong = wrong || one.level == mail::LintLevel::error ||
              (strict && one.level == mail::LintLevel::warning);
      const auto shown = file == "-" ? "standard input" : file;
      if (json) {
        out += (out.size() > 1 ? ",\n " : "") + json_line(shown, one);
      } else {
        print_text(shown, one, colour);
      }
    }
  }
  if (json) std::cout << out << "]\n";
  return wrong ? exit_data : exit_ok;
}

}  // namespace postroad::cli
