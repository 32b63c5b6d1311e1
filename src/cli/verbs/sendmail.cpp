// The sendmail entry: what PHP's mail(), cron, git send-email and s-nail call. A message from
// standard input goes to the server of the settings at once. Nothing is queued here, so that exit
// code 0 means that a server has accepted it for every recipient. Not here: the flags
// (sendmail_flags.cpp), the settings (sendmail_settings.cpp), SMTP on standard input and output,
// as -bs asks for it (sendmail_smtp.cpp).
#include <pwd.h>
#include <signal.h>
#include <unistd.h>
#include <algorithm>
#include <iostream>

#include <postroad/address.hpp>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/flags/message_flags.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/sendmail.hpp"
#include "mail/mime/charset.hpp"
#include "proto/smtp/mail_parameters.hpp"

namespace postroad::cli {

namespace {

// Without -i a line with a single dot ends the message.
std::string until_the_dot(std::string bytes) {
  std::size_t begin = 0;
  while (begin < bytes.size()) {
    const auto end = std::min(bytes.find('\n', begin), bytes.size());
    auto line = std::string_view(bytes).substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line == ".") {
      bytes.resize(begin);
      break;
    }
    begin = end + 1;
  }
  return bytes;
}

// A display name without the characters that a header may not contain.
std::string clean_name(std::string_view text) {
  // A user's entry in a table that is older than UTF-8.
  auto name = is_utf8(text) ? std::string(text) : mail::to_utf8(text, "iso-8859-1").value_or("");
  std::erase_if(name, is_control);
  return name;
}

// One argument may hold several addresses, as people write them.
Result<std::vector<Address>> addresses_of(std::string_view text, const std::string& domain) {
  auto list = parse_address_list(text, {.unqualified = true});
  if (!list) return list.error();
  for (auto& one : *list) {
    if (one.mailbox.domain.empty()) one.mailbox.domain = domain;
  }
  return list;
}

std::string login_name() {
  const auto* user = ::getpwuid(::geteuid());
  return user != nullptr ? user->pw_name : "nobody";
}

Result<void> ask_for_reports(const SendmailCall& call, Envelope& envelope) {
  RecipientOptions each;
  const auto take = [](std::string_view keyword, const std::string& value, auto& options) {
    if (value.empty()) return std::string();
    return smtp::take_parameter({keyword, value}, smtp::Offered::all(), options).error;
  };
  const auto id = smtp::encode_xtext(call.envelope_id);
  const auto return_content =
      iequals(call.return_content, "hdrs") ? std::string("HDRS") : call.return_content;
  for (const auto& error :
       {take("NOTIFY", call.notify, each), take("RET", return_content, envelope.options),
        take("ENVID", id, envelope.options)}) {
    if (!error.empty()) return fail(Fault::input, "the flags -N, -R and -V", error);
  }
  if (!each.is_empty()) envelope.recipient_options.assign(envelope.recipients.size(), each);
  return {};
}

int end_with(const Error& error) {
  std::cerr << "sendmail: " << error.text() << '\n';
  return exit_of(error);
}

int report(const SendReport& report) {
  for (const auto& one : report.recipients) {
    if (one.outcome == Outcome::accepted) continue;
    const auto words = one.reply.code == 0 ? printable(one.reply.text) : one.reply.one_line();
    std::cerr << "sendmail: " << one.address << ' ' << one.outcome << ": " << words << '\n';
  }
  return exit_of(report);
}

// A message to send, and its envelope.
struct Prepared {
  Message message;
  Envelope envelope;
};

Result<Address> sender_of(const SendmailCall& call, const std::string& domain) {
  const bool is_own = call.sender.empty() || call.sender == "<>";
  auto sender = addresses_of(is_own ? login_name() + '@' + domain : call.sender, domain);
  if (!sender) return sender.error();
  if (sender->size() != 1)
    return fail(Fault::input, {'-', call.sender_flag}, "expected exactly one address");
  if (!call.full_name.empty()) sender->front().name = call.full_name;
  return std::move(sender->front());
}

Result<std::vector<Mailbox>> arguments_of(const SendmailCall& call, const std::string& domain) {
  std::vector<Mailbox> found;
  for (const auto& text : call.recipients) {
    auto list = addresses_of(text, domain);
    if (!list) return list.error();
    for (auto& one : *list) {
      if (std::find(found.begin(), found.end(), one.mailbox) == found.end())
        found.push_back(std::move(one.mailbox));
    }
  }
  return found;
}

Result<Prepared> prepare(const SendmailCall& call, const std::string& domain, std::string bytes) {
  const auto sender = sender_of(call, domain);
  if (!sender) return sender.error();
  Prepared made;
  // The sender and the domain are added where the header lacks them. A message without a header is
  // text, as cron and people at a terminal write it.
  made.message.default_domain(domain)
      .from(Address{clean_name(sender->name), sender->mailbox}.text())
      .raw(std::move(bytes));
  if (const auto fault = made.message.error()) return of_data(*fault);
  auto recipients = arguments_of(call, domain);
  if (!recipients) return recipients.error();
  made.envelope.recipients = std::move(*recipients);
  if (call.reads_recipients) {
    for (const auto& one : made.envelope.recipients) made.message.bcc(one.text());
    // The owner of an address that cannot be parsed would silently get nothing.
    const auto checked = made.message.check();
    made.envelope.recipients = made.message.recipients();
    if (!checked && checked.error().where != "To") return of_data(checked.error());
  }
  if (made.envelope.recipients.empty())
    return fail(call.reads_recipients ? Fault::data : Fault::input, "",
                "no recipient; give addresses, or -t to read them from the header");
  if (call.sender != "<>") made.envelope.reverse_path = sender->mailbox;
  return made;
}

int send(const SendmailSettings& settings, Prepared& prepared) {
  auto source = prepared.message.source();
  if (!source) return end_with(of_data(source.error()));
  auto client = sendmail_client(settings, RecipientPolicy::best_effort);
  if (!client) {
    (void)end_with(client.error());
    return exit_config;
  }
  const auto sent = client->send(prepared.envelope, **source);
  if (!sent) {
    const auto code = end_with(sent.error());
    // EX_NOHOST is about a recipient's host. A missing address of our server may be temporary.
    return sent.error().fault == Fault::resolve ? exit_temporary : code;
  }
  const int code = report(*sent);
  (void)client->quit();  // after the report: the reply may not come
  return code;
}

int fail_with(int code, const Error& error) {
  (void)end_with(error);
  return code;
}

int run_sendmail(const std::vector<std::string>& words) {
  ::signal(SIGPIPE, SIG_IGN);  // a caller that does not read still gets the exit code
  const auto call = parse_sendmail(words);
  if (!call) return end_with(call.error());
  if (call->does_nothing) return exit_ok;
  const auto settings = load_sendmail_settings();
  if (!settings) return fail_with(exit_config, settings.error());
  if (call->lists_queue) return print_mailq(settings->data);
  if (call->flushes_queue) return flush_queue(settings->data);
  if (call->speaks_smtp) return speak_smtp(*settings);
  auto bytes = read_all("-");
  if (!bytes) return end_with(bytes.error());
  if (!call->ignores_dots) *bytes = until_the_dot(std::move(*bytes));
  if (!call->allows_binary && is_binary_file(*bytes))
    return end_with(fail(Fault::data, "standard input",
                         "this is not a message: it has no header and holds binary data; use -O "
                         "AllowBinary=true to send it anyway"));
  auto prepared = prepare(*call, settings->domain, std::move(*bytes));
  if (!prepared) return end_with(prepared.error());
  if (const auto asked = ask_for_reports(*call, prepared->envelope); !asked)
    return end_with(asked.error());
  return send(*settings, *prepared);
}

}  // namespace

config::Command declare_sendmail() {
  std::string options;
  for (const auto& option : sendmail_declaration().erased().options)
    (options += options.empty() ? "" : ", ") += option.name;
  config::Command command{.name = "sendmail",
                          .summary = "send a message from standard input, as sendmail does"};
  command.description =
      "Reads a message from standard input and hands it to the server that "
      "/etc/postroad/sendmail.toml or ~/.config/postroad/sendmail.toml names (options: " +
      options +
      "). POSTROAD_SENDMAIL_CONFIG names another file, POSTROAD_SENDMAIL_SERVER another server. "
      "Nothing is queued: exit code 0 means that the server accepted the message for every "
      "recipient. Bcc is removed."
      "\n\n"
      "Called by the name sendmail the command does the same: link /usr/sbin/sendmail to it, and "
      "mailq, which lists the queue. Flags of other sendmails that mean nothing here are accepted "
      "and ignored.";
  command.arguments = {
      {.name = "RECIPIENT", .doc = "Recipients; -- ends the flags.", .required = false}};
  command.flags = {
      {.letter = 't', .doc = "Add the recipients of To, Cc and Bcc."},
      {.letter = 'i', .doc = "A line with a single dot does not end the message. Same as -oi."},
      {.letter = 'f',
       .value = "ADDRESS",
       .doc = "Sender; <> or '' is the null sender. Same as -r."},
      {.letter = 'F', .value = "NAME", .doc = "Display name for the From field, if it is missing."},
      {.letter = 'b',
       .value = "MODE",
       .doc = "m: send the message. s: speak SMTP on standard input and output. p: list the queue. "
              "i: accepted, does nothing.",
       .default_text = "`m`"},
      {.letter = 'q',
       .doc = "Try the messages that wait in the queue of this machine's server now. With a value, "
              "as in -q15m: accepted, does nothing."},
      {.letter = 'B',
       .value = "TYPE",
       .doc = "Accepted and ignored: the message data decides.",
       .words = {"7BIT", "8BITMIME"}},
      {.letter = 'N', .value = "WHEN", .doc = "Reports wanted (NOTIFY of RCPT)."},
      {.letter = 'R', .value = "WHAT", .doc = "Content of reports (RET of MAIL): full or hdrs."},
      {.letter = 'V', .value = "ID", .doc = "Envelope id (ENVID of MAIL)."},
      {.letter = 'O',
       .value = "NAME=VALUE",
       .doc = "IgnoreDots=true is the same as -i; AllowBinary=true sends input that has no header "
              "and is binary. Others are ignored."},
  };
  command.exit_codes = exit_codes_of_sending();
  command.exit_codes.push_back({exit_config, "the settings are wrong"});
  command.run_words = run_sendmail;
  return command;
}

}  // namespace postroad::cli
