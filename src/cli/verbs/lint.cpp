// `postroad lint`: what is wrong with a message before it is sent.
#include "mail/lint/lint.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "observe/sinks.hpp"

namespace postroad::cli {

config::Command LintVerb::declare() {
  config::Command command{.name = "lint",
                          .summary = "says what is wrong with a message, or will be on its way"};
  command.description =
      "Each finding has its line, why it matters and what to do. Errors are refused by servers or "
      "read differently by readers; warnings work here and fail elsewhere; notes could be better.";
  command.arguments = {{.name = "FILE",
                        .doc = "Messages with their headers; - or none reads standard input.",
                        .target = &files,
                        .required = false,
                        .completion = config::Completion::file}};
  command.flags = {{.name = "json", .doc = "A JSON array.", .target = &json},
                   {.name = "strict", .doc = "Warnings count as errors.", .target = &strict}};
  command.examples = {
      {"postroad send --dry-run … | sed '1,/^$/d' | postroad lint", "what send would send"}};
  command.exit_codes = {{0, "no error"}, {65, "errors were found"}, {66, "a file cannot be read"}};
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
                           mail::to_string(one.level), colour ? "\x1b[0m" : "", one.code, one.why,
                           one.remedy);
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
    const auto octets = read_all(file);
    if (!octets) {
      complain("lint", octets.error().text());
      return exit_no_input;
    }
    for (const auto& one : mail::lint(*octets)) {
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
