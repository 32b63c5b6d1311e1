// From flags to a Message; see message_flags.hpp.
#include "cli/flags/message_flags.hpp"

#include <algorithm>
#include <postroad/dkim.hpp>
#include <postroad/template.hpp>

#include "base/text.hpp"
#include "cli/terminal.hpp"

namespace postroad::cli {

void MessageFlags::add_to(std::vector<config::Flag>& flags) {
  std::vector<config::Flag> own{
      {.name = "from",
       .letter = 'f',
       .value = "ADDRESS",
       .doc = "Who it is from: `test <test@example.org>`; with --data, the envelope's sender.",
       .target = &from},
      {.name = "to",
       .letter = 't',
       .value = "LIST",
       .doc = "Addresses parted by commas; may be given several times.",
       .target = &to},
      {.name = "cc", .value = "LIST", .doc = "Likewise.", .target = &cc},
      {.name = "bcc",
       .value = "LIST",
       .doc = "Likewise; stands nowhere in the mail.",
       .target = &bcc},
      {.name = "subject", .value = "TEXT", .doc = "Any language.", .target = &subject},
      {.name = "text",
       .value = "TEXT",
       .doc = "The text; - reads standard input, @FILE a file.",
       .target = &text},
      {.name = "html",
       .value = "HTML",
       .doc = "The HTML; - reads standard input, @FILE a file.",
       .target = &html},
      {.name = "html-file",
       .value = "FILE",
       .doc = "The HTML from a file, with the pictures under its folder that it shows.",
       .target = &html_file,
       .completion = config::Completion::file},
      {.name = "set",
       .value = "NAME=VALUE",
       .doc = "Subject, text and HTML are templates: {{NAME}} in them becomes the value, escaped "
              "for where it stands. May be given several times; =@FILE reads a file.",
       .target = &values},
      {.name = "flowed",
       .doc = "The text as format=flowed, which narrow screens wrap anew.",
       .target = &flowed},
      {.name = "attach",
       .value = "FILE",
       .doc = "Attaches a file; may be given several times.",
       .target = &attachments,
       .completion = config::Completion::file},
      {.name = "embed",
       .value = "FILE",
       .doc = "A picture that the HTML shows by its file's name; may be given several times.",
       .target = &embedded,
       .completion = config::Completion::file},
      {.name = "calendar",
       .value = "METHOD:FILE",
       .doc = "An invitation: `REQUEST:meeting.ics`.",
       .target = &calendar},
      {.name = "in-reply-to",
       .value = "IDS",
       .doc = "The Message-ID of the mail this answers.",
       .target = &in_reply_to},
      {.name = "references",
       .value = "IDS",
       .doc = "Those of the thread, the oldest first.",
       .target = &references},
      {.name = "importance",
       .value = "LEVEL",
       .doc = "What the reader is shown: high, normal, low.",
       .target = &importance,
       .words = {"high", "normal", "low"}},
      {.name = "list-unsubscribe",
       .value = "URLS",
       .doc = "Where to leave the list: https: and mailto: URLs parted by commas; with https: by "
              "one click.",
       .target = &unsubscribe},
      {.name = "header",
       .value = "FIELD",
       .doc = "Any field, as `X-Tag: one`; may be given several times.",
       .target = &headers},
      {.name = "data",
       .value = "FILE",
       .doc = "A whole message with its header; - reads standard input.",
       .target = &data,
       .completion = config::Completion::file},
      {.name = "dkim-key",
       .value = "FILE",
       .doc = "Signs with this key (`postroad dkim keygen` makes one).",
       .target = &dkim_key,
       .completion = config::Completion::file},
      {.name = "dkim-selector",
       .value = "NAME",
       .doc = "Its selector: the key is published at NAME._domainkey of the domain.",
       .target = &dkim_selector},
      {.name = "dkim-domain",
       .value = "DOMAIN",
       .doc = "The domain that signs; without it, that of From.",
       .target = &dkim_domain},
  };
  flags.insert(flags.end(), std::make_move_iterator(own.begin()),
               std::make_move_iterator(own.end()));
}

namespace {

Result<std::string> text_of_flag(const std::string& value) {
  if (value == "-") return read_all("-");
  if (value.starts_with('@')) return read_all(value.substr(1));
  return value;
}

Error wrong(std::string flag, std::string why) {
  return fail(Fault::input, std::move(flag), std::move(why));
}

Result<Template::Values> read_values(const std::vector<std::string>& pairs) {
  Template::Values values;
  for (const auto& pair : pairs) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return wrong("--set '" + printable(pair, 60) + "'", "the form is NAME=VALUE");
    auto value = pair.substr(equals + 1);
    if (value.starts_with('@')) {
      auto text = read_all(value.substr(1));
      if (!text) return text.error();
      value = std::move(*text);
    }
    values.insert_or_assign(pair.substr(0, equals), std::move(value));
  }
  return values;
}

// The flag's text, filled when there are values.
Result<std::string> filled(const std::string& source, bool html, const std::string& flag,
                           const Template::Values& values) {
  if (values.empty()) return source;
  const auto made = html ? Template::html(source) : Template::text(source);
  auto text = made ? made->fill(values) : Result<std::string>(made.error());
  if (text) return text;
  auto error = text.error();
  error.where = flag + ", " + error.where;
  return error;
}

Result<void> add_texts(const MessageFlags& flags, Message& message) {
  const auto values = read_values(flags.values);
  if (!values) return values.error();
  if (!flags.subject.empty()) {
    const auto words = filled(flags.subject, false, "--subject", *values);
    if (!words) return words.error();
    message.subject(*words);
  }
  if (flags.html_file) {
    if (!values->empty())
      return wrong("--html-file", "its HTML is no template; --html @FILE with --embed is");
    message.html_file(*flags.html_file);
  }
  for (const bool html : {false, true}) {
    const auto& flag = html ? flags.html : flags.text;
    if (!flag) continue;
    const auto source = text_of_flag(*flag);
    if (!source) return source.error();
    auto body = filled(*source, html, html ? "--html" : "--text", *values);
    if (!body) return body.error();
    html ? message.html(std::move(*body)) : message.text(std::move(*body));
  }
  return {};
}

Result<void> add_calendar(const std::string& flag, Message& message) {
  const auto colon = flag.find(':');
  if (colon == std::string::npos)
    return wrong("--calendar '" + printable(flag, 60) + "'", "the form is METHOD:FILE");
  auto text = read_all(flag.substr(colon + 1));
  if (!text) return text.error();
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
      return wrong("--header '" + printable(field, 60) + "'", "a field has the form `Name: value`");
    message.header(std::string_view(field).substr(0, colon),
                   trim(std::string_view(field).substr(colon + 1)));
  }
  return {};
}

Result<void> add_signature(const MessageFlags& flags, Message& message) {
  if (!flags.dkim_key) {
    if (flags.dkim_selector || flags.dkim_domain)
      return wrong("--dkim-selector, --dkim-domain", "they go with --dkim-key");
    return {};
  }
  if (!flags.dkim_selector)
    return wrong("--dkim-key",
                 "--dkim-selector says under which name its public half is published");
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

}  // namespace

Result<Message> MessageFlags::compose() const {
  Message message;
  if (data) {
    auto octets = read_all(*data);
    if (!octets) return octets.error();
    message.raw(std::move(*octets));
  }
  if (!from.empty()) message.from(from);
  for (const auto& list : to) message.to(list);
  for (const auto& list : cc) message.cc(list);
  for (const auto& list : bcc) message.bcc(list);
  if (auto added = add_texts(*this, message); !added) return added.error();
  if (flowed) message.flowed();
  for (const auto& path : embedded) message.embed(path);
  if (calendar) {
    if (auto added = add_calendar(*calendar, message); !added) return added.error();
  }
  for (const auto& path : attachments) message.attach(path);
  if (auto added = add_fields(*this, message); !added) return added.error();
  if (auto added = add_signature(*this, message); !added) return added.error();
  if (const auto fault = message.fault()) return *fault;
  return message;
}

}  // namespace postroad::cli
