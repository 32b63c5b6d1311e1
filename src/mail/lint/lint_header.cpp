// Lint rules about the header of a message; see lint_findings.hpp.
#include <algorithm>
#include <array>

#include <postroad/address.hpp>

#include "base/text.hpp"
#include "mail/header/date.hpp"
#include "mail/header/words.hpp"
#include "mail/lint/lint_findings.hpp"

namespace postroad::mail {

namespace {

using enum LintLevel;

// Fields that may occur only once (RFC 5322 §3.6).
constexpr std::array<std::string_view, 12> once{
    "Date", "From",       "Sender",      "Reply-To",   "To",      "Cc",
    "Bcc",  "Message-ID", "In-Reply-To", "References", "Subject", "MIME-Version"};
constexpr std::array<std::string_view, 6> address_fields{"From", "Sender", "Reply-To",
                                                         "To",   "Cc",     "Bcc"};
constexpr std::array<std::string_view, 3> content_fields{
    "Content-Type", "Content-Transfer-Encoding", "Content-Disposition"};

std::size_t count_of(const MailPart& message, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(message.fields.begin(), message.fields.end(),
                    [&](const HeaderField& field) { return iequals(field.name, name); }));
}

std::string_view whole_of(const MailPart& message, std::string_view name) {
  const auto* field = message.find(name);
  return field == nullptr ? std::string_view() : field->whole;
}

void check_presence(LintFindings& findings, const MailPart& message) {
  if (message.find("From") == nullptr)
    findings.add(error, "no-from", {}, "From is missing: it is required (RFC 5322 §3.6)",
                 "add From");
  if (message.find("Date") == nullptr)
    findings.add(error, "no-date", {}, "Date is missing: it is required (RFC 5322 §3.6)",
                 "add Date; `postroad send` adds it automatically");
  if (message.find("Message-ID") == nullptr)
    findings.add(warning, "no-message-id", {},
                 "Message-ID is missing: replies cannot be threaded, and spam filters penalize it",
                 "add Message-ID; `postroad send` adds it automatically");
  if (message.find("To") == nullptr && message.find("Cc") == nullptr)
    findings.add(note, "no-recipient-shown", {}, "To and Cc are missing: spam filters penalize it",
                 "add To, for example `undisclosed-recipients:;`");
  const auto* subject = message.find("Subject");
  if (subject == nullptr || trim(subject->value()).empty())
    findings.add(note, "no-subject", whole_of(message, "Subject"), "Subject is missing or empty",
                 "add Subject");
  for (const auto* name : {"Bcc", "Resent-Bcc"}) {
    if (message.find(name) != nullptr)
      findings.add(error, "bcc", whole_of(message, name),
                   std::string(name) + " is part of the message: every recipient can read it",
                   "remove it; `postroad send` does so and still sends to its addresses");
  }
}

void check_repeats(LintFindings& findings, const MailPart& message) {
  const auto check = [&](std::string_view name) {
    if (count_of(message, name) < 2) return;
    findings.add(error, "field-twice", whole_of(message, name),
                 std::string(name) + " occurs " + std::to_string(count_of(message, name)) +
                     " times: only one is allowed, and mail programs differ in which they show",
                 "keep one of them");
  };
  for (const auto name : once) check(name);
  for (const auto name : content_fields) check(name);
}

void check_addresses(LintFindings& findings, const MailPart& message) {
  for (const auto& field : message.fields) {
    const bool addresses = std::any_of(address_fields.begin(), address_fields.end(),
                                       [&](auto name) { return iequals(name, field.name); });
    if (!addresses) continue;
    const auto value = field.value();
    const auto list = parse_address_list(value);
    if (!list) {
      findings.add(error, "address", field.whole,
                   std::string(field.name) + " is invalid: " + list.error().detail,
                   "use the form `Name <local@domain>`; quote names that contain commas");
    } else if (list->empty() && value.find(':') == std::string::npos) {
      findings.add(error, "address", field.whole, std::string(field.name) + " has no address",
                   "add an address or remove the field");
    }
  }
}

// Encoded-words that are too long or cannot be decoded.
void check_encoded_words(LintFindings& findings, const HeaderField& field) {
  for (auto rest = field.body;
       (rest = rest.substr(std::min(rest.find("=?"), rest.size()))).size() > 2;) {
    const auto end = rest.find_first_of(" \t\r\n");
    const auto word = rest.substr(0, end);
    rest.remove_prefix(std::max<std::size_t>(word.size(), 2));
    if (!word.ends_with("?=") || std::count(word.begin(), word.end(), '?') < 4) continue;
    if (word.size() > max_encoded_word)
      findings.add(warning, "long-encoded-word", word,
                   "encoded-word of " + std::to_string(word.size()) +
                       " bytes: at most 75 are allowed (RFC 2047 §2)",
                   "divide it into two with a space between them");
    if (decode_words(word) == word)
      findings.add(warning, "encoded-word", word,
                   "encoded-word with an unknown charset or encoding: it is displayed undecoded",
                   "use =?utf-8?B?…?= or =?utf-8?Q?…?=");
  }
}

void check_field_bytes(LintFindings& findings, const HeaderField& field) {
  const auto text = field.whole;
  if (std::any_of(text.begin(), text.end(), is_8bit)) {
    const bool utf8 = is_utf8(text);
    findings.add(utf8 ? warning : error, "8bit-header", text,
                 std::string(field.name) +
                     (utf8 ? " contains unencoded UTF-8: only servers with SMTPUTF8 accept it"
                           : " contains bytes that are neither ASCII nor UTF-8"),
                 "use encoded-words (RFC 2047)");
  }
  for (const auto line : split(text, '\n')) {
    auto shown = line;
    if (shown.ends_with('\r')) shown.remove_suffix(1);
    if (shown.ends_with(' ') || shown.ends_with('\t'))
      findings.add(note, "trailing-blank", line,
                   "whitespace at the end of a header line: a server may remove it, which breaks a "
                   "DKIM signature with c=simple",
                   "remove it before signing");
  }
  // Many programs take a folded line of whitespace for the end of the header.
  for (const auto line : split(field.body, '\n')) {
    const bool blank = !line.empty() && line.find_first_not_of(" \t\r") == std::string_view::npos &&
                       line.find_first_of(" \t") != std::string_view::npos;
    if (blank && line.data() != field.body.data())
      findings.add(warning, "blank-fold", line,
                   "folded line of whitespace only: some programs take it for the end of "
                   "the header",
                   "fold before a word");
  }
}

void check_signatures(LintFindings& findings, const MailPart& message) {
  for (const auto& field : message.fields) {
    if (!iequals(field.name, "DKIM-Signature")) continue;
    const auto value = field.value();
    for (const auto tag : split(value, ';')) {
      if (trim(tag).starts_with("l="))
        findings.add(warning, "dkim-length", field.whole,
                     "DKIM signature with l=: text can be appended to the body", "sign without l=");
      if (trim(tag) == "a=rsa-sha1")
        findings.add(error, "dkim-sha1", field.whole,
                     "DKIM signature with rsa-sha1: verifiers refuse it (RFC 8301)",
                     "sign with rsa-sha256 or ed25519-sha256");
    }
  }
}

void check_lists(LintFindings& findings, const MailPart& message) {
  const auto* unsubscribe = message.find("List-Unsubscribe");
  const auto precedence = lower(message.header("Precedence"));
  const bool bulk =
      message.find("List-Id") != nullptr || precedence == "bulk" || precedence == "list";
  if (bulk && unsubscribe == nullptr)
    findings.add(warning, "no-list-unsubscribe", {},
                 "bulk message without List-Unsubscribe: large mailbox providers refuse it",
                 "add List-Unsubscribe with an https: URL and List-Unsubscribe-Post (RFC 8058)");
  if (unsubscribe == nullptr) return;
  const auto value = unsubscribe->value();
  if (value.find('<') == std::string::npos)
    findings.add(error, "list-unsubscribe", unsubscribe->whole,
                 "the URLs in List-Unsubscribe have no angle brackets",
                 "use the form <https://…>, <mailto:…> (RFC 2369)");
  if (value.find("https:") == std::string::npos || message.find("List-Unsubscribe-Post") == nullptr)
    findings.add(note, "no-one-click", unsubscribe->whole,
                 "one-click unsubscription is not possible: it needs an https: URL and "
                 "List-Unsubscribe-Post",
                 "add both; `List-Unsubscribe-Post: List-Unsubscribe=One-Click` (RFC 8058)");
}

}  // namespace

void lint_header(LintFindings& findings, const MailPart& message) {
  check_presence(findings, message);
  check_repeats(findings, message);
  check_addresses(findings, message);
  for (const auto& field : message.fields) {
    check_encoded_words(findings, field);
    check_field_bytes(findings, field);
  }
  const auto* date = message.find("Date");
  if (date != nullptr && !parse_date(date->value()))
    findings.add(error, "date", date->whole,
                 "Date is invalid: \"" + printable(date->value(), 60) + '"',
                 "use the form `Sat, 28 Nov 2026 10:00:00 +0000` (RFC 5322 §3.3)");
  check_signatures(findings, message);
  check_lists(findings, message);
  // Did the header end without an empty line?
  const auto at = message.fields.empty()
                      ? findings.bytes()
                      : findings.bytes().substr(static_cast<std::size_t>(
                            message.fields.back().whole.data() +
                            message.fields.back().whole.size() - findings.bytes().data()));
  if (!at.empty() && !at.starts_with("\r\n") && !at.starts_with('\n'))
    findings.add(error, "header-end", at, "the header ends at a line that is not a field",
                 "use the form `Name: value`, or put an empty line before the body");
}

}  // namespace postroad::mail
