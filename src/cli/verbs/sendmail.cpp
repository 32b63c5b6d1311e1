// The sendmail entry: what PHP's mail(), cron, git send-email and s-nail call. A mail from standard
// input goes to the server of the settings at once; nothing is queued here, so that exit code 0
// means that a server has taken it for every recipient. With -bs it speaks SMTP on standard input
// and output (sendmail_smtp.cpp).
#include <pwd.h>
#include <signal.h>
#include <unistd.h>
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include <postroad/address.hpp>

#include "base/text.hpp"
#include "cli/exit.hpp"
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

// -X VALUE or -XVALUE; the options of other sendmails that mean nothing here are taken and dropped.
constexpr std::string_view with_value = "fFrBOoNRVhpXLACbeqM";
constexpr std::string_view alone = "itvnGUmscI";
// Whose value, if any, is in the same word: `-q15m`. That of the others may be the next: `-o i`.
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
  return wrong("-b" + std::string(mode), "this mode is not for a program that hands mail over");
}

// -oi, -oem, -odb, …; -O Name=value.
void take_option(std::string_view option, SendmailCall& call) {
  if (option == "i" || iequals(option, "IgnoreDots") || iequals(option, "IgnoreDots=true"))
    call.ignores_dots = true;
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
        return wrong("-B " + value, "the body is 7BIT or 8BITMIME");
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
      call.does_nothing = true;  // run the queue, make the aliases anew: there are none
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
        return wrong(word, "not a flag of sendmail's; addresses that begin with - stand behind --");
      std::string value = word.substr(i + 1);
      const bool joined = joined_only.find(letter) != std::string_view::npos;
      if (value.empty() && !joined) {
        if (++at == words.size()) return wrong(word, "the flag wants a value");
        value = words[at];
      }
      const auto taken = take(letter, value, call);
      if (!taken) return taken.error();
      break;
    }
  }
  call.recipients.assign(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  if (ended) return call;
  // Behind the first address nothing is a flag, but some write the end of the flags there.
  const auto end = std::find(call.recipients.begin(), call.recipients.end(), "--");
  if (end != call.recipients.end()) call.recipients.erase(end);
  return call;
}

const config::Section<SendmailSettings>& sendmail_declaration() {
  static const auto made = [] {
    config::Section<SendmailSettings> s;
    s.option("server", &SendmailSettings::server, "URL of the server that takes the mail.");
    s.option("user", &SendmailSettings::user, "Log in as this user; empty: no login.");
    s.option("password_file", &SendmailSettings::password_file,
             "The password is the first line of this file.");
    s.option("ca_file", &SendmailSettings::ca_file,
             "Trust these roots (PEM) in place of the system's.");
    s.option("allow_password_in_clear", &SendmailSettings::allow_password_in_clear,
             "Weakens: sends the password without TLS too.");
    s.option("domain", &SendmailSettings::domain,
             "Completes addresses without @; empty: this machine's name.");
    s.option("timeout", &SendmailSettings::timeout, "To connect, and for each reply.");
    return s;
  }();
  return made;
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
    if (!loaded) return loaded.error();
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
  options.ca_file = settings.ca_file.string();
  options.allow_password_in_clear = settings.allow_password_in_clear;
  if (settings.allow_password_in_clear) options.tls = Tls::opportunistic;
  options.connect_timeout = options.command_timeout = settings.timeout;
  // The reply to the final dot has its own patience (RFC 5321 §4.5.3.2.6) unless asked otherwise.
  if (settings.timeout != SendmailSettings{}.timeout)
    options.end_of_data_timeout = settings.timeout;
  options.recipient_policy = policy;
  options.drop_unsupported_options = true;  // -N and -R are wishes
  if (settings.user.empty()) return Client(settings.server, std::move(options));
  auto password = Secret::from_file(settings.password_file.string());
  if (!password) return password.error();
  return Client(settings.server, Login{settings.user, std::move(*password)}, std::move(options));
}

namespace {

// Without -i a line that is a lone dot ends the mail.
std::string until_the_dot(std::string octets) {
  std::size_t begin = 0;
  while (begin < octets.size()) {
    const auto end = std::min(octets.find('\n', begin), octets.size());
    auto line = std::string_view(octets).substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line == ".") {
      octets.resize(begin);
      break;
    }
    begin = end + 1;
  }
  return octets;
}

// A display name without what may not stand in a header.
std::string clean_name(std::string_view text) {
  // Of a user's entry in a table that is older than UTF-8.
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

}  // namespace

int run_sendmail(const std::vector<std::string>& words) {
  ::signal(SIGPIPE, SIG_IGN);  // a caller that hears no sentence still gets the exit code
  const auto call = parse_sendmail(words);
  if (!call) {
    std::cerr << "sendmail: " << call.error().text() << '\n';
    return exit_usage;
  }
  if (call->does_nothing) return exit_ok;
  const auto settings = load_sendmail_settings();
  if (!settings) {
    std::cerr << "sendmail: " << settings.error().text() << '\n';
    return exit_config;
  }
  if (call->speaks_smtp) return speak_smtp(*settings);
  auto octets = read_all("-");
  if (!octets) return end_with(octets.error());
  if (!call->ignores_dots) *octets = until_the_dot(std::move(*octets));
  const bool null_sender = call->sender == "<>";
  const auto own = login_name() + '@' + settings->domain;
  auto sender =
      addresses_of(call->sender.empty() || null_sender ? own : call->sender, settings->domain);
  if (!sender) return end_with(sender.error());
  if (sender->size() != 1) return end_with(fail(Fault::input, "-f", "wants one address"));
  auto& author = sender->front();
  if (!call->full_name.empty()) author.name = call->full_name;

  Message message;
  // What is given here is added where the header lacks it. A mail without a header is text: cron
  // and people at a terminal write such.
  message.default_domain(settings->domain)
      .from(Address{clean_name(author.name), author.mailbox}.text())
      .raw(std::move(*octets));
  if (const auto fault = message.fault()) return end_with(*fault);
  Envelope envelope;
  for (const auto& text : call->recipients) {
    auto list = addresses_of(text, settings->domain);
    if (!list) return end_with(list.error());
    for (auto& one : *list) {
      if (std::find(envelope.recipients.begin(), envelope.recipients.end(), one.mailbox) ==
          envelope.recipients.end())
        envelope.recipients.push_back(std::move(one.mailbox));
    }
  }
  if (call->reads_recipients) {
    for (const auto& one : envelope.recipients) message.bcc(one.text());
    // An address that cannot be read would be one who silently gets nothing.
    const auto checked = message.check();
    envelope.recipients = message.recipients();
    if (!checked && checked.error().where != "To") return end_with(checked.error());
  }
  if (envelope.recipients.empty()) {
    return end_with(fail(Fault::input, "recipients",
                         "there is nobody to send to; give addresses, or -t to read them from the "
                         "header"));
  }
  if (!null_sender) envelope.reverse_path = author.mailbox;
  if (const auto asked = ask_for_reports(*call, envelope); !asked) {
    (void)end_with(asked.error());
    return exit_usage;
  }
  auto source = message.source();
  if (!source) return end_with(source.error());
  auto client = sendmail_client(*settings, RecipientPolicy::best_effort);
  if (!client) {
    (void)end_with(client.error());
    return exit_config;
  }
  const auto sent = client->send(envelope, **source);
  if (!sent) {
    const auto code = end_with(sent.error());
    // EX_NOHOST is about a recipient's host. That our server's name has no address may pass.
    return sent.error().fault == Fault::resolve ? exit_temporary : code;
  }
  const int code = report(*sent);
  (void)client->quit();  // after the report: the reply may not come
  return code;
}

}  // namespace postroad::cli
