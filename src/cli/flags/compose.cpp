// From the flags to a Message; see message_flags.hpp. Not here: the declaration of the flags
// (message_flags.cpp).
#include <algorithm>
#include <filesystem>
#include <postroad/address.hpp>
#include <postroad/dkim.hpp>
#include <postroad/template.hpp>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/flags/message_flags.hpp"
#include "cli/terminal.hpp"
#include "daemon/settings.hpp"
#include "mail/mime/raw_message.hpp"

namespace postroad::cli {

namespace {

// Whether it begins with a header field, an mbox line, or a byte order mark in front of either.
bool has_header(std::string_view bytes) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  if (bytes.starts_with("From ")) return true;
  const auto end = bytes.find_first_of(":\n");
  if (end == std::string_view::npos || bytes[end] != ':') return false;
  const auto name = trim(bytes.substr(0, end));
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// A control character that no text has. ESC is in ISO-2022-JP.
bool is_binary(char c) {
  constexpr std::string_view in_text = "\t\n\v\f\r\b\x1b";
  return is_control(c) && in_text.find(c) == std::string_view::npos;
}

}  // namespace

bool is_binary_file(std::string_view bytes) {
  return !has_header(bytes) && std::any_of(bytes.begin(), bytes.end(), is_binary);
}

namespace {

// Whether that input can be meant as a message or as its text. `source` names it in the error.
Result<void> check_input(const MessageFlags& flags, std::string_view bytes,
                         const std::string& source) {
  if (!flags.allow_empty && bytes.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return fail(Fault::data, source,
                "there is nothing to send: the input is empty; use --allow-empty to send it "
                "anyway");
  if (!flags.allow_binary && is_binary_file(bytes))
    return fail(Fault::data, source,
                "this is not a message: it has no header and holds binary data; attach it with "
                "--attach, or use --allow-binary to send it anyway");
  return {};
}

// Whether the value names standard input, "-", or a file, "@FILE".
bool is_read(const std::string& value) { return value == "-" || value.starts_with('@'); }

// The value itself, or what it reads.
Result<std::string> text_of_flag(const MessageFlags& flags, const std::string& flag,
                                 const std::string& value) {
  if (!is_read(value)) return value;
  const auto path = value == "-" ? value : value.substr(1);
  auto text = read_all(path);
  if (!text) return text;
  const auto source = flag + (value == "-" ? " - (standard input)" : ' ' + value);
  if (const auto meant = check_input(flags, *text, source); !meant) return meant.error();
  return text;
}

Error wrong(std::string flag, std::string why) {
  return fail(Fault::input, std::move(flag), std::move(why));
}

// The values of --set, and the names that no template has had yet.
struct Values {
  Template::Values all;
  std::set<std::string> unused;
};

Result<Values> read_values(const std::vector<std::string>& pairs) {
  Values values;
  for (const auto& pair : pairs) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return wrong("--set '" + printable(pair, 60) + "'", "expected NAME=VALUE");
    auto value = pair.substr(equals + 1);
    if (value.starts_with('@')) {
      auto text = read_all(value.substr(1));
      if (!text) return text.error();
      value = std::move(*text);
    }
    values.unused.insert(pair.substr(0, equals));
    values.all.insert_or_assign(pair.substr(0, equals), std::move(value));
  }
  return values;
}

// The flag's text, filled when there are values.
Result<std::string> filled(const std::string& source, bool html, const std::string& flag,
                           Values& values) {
  if (values.all.empty()) return source;
  const auto made = html ? Template::html(source) : Template::text(source);
  auto text = made ? made->fill(values.all) : Result<std::string>(made.error());
  if (text) {
    for (const auto& name : made->names()) values.unused.erase(name);
    return text;
  }
  auto error = text.error();
  error.where = flag + ", " + error.where;
  return error;
}

Result<void> add_texts(const MessageFlags& flags, Message& message) {
  auto values = read_values(flags.values);
  if (!values) return values.error();
  if (!flags.subject.empty()) {
    const auto words = filled(flags.subject, false, "--subject", *values);
    if (!words) return words.error();
    message.subject(*words);
  }
  if (flags.html_file) {
    if (!values->all.empty())
      return wrong("--html-file", "cannot be combined with --set; use --html @FILE and --embed");
    auto page = read_all(*flags.html_file);  // once: it may be a pipe
    if (!page) return page.error();
    if (const auto meant = check_input(flags, *page, "--html-file " + *flags.html_file); !meant)
      return meant.error();
    message.html(std::move(*page), std::filesystem::path(*flags.html_file).parent_path().string());
  }
  for (const bool html : {false, true}) {
    const auto& flag = html ? flags.html : flags.text;
    if (!flag) continue;
    const std::string name = html ? "--html" : "--text";
    const auto source = text_of_flag(flags, name, *flag);
    if (!source) return source.error();
    auto body = filled(*source, html, name, *values);
    if (!body) return is_read(*flag) ? of_data(body.error()) : body.error();
    html ? message.html(std::move(*body)) : message.text(std::move(*body));
  }
  if (values->unused.empty()) return {};
  const auto name = printable(*values->unused.begin(), 60);
  return wrong("--set " + name, "neither --subject nor --text nor --html has {{" + name +
                                    "}}; correct the name, or leave the flag out");
}

Result<void> add_calendar(const MessageFlags& flags, Message& message) {
  if (!flags.calendar) return {};
  const auto& flag = *flags.calendar;
  const auto colon = flag.find(':');
  if (colon == std::string::npos)
    return wrong("--calendar '" + printable(flag, 60) + "'",
                 "expected METHOD:FILE, such as REQUEST:meeting.ics");
  auto text = read_all(flag.substr(colon + 1));
  if (!text) return text.error();
  if (const auto meant = check_input(flags, *text, "--calendar " + flag); !meant)
    return meant.error();
  message.calendar(flag.substr(0, colon), std::move(*text));
  return {};
}

Result<void> add_fields(const MessageFlags& flags, Message& message) {
  if (flags.in_reply_to) message.in_reply_to(*flags.in_reply_to);
  if (flags.references) message.references(*flags.references);
  if (flags.unsubscribe) message.list_unsubscribe(*flags.unsubscribe);
  if (flags.importance)
    message.priority(*flags.importance == "high"  ? Priority::high
                     : *flags.importance == "low" ? Priority::low
                                                  : Priority::normal);
  for (const auto& field : flags.headers) {
    const auto colon = field.find(':');
    if (colon == std::string::npos)
      return wrong("--header '" + printable(field, 60) + "'", "expected `Name: value`");
    message.header(std::string_view(field).substr(0, colon),
                   trim(std::string_view(field).substr(colon + 1)));
  }
  return {};
}

Result<void> add_signature(const MessageFlags& flags, Message& message) {
  if (!flags.dkim_key) {
    if (flags.dkim_selector || flags.dkim_domain)
      return wrong("--dkim-selector, --dkim-domain", "need --dkim-key; give the private key");
    return {};
  }
  if (!flags.dkim_selector)
    return wrong("--dkim-key",
                 "needs --dkim-selector, the name under which the public key is published");
  auto key = DkimKey::from_file(*flags.dkim_key);
  if (!key) return key.error();
  DkimOptions options;
  options.selector = *flags.dkim_selector;
  options.domain = flags.dkim_domain.value_or(message.reverse_path().domain);
  auto signer = std::make_shared<DkimSigner>();
  if (auto added = signer->add(std::move(*key), std::move(options)); !added) return added.error();
  message.sign(std::move(signer));
  return {};
}

// Every file that a flag names, before anything is composed.
Result<void> check_files(const MessageFlags& flags) {
  for (const auto& path : flags.attachments) {
    if (const auto right = check_file("--attach", path); !right) return right;
  }
  for (const auto& path : flags.embedded) {
    if (const auto right = check_file("--embed", path); !right) return right;
  }
  for (const auto& checked :
       {check_file("--html-file", flags.html_file), check_file("--dkim-key", flags.dkim_key),
        check_file("--data", flags.data == "-" ? std::nullopt : flags.data)}) {
    if (!checked) return checked;
  }
  return {};
}

// Flags that set a field which the whole message has: its own would stay.
Result<void> check_fields(const MessageFlags& flags, const std::string& bytes) {
  std::vector<std::pair<std::string, std::string>> given;
  if (!flags.subject.empty()) given.emplace_back("--subject", "Subject");
  if (flags.in_reply_to) given.emplace_back("--in-reply-to", "In-Reply-To");
  if (flags.references) given.emplace_back("--references", "References");
  if (flags.importance) given.emplace_back("--importance", "Importance");
  if (flags.unsubscribe) given.emplace_back("--list-unsubscribe", "List-Unsubscribe");
  for (const auto& field : flags.headers)
    given.emplace_back("--header", trim(std::string_view(field).substr(0, field.find(':'))));
  if (given.empty()) return {};
  const auto raw = mail::prepare_raw(bytes);
  if (!raw) return {};  // Message reports it
  for (const auto& [flag, name] : given) {
    if (raw->has(lower(name)))
      return wrong("--data, " + flag, "the message has a field " + printable(name, 80) +
                                          " already; remove it there, or leave the flag out");
  }
  return {};
}

Result<void> add_data(const MessageFlags& flags, Message& message) {
  if (!flags.data) return {};
  auto bytes = read_all(*flags.data);
  if (!bytes) return bytes.error();
  const auto source = "--data " + *flags.data + (flags.data == "-" ? " (standard input)" : "");
  if (const auto meant = check_input(flags, *bytes, source); !meant) return meant.error();
  if (const auto right = check_fields(flags, *bytes); !right) return right;
  message.raw(std::move(*bytes));
  return {};
}

// Flags that would have no effect without others.
Result<void> check_parts(const MessageFlags& flags) {
  if (flags.flowed && !flags.text)
    return wrong("--flowed", "needs --text, whose lines it is about; leave it out");
  if (!flags.embedded.empty() && !flags.html && !flags.html_file)
    return wrong("--embed", "needs --html, which shows the image; use --attach for a file alone");
  return {};
}

// The addresses of every flag, so that an error has the flag as typed.
Result<void> check_addresses(const MessageFlags& flags) {
  const auto check = [](const std::string& flag, const std::string& list) -> Result<void> {
    const auto place = flag + " '" + printable(list, 80) + "'";
    if (list.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
      return fail(Fault::input, place, "CR, LF or NUL is not allowed in an address; remove it");
    const auto parsed = parse_address_list(list);
    return parsed ? Result<void>() : fail(Fault::input, place, parsed.error().detail);
  };
  if (!flags.from.empty() && !flags.has_null_sender()) {
    if (auto right = check(config::as_typed(flags.from_typed, "--from"), flags.from); !right)
      return right;
  }
  for (std::size_t i = 0; i < flags.to.size(); ++i) {
    if (auto right = check(flags.to_typed[i], flags.to[i]); !right) return right;
  }
  for (const auto& [flag, lists] : {std::pair{"--cc", &flags.cc}, std::pair{"--bcc", &flags.bcc}}) {
    for (const auto& list : *lists) {
      if (auto right = check(flag, list); !right) return right;
    }
  }
  return {};
}

// Whether that part of the message was read from a file or standard input.
bool is_content(const MessageFlags& flags, std::string_view part) {
  if (part == "text") return flags.text && is_read(*flags.text);
  if (part == "html") return flags.html ? is_read(*flags.html) : flags.html_file.has_value();
  return part == "raw message" || part == "calendar";
}

// The flag in place of the part that it sets.
Error with_flag(const MessageFlags& given, Error error) {
  if (is_content(given, error.where)) error = of_data(std::move(error));
  const std::string_view html = given.html ? "--html" : "--html-file";
  const std::pair<std::string_view, std::string_view> flags[] = {
      {"Subject", "--subject"},
      {"In-Reply-To", "--in-reply-to"},
      {"References", "--references"},
      {"List-Unsubscribe", "--list-unsubscribe"},
      {"header name", "--header"},
      {"raw message", "--data"},
      {"DKIM domain", "--dkim-domain"},
      {"DKIM selector", "--dkim-selector"},
      {"DKIM key", "--dkim-key"},
      {"text", "--text"},
      {"calendar", "--calendar"},
      {"calendar method", "--calendar"},
      {"html", html}};
  for (const auto& [field, flag] : flags) {
    if (error.where == field) error.where = flag;
  }
  return error;
}

// If the envelope has the null sender, the message still needs an author.
void add_author(const MessageFlags& flags, Message& message) {
  if (!flags.has_null_sender()) {
    if (!flags.from.empty()) message.from(flags.from);
    return;
  }
  const bool has_own = std::any_of(flags.headers.begin(), flags.headers.end(), [](const auto& one) {
    return iequals(trim(std::string_view(one).substr(0, one.find(':'))), "From");
  });
  if (!has_own) message.from("MAILER-DAEMON@" + daemon::system_hostname());
}

}  // namespace

Result<Message> MessageFlags::compose() const {
  Message message;
  for (const auto& checked : {check_parts(*this), check_addresses(*this), check_files(*this)}) {
    if (!checked) return checked.error();
  }
  if (auto added = add_data(*this, message); !added) return added.error();
  add_author(*this, message);
  for (const auto& list : to) message.to(list);
  for (const auto& list : cc) message.cc(list);
  for (const auto& list : bcc) message.bcc(list);
  if (auto added = add_texts(*this, message); !added) return added.error();
  if (flowed) message.flowed();
  for (const auto& path : embedded) message.embed(path);
  if (auto added = add_calendar(*this, message); !added) return added.error();
  for (const auto& path : attachments) message.attach(path);
  if (auto added = add_fields(*this, message); !added) return added.error();
  if (auto added = add_signature(*this, message); !added) return with_flag(*this, added.error());
  if (const auto fault = message.error()) return with_flag(*this, *fault);
  if (!data && message.reverse_path().is_null())
    return fail(Fault::input, "", "no sender; use --from ADDRESS");
  return message;
}

}  // namespace postroad::cli
