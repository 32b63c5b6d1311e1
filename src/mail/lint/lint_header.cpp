// The rules about a message's own header; see lint_findings.hpp.
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

// RFC 5322 §3.6: at most once.
constexpr std::array<std::string_view, 12> once{
    "Date", "From",       "Sender",      "Reply-To",   "To",      "Cc",
    "Bcc",  "Message-ID", "In-Reply-To", "References", "Subject", "MIME-Version"};
constexpr std::array<std::string_view, 6> address_fields{"From", "Sender", "Reply-To",
                                                         "To",   "Cc",     "Bcc"};
constexpr std::array<std::string_view, 3> content_fields{
    "Content-Type", "Content-Transfer-Encoding", "Content-Disposition"};

std::size_t count_of(const MailPart& mail, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(mail.fields.begin(), mail.fields.end(),
                    [&](const HeaderField& field) { return iequals(field.name, name); }));
}

std::string_view whole_of(const MailPart& mail, std::string_view name) {
  const auto* field = mail.find(name);
  return field == nullptr ? std::string_view() : field->whole;
}

void check_presence(LintFindings& findings, const MailPart& mail) {
  if (mail.find("From") == nullptr)
    findings.add(error, "no-from", {},
                 "there is no From; every message has an author (RFC 5322 §3.6)", "add From");
  if (mail.find("Date") == nullptr)
    findings.add(error, "no-date", {}, "there is no Date; every message has one (RFC 5322 §3.6)",
                 "add Date; postroad send does it by itself");
  if (mail.find("Message-ID") == nullptr)
    findings.add(warning, "no-message-id", {},
                 "there is no Message-ID; replies cannot be threaded, and some filters count it",
                 "add Message-ID; postroad send does it by itself");
  if (mail.find("To") == nullptr && mail.find("Cc") == nullptr)
    findings.add(note, "no-recipient-shown", {}, "neither To nor Cc; some filters count it",
                 "add To, if only as `undisclosed-recipients:;`");
  const auto* subject = mail.find("Subject");
  if (subject == nullptr || trim(subject->value()).empty())
    findings.add(note, "no-subject", whole_of(mail, "Subject"), "there is no subject",
                 "add Subject");
  for (const auto* name : {"Bcc", "Resent-Bcc"}) {
    if (mail.find(name) != nullptr)
      findings.add(error, "bcc", whole_of(mail, name),
                   std::string(name) + " stands in the message: every recipient may read it",
                   "take it out; postroad send does it by itself and still sends to its addresses");
  }
}

void check_repeats(LintFindings& findings, const MailPart& mail) {
  const auto check = [&](std::string_view name) {
    if (count_of(mail, name) < 2) return;
    findings.add(error, "field-twice", whole_of(mail, name),
                 std::string(name) + " stands there " + std::to_string(count_of(mail, name)) +
                     " times; it may stand once, and which one a reader shows is chance",
                 "keep one");
  };
  for (const auto name : once) check(name);
  for (const auto name : content_fields) check(name);
}

void check_addresses(LintFindings& findings, const MailPart& mail) {
  for (const auto& field : mail.fields) {
    const bool addresses = std::any_of(address_fields.begin(), address_fields.end(),
                                       [&](auto name) { return iequals(name, field.name); });
    if (!addresses) continue;
    const auto value = field.value();
    const auto list = parse_address_list(value);
    if (!list) {
      findings.add(error, "address", field.whole,
                   std::string(field.name) + " cannot be read: " + list.error().detail,
                   "write it as `Name <local@domain>`, names with commas in quotes");
    } else if (list->empty() && value.find(':') == std::string::npos) {
      findings.add(error, "address", field.whole, std::string(field.name) + " holds no address",
                   "add one, or take the field out");
    }
  }
}

// Words of `=?…?=` that are too long, or that no reader decodes.
void check_encoded_words(LintFindings& findings, const HeaderField& field) {
  for (auto rest = field.body;
       (rest = rest.substr(std::min(rest.find("=?"), rest.size()))).size() > 2;) {
    const auto end = rest.find_first_of(" \t\r\n");
    const auto word = rest.substr(0, end);
    rest.remove_prefix(std::max<std::size_t>(word.size(), 2));
    if (!word.ends_with("?=") || std::count(word.begin(), word.end(), '?') < 4) continue;
    if (word.size() > max_encoded_word)
      findings.add(warning, "long-encoded-word", word,
                   "an encoded-word of " + std::to_string(word.size()) +
                       " octets; 75 is the most (RFC 2047 §2)",
                   "part it in two, with a blank between them");
    if (decode_words(word) == word)
      findings.add(warning, "encoded-word", word,
                   "an encoded-word that cannot be decoded, and is shown as it stands",
                   "write it as =?utf-8?B?…?= or =?utf-8?Q?…?= with a known charset");
  }
}

void check_field_octets(LintFindings& findings, const HeaderField& field) {
  const auto text = field.whole;
  if (std::any_of(text.begin(), text.end(), is_8bit)) {
    const bool utf8 = is_utf8(text);
    findings.add(utf8 ? warning : error, "8bit-header", text,
                 std::string(field.name) +
                     (utf8 ? " holds UTF-8 that is not encoded: only servers with SMTPUTF8 take it"
                           : " holds octets that are neither ASCII nor UTF-8"),
                 "write it as encoded-words (RFC 2047)");
  }
  for (const auto line : split(text, '\n')) {
    auto shown = line;
    if (shown.ends_with('\r')) shown.remove_suffix(1);
    if (shown.ends_with(' ') || shown.ends_with('\t'))
      findings.add(note, "trailing-blank", line,
                   "blanks at the end of a header line: servers may take them away, which breaks a "
                   "DKIM signature with c=simple",
                   "take them away before signing");
  }
  // A line of blanks alone is a fold that many programs take for the header's end.
  for (const auto line : split(field.body, '\n')) {
    const bool blank = !line.empty() && line.find_first_not_of(" \t\r") == std::string_view::npos &&
                       line.find_first_of(" \t") != std::string_view::npos;
    if (blank && line.data() != field.body.data())
      findings.add(warning, "blank-fold", line,
                   "a folded line of blanks alone; some programs take the header for ended there",
                   "fold before a word");
  }
}

void check_signatures(LintFindings& findings, const MailPart& mail) {
  for (const auto& field : mail.fields) {
    if (!iequals(field.name, "DKIM-Signature")) continue;
    const auto value = field.value();
    for (const auto tag : split(value, ';')) {
      if (trim(tag).starts_with("l="))
        findings.add(warning, "dkim-length", field.whole,
                     "l= lets anybody add to the body behind what is signed", "sign without l=");
      if (trim(tag) == "a=rsa-sha1")
        findings.add(error, "dkim-sha1", field.whole,
                     "rsa-sha1 is not accepted any more (RFC 8301)",
                     "sign with rsa-sha256 or ed25519-sha256");
    }
  }
}

void check_lists(LintFindings& findings, const MailPart& mail) {
  const auto* unsubscribe = mail.find("List-Unsubscribe");
  const auto precedence = lower(mail.header("Precedence"));
  const bool bulk = mail.find("List-Id") != nullptr || precedence == "bulk" || precedence == "list";
  if (bulk && unsubscribe == nullptr)
    findings.add(
        warning, "no-list-unsubscribe", {},
        "bulk mail without List-Unsubscribe; large providers refuse it from senders of much",
        "add List-Unsubscribe with an https: URL and List-Unsubscribe-Post (RFC 8058)");
  if (unsubscribe == nullptr) return;
  const auto value = unsubscribe->value();
  if (value.find('<') == std::string::npos)
    findings.add(error, "list-unsubscribe", unsubscribe->whole,
                 "its URLs stand without angle brackets",
                 "write <https://…>, <mailto:…> (RFC 2369)");
  if (value.find("https:") == std::string::npos || mail.find("List-Unsubscribe-Post") == nullptr)
    findings.add(note, "no-one-click", unsubscribe->whole,
                 "no one-click unsubscription: that takes an https: URL and List-Unsubscribe-Post",
                 "add `List-Unsubscribe-Post: List-Unsubscribe=One-Click` (RFC 8058)");
}

}  // namespace

void lint_header(LintFindings& findings, const MailPart& mail) {
  check_presence(findings, mail);
  check_repeats(findings, mail);
  check_addresses(findings, mail);
  for (const auto& field : mail.fields) {
    check_encoded_words(findings, field);
    check_field_octets(findings, field);
  }
  const auto* date = mail.find("Date");
  if (date != nullptr && !parse_date(date->value()))
    findings.add(error, "date", date->whole, "Date cannot be read: " + printable(date->value(), 60),
                 "write it as `Sat, 28 Nov 2026 10:00:00 +0000` (RFC 5322 §3.3)");
  check_signatures(findings, mail);
  check_lists(findings, mail);
  // What ended the header was no empty line.
  const auto at = mail.fields.empty()
                      ? findings.octets()
                      : findings.octets().substr(static_cast<std::size_t>(
                            mail.fields.back().whole.data() + mail.fields.back().whole.size() -
                            findings.octets().data()));
  if (!at.empty() && !at.starts_with("\r\n") && !at.starts_with('\n'))
    findings.add(error, "header-end", at, "the header ends at a line that is no field",
                 "write `Name: value`, or an empty line before the body");
}

}  // namespace postroad::mail
