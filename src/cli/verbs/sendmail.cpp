// The sendmail entry: what PHP's mail(), cron, git send-email and s-nail call. A message from
// standard input goes to the server of the settings at once. Nothing is queued here, so that exit
// code 0 means that a server has accepted it for every recipient. With -bs it speaks SMTP on
// standard input and output (sendmail_smtp.cpp).
#include <pwd.h>
#include <signal.h>
#include <unistd.h>
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include <postroad/address.hpp>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/flags/message_flags.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/sendmail.hpp"
#include "client/url.hpp"
#include "config/file.hpp"
#include "daemon/settings.hpp"
#include "mail/address/mailbox.hpp"
#include "mail/mime/charset.hpp"
#include "proto/smtp/mail_parameters.hpp"

namespace postroad::cli {

using namespace daemon;

namespace {

// -X VALUE or -XVALUE. Flags of other sendmails that mean nothing here are accepted and ignored.
constexpr std::string_view with_value = "fFrBOoNRVhpXLACbeqM";
constexpr std::string_view alone = "itvnGUmscI";
// Flags whose value, if any, is in the same word: `-q15m`. Others may have it in the next: `-o i`.
constexpr std::string_view joined_only = "qM";

Error wrong(const std::string& word, std::string_view why) {
  return fail(Fault::input, "'" + printable(word, 60) + "'", std::string(why));
}

Result<void> take_mode(std::string_view mode, SendmailCall& call) {
  if (mode == "m") return {};
  if (mode == "s") {
    call.speaks_smtp = true;
    return {};
  }
  if (mode == "p" || mode == "i") {
    call.does_nothing = true;  // the queue, the aliases: there are none here
    return {};
  }
  return wrong("-b" + std::string(mode), "this mode is not supported here; use -bm or -bs");
}

// -oi, -oem, -odb, …; -O Name=value.
void take_option(std::string_view option, SendmailCall& call) {
  if (option == "i" || iequals(option, "IgnoreDots") || iequals(option, "IgnoreDots=true"))
    call.ignores_dots = true;
  if (iequals(option, "AllowBinary") || iequals(option, "AllowBinary=true"))
    call.allows_binary = true;
}

Result<void> take(char letter, const std::string& value, SendmailCall& call) {
  switch (letter) {
    case 'i':
      call.ignores_dots = true;
      return {};
    case 't':
      call.reads_recipients = true;
      return {};
    case 'f':
    case 'r':
      call.sender = value.empty() ? "<>" : value;
      return {};
    case 'F':
      call.full_name = value;
      return {};
    case 'B':
      if (!iequals(value, "7BIT") && !iequals(value, "8BITMIME"))
        return wrong("-B " + value, "expected 7BIT or 8BITMIME");
      return {};
    case 'N':
      call.notify = value;
      return {};
    case 'R':
      call.return_content = value;
      return {};
    case 'V':
      call.envelope_id = value;
      return {};
    case 'b':
      return take_mode(value, call);
    case 'q':
    case 'I':
      call.does_nothing = true;  // run the queue, rebuild the aliases: there are none
      return {};
    case 'o':
    case 'O':
      take_option(value, call);
      return {};
    default:
      return {};
  }
}

}  // namespace

Result<SendmailCall> parse_sendmail(const std::vector<std::string>& words) {
  SendmailCall call;
  std::size_t at = 0;
  bool ended = false;  // by --
  for (; at < words.size(); ++at) {
    const auto& word = words[at];
    if (word == "--") {
      ++at;
      ended = true;
      break;
    }
    if (word.size() < 2 || word.front() != '-') break;
    // Switches may share a word: -ti.
    for (std::size_t i = 1; i < word.size(); ++i) {
      const char letter = word[i];
      if (alone.find(letter) != std::string_view::npos) {
        const auto taken = take(letter, {}, call);
        if (!taken) return taken.error();
        continue;
      }
      if (with_value.find(letter) == std::string_view::npos)
        return wrong(word, "unknown flag; put addresses that begin with - behind --");
      std::string value = word.substr(i + 1);
      const bool joined = joined_only.find(letter) != std::string_view::npos;
      if (value.empty() && !joined) {
        if (++at == words.size()) return wrong(word, "the flag needs a value");
        value = words[at];
      }
      const auto taken = take(letter, value, call);
      if (!taken) return taken.error();
      break;
    }
  }
  call.recipients.assign(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  if (ended) return call;
  // After the first address nothing is a flag, but some callers write the end of the flags there.
  const auto end = std::find(call.recipients.begin(), call.recipients.end(), "--");
  if (end != call.recipients.end()) call.recipients.erase(end);
  return call;
}

const config::Section<SendmailSettings>& sendmail_declaration() {
  static const auto made = [] {
    config::Section<SendmailSettings> s;
    s.option("server", &SendmailSettings::server, "URL of the server that accepts the messages.");
    s.option("user", &SendmailSettings::user, "Log in as this user. Empty: no login.");
    s.option("password_file", &SendmailSettings::password_file,
             "The password is the first line of this file.");
    s.option("ca_file", &SendmailSettings::ca_file,
             "Trust these CA certificates (PEM) instead of the system's.");
    s.option("allow_password_in_clear", &SendmailSettings::allow_password_in_clear,
             "Insecure: send the password without TLS too.");
    s.option("domain", &SendmailSettings::domain,
             "Domain for addresses without @. Empty: the name of this machine.");
    s.option("timeout", &SendmailSettings::timeout, "Time to connect, and for each reply.");
    return s;
  }();
  return made;
}

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
      "Called by the name sendmail the command does the same: link /usr/sbin/sendmail to it. Flags "
      "of other sendmails that mean nothing here are accepted and ignored.";
  command.arguments = {
      {.name = "RECIPIENT", .doc = "Recipients; -- ends the flags.", .required = false}};
  command.flags = {
      {.letter = 't', .doc = "Add the recipients of To, Cc and Bcc."},
      {.letter = 'i', .doc = "A line with a single dot is text and not the end. As -oi."},
      {.letter = 'f', .value = "ADDRESS", .doc = "Sender; <> or '' is the null sender. As -r."},
      {.letter = 'F', .value = "NAME", .doc = "Name for a From that is missing."},
      {.letter = 'b',
       .value = "MODE",
       .doc = "m: send the message (default). s: speak SMTP on standard input and output. p, i: "
              "accepted, do nothing."},
      {.letter = 'B',
       .value = "TYPE",
       .doc = "Accepted; what is sent decides.",
       .words = {"7BIT", "8BITMIME"}},
      {.letter = 'N', .value = "WHEN", .doc = "Reports wanted (NOTIFY of RCPT)."},
      {.letter = 'R', .value = "WHAT", .doc = "What a report returns (RET of MAIL): full or hdrs."},
      {.letter = 'V', .value = "ID", .doc = "Envelope id (ENVID of MAIL)."},
      {.letter = 'O',
       .value = "NAME=VALUE",
       .doc = "IgnoreDots=true is -i; AllowBinary=true sends input that has no header and is "
              "binary. Others are ignored."},
  };
  command.exit_codes = exit_codes_of_sending();
  command.exit_codes.push_back({exit_config, "the settings are wrong"});
  return command;
}

Result<SendmailSettings> load_sendmail_settings() {
  SendmailSettings settings;
  const auto* named = std::getenv("POSTROAD_SENDMAIL_CONFIG");
  const auto* home = std::getenv("HOME");
  std::vector<std::string> files{"/etc/postroad/sendmail.toml"};
  if (home != nullptr) files.push_back(std::string(home) + "/.config/postroad/sendmail.toml");
  if (named != nullptr) files = {named};
  for (const auto& file : files) {
    if (named == nullptr && ::access(file.c_str(), F_OK) != 0) continue;
    const auto text = read_all(file);
    if (!text) return text.error();
    const auto loaded = config::load_toml(*text, file, sendmail_declaration(), settings);
    if (!loaded) return loaded.errors.front();
  }
  if (const auto* server = std::getenv("POSTROAD_SENDMAIL_SERVER")) settings.server = server;
  if (settings.domain.empty()) settings.domain = system_hostname();
  if (!mail::is_domain(settings.domain))
    return fail(Fault::input, "domain", "not a domain: " + printable(settings.domain, 80));
  if (const auto url = client::parse_url(settings.server); !url)
    return fail(Fault::input, "server", url.error().text());
  return settings;
}

Result<Client> sendmail_client(const SendmailSettings& settings, RecipientPolicy policy) {
  ClientOptions options;
  options.tls.ca_file = settings.ca_file.string();
  options.allow_password_in_clear = settings.allow_password_in_clear;
  if (settings.allow_password_in_clear) options.tls.policy = Tls::opportunistic;
  options.timeouts.connect = options.timeouts.command = settings.timeout;
  // The reply to the final dot may take minutes (RFC 5321 section 4.5.3.2.6).
  if (settings.timeout != SendmailSettings{}.timeout)
    options.timeouts.end_of_data = settings.timeout;
  options.recipient_policy = policy;
  options.drop_unsupported_options = true;  // -N and -R are requests, not demands
  if (settings.user.empty()) return Client(settings.server, std::move(options));
  auto password = Secret::from_file(settings.password_file.string());
  if (!password) return password.error();
  return Client(settings.server, Login{settings.user, std::move(*password)}, std::move(options));
}

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

// A display name without what may not stand in a header.
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
  if (sender->size() != 1) return fail(Fault::input, "-f", "expected exactly one address");
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
  if (const auto fault = made.message.error()) return *fault;
  auto recipients = arguments_of(call, domain);
  if (!recipients) return recipients.error();
  made.envelope.recipients = std::move(*recipients);
  if (call.reads_recipients) {
    for (const auto& one : made.envelope.recipients) made.message.bcc(one.text());
    // The owner of an address that cannot be parsed would silently get nothing.
    const auto checked = made.message.check();
    made.envelope.recipients = made.message.recipients();
    if (!checked && checked.error().where != "To") return checked.error();
  }
  if (made.envelope.recipients.empty())
    return fail(Fault::input, "",
                "no recipient; give addresses, or -t to read them from the header");
  if (call.sender != "<>") made.envelope.reverse_path = sender->mailbox;
  return made;
}

int send(const SendmailSettings& settings, Prepared& prepared) {
  auto source = prepared.message.source();
  if (!source) return end_with(source.error());
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

}  // namespace

int run_sendmail(const std::vector<std::string>& words) {
  ::signal(SIGPIPE, SIG_IGN);  // a caller that does not read still gets the exit code
  const auto call = parse_sendmail(words);
  if (!call) return fail_with(exit_usage, call.error());
  if (call->does_nothing) return exit_ok;
  const auto settings = load_sendmail_settings();
  if (!settings) return fail_with(exit_config, settings.error());
  if (call->speaks_smtp) return speak_smtp(*settings);
  auto bytes = read_all("-");
  if (!bytes) return end_with(bytes.error());
  if (!call->ignores_dots) *bytes = until_the_dot(std::move(*bytes));
  if (!call->allows_binary && is_binary_file(*bytes))
    return end_with(fail(Fault::input, "standard input",
                         "this is not a message: it has no header and holds binary data; use -O "
                         "AllowBinary=true to send it all the same"));
  auto prepared = prepare(*call, settings->domain, std::move(*bytes));
  if (!prepared) return end_with(prepared.error());
  if (const auto asked = ask_for_reports(*call, prepared->envelope); !asked)
    return fail_with(exit_usage, asked.error());
  return send(*settings, *prepared);
}

}  // namespace postroad::cli
