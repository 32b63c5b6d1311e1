// The declaration of the flags that compose a message; see message_flags.hpp. Not here: the message
// that they give (compose.cpp).
#include "cli/flags/message_flags.hpp"

#include "base/text.hpp"

namespace postroad::cli {

namespace {

using Flags = std::vector<config::Flag>;

Flags address_flags(MessageFlags& to) {
  return {
      {.name = "from",
       .letter = 'f',
       .value = "ADDRESS",
       .doc =
           "Author: `test <test@example.org>`. With --data, only the envelope sender. `<>` is the "
           "null sender of the envelope; a message without From then gets MAILER-DAEMON.",
       .target = &to.from,
       .typed = &to.from_typed},
      {.name = "to",
       .letter = 't',
       .value = "LIST",
       .doc = "Recipients, separated by commas.",
       .target = &to.to,
       .typed = &to.to_typed},
      {.name = "cc", .value = "LIST", .doc = "Recipients named in Cc.", .target = &to.cc},
      {.name = "bcc",
       .value = "LIST",
       .doc = "Recipients that the message does not show.",
       .target = &to.bcc,
       .excludes = {"RECIPIENT"}}};
}

Flags text_flags(MessageFlags& to) {
  return {
      {.name = "subject", .value = "TEXT", .doc = "Subject in UTF-8.", .target = &to.subject},
      {.name = "text",
       .value = "TEXT",
       .doc = "Plain-text body. - reads standard input, @FILE reads a file.",
       .target = &to.text},
      {.name = "html",
       .value = "HTML",
       .doc = "HTML body. - reads standard input, @FILE reads a file.",
       .target = &to.html,
       .excludes = {"--html-file"}},
      {.name = "html-file",
       .value = "FILE",
       .doc = "HTML body from a file, with the images under its folder that it shows.",
       .target = &to.html_file,
       .completion = config::Completion::file},
      {.name = "set",
       .value = "NAME=VALUE",
       .doc =
           "Subject, text and HTML are templates: {{NAME}} is replaced by the value, escaped for "
           "its place. =@FILE reads a file.",
       .target = &to.values},
      {.name = "flowed",
       .doc = "Mark the text as format=flowed (RFC 3676), so that narrow screens wrap it again.",
       .target = &to.flowed}};
}

Flags part_flags(MessageFlags& to) {
  return {{.name = "attach",
           .value = "FILE",
           .doc = "Attach a file.",
           .target = &to.attachments,
           .completion = config::Completion::file},
          {.name = "embed",
           .value = "FILE",
           .doc = "Image that the HTML refers to by its file name.",
           .target = &to.embedded,
           .completion = config::Completion::file},
          {.name = "calendar",
           .value = "METHOD:FILE",
           .doc = "Invitation (iCalendar), such as `REQUEST:meeting.ics`.",
           .target = &to.calendar}};
}

Flags field_flags(MessageFlags& to) {
  return {{.name = "in-reply-to",
           .value = "IDS",
           .doc = "Message-ID of the message that this one replies to.",
           .target = &to.in_reply_to},
          {.name = "references",
           .value = "IDS",
           .doc = "Message-IDs of the thread, oldest first.",
           .target = &to.references},
          {.name = "importance",
           .value = "LEVEL",
           .doc = "Importance that mail programs show.",
           .target = &to.importance,
           .words = {"high", "normal", "low"}},
          {.name = "list-unsubscribe",
           .value = "URLS",
           .doc = "URLs for unsubscribing (https:, mailto:), separated by commas. With https: one "
                  "click is enough (RFC 8058).",
           .target = &to.unsubscribe},
          {.name = "header",
           .value = "FIELD",
           .doc = "Any header field, such as `X-Tag: one`.",
           .target = &to.headers}};
}

Flags data_flags(MessageFlags& to) {
  return {
      {.name = "data",
       .value = "FILE",
       .doc = "A complete message with its header. - reads standard input.",
       .target = &to.data,
       .completion = config::Completion::file,
       .excludes = {"--text", "--html", "--html-file", "--attach", "--embed", "--calendar",
                    "--flowed"}},
      {.name = "allow-empty",
       .doc = "Send even if --data, --text, --html, --html-file or --calendar reads nothing from "
              "its file or standard input.",
       .target = &to.allow_empty},
      {.name = "allow-binary",
       .doc = "Send even if one of these flags reads a binary file, which is more likely an "
              "attachment.",
       .target = &to.allow_binary}};
}

Flags dkim_flags(MessageFlags& to) {
  return {{.name = "dkim-key",
           .value = "FILE",
           .doc = "Sign with this private key; `postroad dkim keygen` generates one.",
           .target = &to.dkim_key,
           .completion = config::Completion::file},
          {.name = "dkim-selector",
           .value = "NAME",
           .doc = "DKIM selector: the public key is published at NAME._domainkey of the domain.",
           .target = &to.dkim_selector},
          {.name = "dkim-domain",
           .value = "DOMAIN",
           .doc = "Signing domain.",
           .target = &to.dkim_domain,
           .default_text = "that of From"}};
}

}  // namespace

void MessageFlags::add_to(std::vector<config::Flag>& flags) {
  for (const auto& group : {address_flags(*this), text_flags(*this), part_flags(*this),
                            field_flags(*this), data_flags(*this), dkim_flags(*this)})
    flags.insert(flags.end(), group.begin(), group.end());
}

bool MessageFlags::has_null_sender() const { return trim(from) == "<>"; }

}  // namespace postroad::cli
