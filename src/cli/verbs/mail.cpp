// `postroad mail list|show|wait`: delivered messages, for people and for tests. Not here: finding
// them and waiting for them (src/mailbox).
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iostream>

#include <postroad/delivery_report.hpp>
#include <postroad/mail_part.hpp>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "mailbox/json.hpp"
#include "mailbox/messages.hpp"
#include "mailbox/wait.hpp"

namespace postroad::cli {

config::Command MailVerbs::declare() {
  using config::Flag;
  const Flag where{.name = "data",
                   .letter = 'd',
                   .value = "FOLDER",
                   .doc = "Data folder of the server.",
                   .target = &data,
                   .completion = config::Completion::folder,
                   .typed = &data_typed};
  const Flag box{.name = "mailbox",
                 .letter = 'm',
                 .value = "ADDRESS",
                 .doc = "Only messages to this address.",
                 .target = &mailbox};
  const Flag about{.name = "subject",
                   .value = "TEXT",
                   .doc = "Only messages whose subject contains this.",
                   .target = &subject};
  const Flag as_json{.name = "json", .doc = "Print JSON.", .target = &json};
  config::Command group{.name = "mail", .summary = "list, show and wait for delivered messages"};
  group.subcommands = {
      {.name = "list",
       .summary = "list messages, one line each, oldest first",
       .flags = {where, box, about, as_json},
       .run = [this] { return list(); }},
      {.name = "show",
       .summary = "show one message, decoded",
       .arguments = {{.name = "ID", .doc = "Queue id, or `last`.", .target = &id}},
       .flags = {where,
                 box,
                 as_json,
                 {.name = "raw",
                  .doc = "Print the message as received.",
                  .target = &raw,
                  .excludes = {"--json"}}},
       .run = [this] { return show(); }},
      {.name = "wait",
       .summary = "wait until messages have arrived, and list them",
       .flags =
           {where,
            box,
            about,
            as_json,
            {.name = "count",
             .letter = 'n',
             .value = "N",
             .doc = "Number of messages to wait for.",
             .target = &count},
            {.name = "timeout", .value = "TIME", .doc = "How long to wait.", .target = &timeout}},
       .exit_codes = {{exit_ok, "the messages have arrived"},
                      {exit_io, "the folder cannot be watched, or a mailbox cannot be read"},
                      {exit_temporary, "the messages did not arrive in time"}},
       .run = [this] { return wait(); }},
  };
  return group;
}

namespace {

std::string time_text(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  localtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

mailbox::Filter filter_of(const MailVerbs& verb) {
  return {.mailbox = verb.mailbox, .subject = verb.subject};
}

void print_messages(const std::vector<mailbox::StoredMessage>& messages, bool json) {
  if (json) {
    std::cout << mailbox::to_json(messages) << '\n';
    return;
  }
  for (const auto& one : messages) {
    std::cout << fmt::format("{}  {}  {}  {}  {}\n", printable(one.id), time_text(one.time),
                             printable(one.mailbox), printable(one.from), printable(one.subject));
  }
}

void print_part(const MailPart& part, int depth) {
  if (part.is_multipart()) {
    for (const auto& below : part.parts) print_part(below, depth + 1);
    return;
  }
  if (part.is_attachment() || !part.type.value.starts_with("text/")) {
    std::cout << fmt::format("\n[{} {} {} bytes]\n", printable(part.type.value),
                             printable(part.file_name()), part.decoded().size());
    return;
  }
  if (depth > 0 || part.type.value != "text/plain")
    std::cout << "\n[" << printable(part.type.value) << "]\n";
  std::cout << '\n';
  const auto text = part.text();
  for (const auto line : split(text, '\n')) {
    auto shown = line;
    if (shown.ends_with('\r')) shown.remove_suffix(1);
    std::cout << printable(shown, 1 << 20) << '\n';
  }
}

// The delivery report of another server, one line per recipient.
void print_report(std::string_view bytes) {
  const auto report = DeliveryReport::parse(bytes);
  if (!report) return;
  std::cout << "\n[delivery report of " << printable(report->reporting_mta) << "]\n";
  for (const auto& one : report->recipients)
    std::cout << fmt::format("{} {} {} {}\n", printable(one.final_recipient), to_string(one.action),
                             printable(one.status), printable(one.diagnostic));
}

int refuse(const MailVerbs& verb, Error error) {
  const bool is_root = error.where == (std::filesystem::path(verb.data) / "mail").string();
  if (is_root)
    error.detail +=
        "; " + config::as_typed(verb.data_typed, "--data") + " is the server's data folder";
  complain("mail", error.text());
  return exit_of(error);
}

void print_message(std::string_view bytes, const MailPart& part) {
  for (const char* name : {"From", "To", "Cc", "Subject", "Date", "Message-ID"}) {
    if (part.find(name) != nullptr)
      std::cout << name << ": " << printable(part.header(name)) << '\n';
  }
  print_part(part, 0);
  print_report(bytes);
}

}  // namespace

int MailVerbs::list() {
  const auto messages = mailbox::list_messages(data, filter_of(*this));
  if (!messages) return refuse(*this, messages.error());
  print_messages(*messages, json);
  return exit_ok;
}

int MailVerbs::show() {
  const auto found = mailbox::find_message(data, filter_of(*this), id);
  if (!found) return refuse(*this, found.error());
  if (!*found)
    return refuse(*this,
                  id == "last"
                      ? fail(Fault::not_found, data,
                             mailbox.empty() ? "there are no messages"
                                             : "there are no messages to " + printable(mailbox, 80))
                      : fail(Fault::not_found, id,
                             "no message has this id; `postroad mail list` shows the ids"));
  const auto bytes = mailbox::read_message((*found)->path);
  if (!bytes) return refuse(*this, bytes.error());
  if (raw) {
    std::cout << *bytes;
    return exit_ok;
  }
  const auto part = MailPart::parse(*bytes);
  if (json)
    std::cout << mailbox::to_json(**found, part) << '\n';
  else
    print_message(*bytes, part);
  return exit_ok;
}

int MailVerbs::wait() {
  if (count < 1)
    return refuse(*this,
                  fail(Fault::input, "--count " + std::to_string(count), "expected at least 1"));
  const auto wanted = static_cast<std::size_t>(count);
  const auto waited = mailbox::wait_for_messages(data, filter_of(*this), wanted, timeout);
  if (!waited) return refuse(*this, waited.error());
  print_messages(waited->messages, json);
  if (waited->is_complete) return exit_ok;
  const auto remedy =
      waited->absent_folder.empty()
          ? std::string("see --timeout")
          : fmt::format("the folder {} does not exist: {} is the server's data folder",
                        printable(waited->absent_folder, 200),
                        config::as_typed(data_typed, "--data"));
  complain("mail wait",
           fmt::format("{} of {} messages arrived within {}; {}", waited->messages.size(), count,
                       config::format(timeout), remedy));
  return exit_temporary;
}

}  // namespace postroad::cli
