// See send_report.hpp.
#include "cli/verbs/send_report.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <optional>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "observe/sinks.hpp"

namespace postroad::cli {

namespace {

using observe::json_string;

std::string json_error(const Error& error) {
  return fmt::format(
      R"({{"fault":{},"where":{},"stage":{},"detail":{},"reply_code":{},"temporary":{},"may_have_been_delivered":{}}})",
      json_string(to_string(error.fault)), json_string(error.where),
      json_string(to_string(error.stage)), json_string(error.detail), error.reply_code,
      error.is_temporary(), error.may_have_been_delivered);
}

std::string json_errors(const RelayErrors& errors) {
  std::string out;
  for (const auto& one : errors) out += (out.empty() ? "" : ",") + json_error(one);
  return '[' + out + ']';
}

// One line per server that failed, and what ended the call if no server did.
void complain_of_each(const RelayErrors& relay_errors, const std::optional<Error>& last) {
  bool is_printed = false;
  for (const auto& one : relay_errors) {
    complain("send", one.text());
    is_printed = is_printed || (last && one.text() == last->text());
  }
  if (last && !is_printed) complain("send", last->text());
}

// The first error that no later attempt would change, in the order of the servers; otherwise the
// last one.
const Error& decisive(const RelayErrors& relay_errors, const Error& last) {
  const auto found = std::find_if(relay_errors.begin(), relay_errors.end(),
                                  [](const Error& one) { return exit_of(one) != exit_temporary; });
  return found == relay_errors.end() ? last : *found;
}

void print_json(const SendReport& report, const RelayErrors& relay_errors) {
  // The server that was tried last; each recipient has its own.
  const auto server = report.recipients.empty() ? "" : report.recipients.back().server;
  std::string out = fmt::format(R"({{"server":{},"recipients":[)", json_string(server));
  for (std::size_t i = 0; i < report.recipients.size(); ++i) {
    const auto& recipient = report.recipients[i];
    out += fmt::format(
        R"({}{{"address":{},"outcome":{},"stage":{},"code":{},"status":{},"text":{},"server":{}}})",
        i == 0 ? "" : ",", json_string(recipient.address.text()),
        json_string(to_string(recipient.outcome)), json_string(to_string(recipient.stage)),
        recipient.reply.code, json_string(recipient.reply.status.text()),
        json_string(recipient.reply.text), json_string(recipient.server));
  }
  out += "],\"error\":" + (report.broken ? json_error(*report.broken) : std::string("null")) +
         ",\"relay_errors\":" + json_errors(relay_errors) + "}\n";
  std::cout << out;
}

void print_text(const SendReport& report, const RelayErrors& relay_errors) {
  const bool colour = observe::wants_colour(STDOUT_FILENO);
  for (const auto& recipient : report.recipients) {
    const char* paint = !colour                                  ? ""
                        : recipient.outcome == Outcome::accepted ? "\x1b[32m"
                                                                 : "\x1b[31m";
    const auto words =
        recipient.reply.code == 0 ? printable(recipient.reply.text) : recipient.reply.one_line();
    std::cout << recipient.address << ' ' << paint << recipient.outcome << (colour ? "\x1b[0m" : "")
              << ' ' << words << '\n';
  }
  if (!report.all_accepted()) complain_of_each(relay_errors, report.broken);
}

}  // namespace

void print(const SendReport& report, bool json, const RelayErrors& relay_errors) {
  json ? print_json(report, relay_errors) : print_text(report, relay_errors);
  std::cout << std::flush;
}

int fail_with(const Error& last, bool json, const RelayErrors& relay_errors) {
  const auto& error = decisive(relay_errors, last);
  if (json)
    std::cout << "{\"recipients\":[],\"error\":" << json_error(error)
              << ",\"relay_errors\":" << json_errors(relay_errors) << "}\n";
  complain_of_each(relay_errors, last);
  return exit_of(error);
}

}  // namespace postroad::cli
