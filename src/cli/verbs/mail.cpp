// `postroad mail list|show|wait`: delivered messages, for people and for tests.
#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <ctime>
#include <iostream>

#include <postroad/address.hpp>
#include <postroad/delivery_report.hpp>
#include <postroad/mail_part.hpp>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "mailbox/mailboxes.hpp"
#include "observe/sinks.hpp"

namespace postroad::cli {

config::Command MailVerbs::declare() {
  using config::Flag;
  const Flag where{.name = "data",
                   .letter = 'd',
                   .value = "FOLDER",
                   .doc = "Data folder of the server.",
                   .target = &data,
                   .completion = config::Completion::folder};
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
                 {.name = "raw", .doc = "Print the message as received.", .target = &raw}},
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

using observe::json_string;

struct Shown {
  mailbox::StoredMail mail;
  std::string from, to, subject, date;
  std::size_t size = 0;
};

std::string time_text(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  localtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

Result<std::vector<Shown>> find(const MailVerbs& verb) {
  const auto all = mailbox::list_mail(verb.data);
  if (!all) return all.error();
  std::vector<Shown> found;
  for (const auto& mail : *all) {
    if (!verb.mailbox.empty() && !iequals(mail.mailbox, verb.mailbox)) continue;
    const auto bytes = read_all(mail.path.string());
    std::error_code error;
    if (!bytes && !std::filesystem::exists(mail.path, error) && !error)
      continue;  // moved by another reader in between
    if (!bytes) return bytes.error();
    const auto part = MailPart::parse(*bytes);
    Shown shown{mail,
                part.header("From"),
                part.header("To"),
                part.header("Subject"),
                part.header("Date"),
                bytes->size()};
    if (shown.subject.find(verb.subject) != std::string::npos) found.push_back(std::move(shown));
  }
  return found;
}

void print(const std::vector<Shown>& mails, bool json) {
  if (json) {
    std::string out = "[";
    for (const auto& one : mails) {
      out += fmt::format(
          R"({}{{"id":{},"mailbox":{},"time":{},"from":{},"to":{},"subject":{},"size":{},"path":{}}})",
          out.size() > 1 ? ",\n " : "", json_string(one.mail.id), json_string(one.mail.mailbox),
          one.mail.time, json_string(one.from), json_string(one.to), json_string(one.subject),
          one.size, json_string(one.mail.path.string()));
    }
    std::cout << out << "]\n";
    return;
  }
  for (const auto& one : mails) {
    std::cout << fmt::format("{}  {}  {}  {}  {}\n", printable(one.mail.id),
                             time_text(one.mail.time), printable(one.mail.mailbox),
                             printable(one.from), printable(one.subject));
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

// The addresses of a field, as far as they can be parsed.
std::string json_addresses(const MailPart& part, std::string_view name) {
  std::string out = "[";
  for (const auto& field : part.fields) {
    if (!iequals(field.name, name)) continue;
    const auto list = parse_address_list(field.value(), {.tolerant = true});
    if (!list) continue;
    for (const auto& one : *list)
      out += fmt::format(R"({}{{"name":{},"address":{}}})", out.size() > 1 ? "," : "",
                         json_string(one.name), json_string(one.mailbox.text()));
  }
  return out + "]";
}

void print_json(const mailbox::StoredMail& mail, const MailPart& part) {
  std::string fields;
  for (const auto& field : part.fields) {
    fields += fmt::format("{}[{},{}]", fields.empty() ? "" : ",", json_string(field.name),
                          json_string(part.header(field.name)));
  }
  const auto* text = part.first("text/plain");
  const auto* html = part.first("text/html");
  std::cout
      << fmt::format(
             R"({{"id":{},"mailbox":{},"header":[{}],"from":{},"to":{},"cc":{},"text":{},"html":{}}})",
             json_string(mail.id), json_string(mail.mailbox), fields, json_addresses(part, "From"),
             json_addresses(part, "To"), json_addresses(part, "Cc"),
             text == nullptr ? "null" : json_string(text->text()),
             html == nullptr ? "null" : json_string(html->text()))
      << '\n';
}

int refuse(const Error& error) {
  complain("mail", error.text());
  return exit_of(error);
}

}  // namespace

int MailVerbs::list() {
  const auto mails = find(*this);
  if (!mails) return refuse(mails.error());
  print(*mails, json);
  return exit_ok;
}

int MailVerbs::show() {
  const auto mails = find(*this);
  if (!mails) return refuse(mails.error());
  const auto found = std::find_if(mails->rbegin(), mails->rend(), [&](const auto& one) {
    return id == "last" || iequals(one.mail.id, id);
  });
  if (found == mails->rend())
    return refuse(
        fail(Fault::not_found, id, "no message has this id; `postroad mail list` shows the ids"));
  const auto bytes = read_all(found->mail.path.string());
  if (!bytes) return refuse(bytes.error());
  if (raw) {
    std::cout << *bytes;
    return exit_ok;
  }
  const auto part = MailPart::parse(*bytes);
  if (json) {
    print_json(found->mail, part);
    return exit_ok;
  }
  for (const char* name : {"From", "To", "Cc", "Subject", "Date", "Message-ID"}) {
    if (part.find(name) != nullptr)
      std::cout << name << ": " << printable(part.header(name)) << '\n';
  }
  print_part(part, 0);
  print_report(*bytes);
  return exit_ok;
}

int MailVerbs::wait() {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + timeout;
  const int watch = inotify_init1(IN_CLOEXEC);
  for (;;) {
    // The watches come first, so that nothing is missed between them and the look.
    const auto root = data + "/mail";
    inotify_add_watch(watch, data.c_str(), IN_CREATE | IN_MOVED_TO);
    inotify_add_watch(watch, root.c_str(), IN_CREATE | IN_MOVED_TO);
    std::error_code ignored;
    for (std::filesystem::directory_iterator box(root, ignored), end; !ignored && box != end;
         box.increment(ignored)) {
      inotify_add_watch(watch, box->path().c_str(), IN_CREATE);
      inotify_add_watch(watch, (box->path() / "new").c_str(), IN_CREATE | IN_MOVED_TO);
    }
    const auto mails = find(*this);
    if (!mails && mails.error().fault != Fault::not_found) {  // waiting does not change that
      ::close(watch);
      return refuse(mails.error());
    }
    const bool enough = mails && mails->size() >= static_cast<std::size_t>(std::max(count, 0));
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (enough || left <= 0) {
      if (mails) print(*mails, json);
      ::close(watch);
      if (enough) return exit_ok;
      complain("mail wait", fmt::format("{} of {} messages arrived within {}; see --timeout",
                                        mails ? mails->size() : 0, count, config::format(timeout)));
      return exit_temporary;
    }
    pollfd one{watch, POLLIN, 0};
    ::poll(&one, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    char events[4096];
    if ((one.revents & POLLIN) != 0 && ::read(watch, events, sizeof events) < 0) break;
  }
  ::close(watch);
  return exit_io;
}

}  // namespace postroad::cli
