// Lint rules about parts: encodings, charsets, multiparts, text and HTML; see lint_findings.hpp.
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "mail/html/html_text.hpp"
#include "mail/lint/lint_findings.hpp"
#include "mail/mime/charset.hpp"

namespace postroad::mail {

namespace {

using enum LintLevel;

// The place to report for a part: its first field, else its body.
std::string_view place_of(const MailPart& part) {
  return part.fields.empty() ? part.body : part.fields.front().whole;
}

std::string encoding_of(const MailPart& part) {
  const auto* field = part.find("Content-Transfer-Encoding");
  return field == nullptr ? std::string() : lower(trim(field->value()));
}

void check_encoding(LintFindings& findings, const MailPart& part) {
  const auto encoding = encoding_of(part);
  static const std::set<std::string> known{"",      "7bit", "8bit", "binary", "quoted-printable",
                                           "base64"};
  if (!known.contains(encoding))
    findings.add(error, "encoding", place_of(part),
                 "unknown Content-Transfer-Encoding " + printable(encoding, 40) +
                     ": mail programs show the part undecoded",
                 "use 7bit, 8bit, quoted-printable or base64");
  const bool composite = part.is_multipart() || part.is_message();
  // RFC 6532 §3.7 lets message/global be encoded.
  const bool may_not = composite && part.type.value != "message/global";
  if (may_not && (encoding == "base64" || encoding == "quoted-printable"))
    findings.add(error, "encoded-multipart", place_of(part),
                 part.type.value + " is encoded as a whole: that hides its parts (RFC 2045 §6.4)",
                 "encode the parts inside it");
  const bool eight = std::any_of(part.body.begin(), part.body.end(), is_8bit);
  if (!eight || composite) return;
  const auto first = std::find_if(part.body.begin(), part.body.end(), is_8bit);
  const auto where = part.body.substr(static_cast<std::size_t>(first - part.body.begin()));
  if (encoding.empty() || encoding == "7bit")
    findings.add(error, "undeclared-8bit", where,
                 "bytes outside ASCII in a part that is declared as 7bit or not at all",
                 "add `Content-Transfer-Encoding: 8bit` or encode the part as quoted-printable");
  if (encoding == "base64" || encoding == "quoted-printable")
    findings.add(error, "encoding-broken", where,
                 "bytes outside ASCII in a part that is declared as " + encoding,
                 "encode the part again");
}

void check_charset(LintFindings& findings, const MailPart& part) {
  if (!part.type.value.starts_with("text/") || part.is_attachment()) return;
  const auto charset = part.type.find("charset");
  if (!to_utf8({}, charset)) {
    findings.add(error, "charset", place_of(part),
                 "unknown charset " + printable(charset, 40) +
                     ": mail programs may display wrong characters",
                 "convert the text to utf-8");
    return;
  }
  const auto bytes = part.decoded();
  const bool eight = std::any_of(bytes.begin(), bytes.end(), is_8bit);
  if (eight && (charset.empty() || iequals(charset, "us-ascii")))
    findings.add(warning, "no-charset", place_of(part),
                 "text outside ASCII without a charset: mail programs guess it",
                 "add charset=utf-8 to Content-Type");
  if (eight && iequals(charset, "utf-8") && !is_utf8(bytes))
    findings.add(error, "not-utf8", place_of(part),
                 "the text is declared as utf-8 but is not valid UTF-8",
                 "convert it or declare its charset");
}

void check_multipart(LintFindings& findings, const MailPart& part) {
  const auto boundary = part.type.find("boundary");
  if (boundary.empty()) {
    findings.add(error, "no-boundary", place_of(part), part.type.value + " without a boundary",
                 "add boundary=\"…\" to Content-Type");
    return;
  }
  if (boundary.size() > 70)
    findings.add(warning, "long-boundary", place_of(part),
                 "boundary of more than 70 characters (RFC 2046 §5.1.1)", "use a shorter boundary");
  if (part.parts.empty()) {
    findings.add(error, "no-part", place_of(part),
                 part.type.value + " without a delimiter line: mail programs show nothing",
                 "put `--boundary` before each part");
    return;
  }
  const auto last = "--" + std::string(boundary) + "--";
  if (!part.cut && part.body.find(last) == std::string_view::npos)
    findings.add(warning, "not-closed", place_of(part),
                 "the closing delimiter is missing: the message may be incomplete",
                 "end the multipart with `--boundary--`");
}

void check_alternative(LintFindings& findings, const MailPart& part) {
  const auto index = [&](std::string_view type) {
    const auto at = std::find_if(part.parts.begin(), part.parts.end(), [&](const MailPart& one) {
      return one.type.value == type || (one.is_multipart() && one.first(type) != nullptr);
    });
    return at - part.parts.begin();
  };
  const auto none = static_cast<std::ptrdiff_t>(part.parts.size());
  const auto plain = index("text/plain");
  const auto html = index("text/html");
  if (part.parts.size() == 1)
    findings.add(note, "one-alternative", place_of(part),
                 "multipart/alternative with a single part", "add a text/plain alternative");
  if (plain != none && html != none && html < plain)
    findings.add(
        warning, "alternative-order", place_of(part),
        "HTML before plain text: mail programs show the last part that they support, so the text "
        "(RFC 2046 §5.1.4)",
        "put the plain text first");
  for (const auto& one : part.parts) {
    if (one.is_attachment())
      findings.add(warning, "attachment-in-alternative", place_of(one),
                   "attachment in multipart/alternative: mail programs show either it or the text",
                   "put it into a multipart/mixed around the alternatives");
  }
}

std::set<std::string> words_of(std::string_view text) {
  constexpr std::size_t most = 20'000;
  std::set<std::string> words;
  std::string word;
  const auto flush = [&] {
    if (word.size() > 2) words.insert(word);
    word.clear();
  };
  for (const char c : text) {
    if (words.size() > most) break;
    if (is_alnum(c) || is_8bit(c)) {
      word += to_lower(c);
    } else {
      flush();
    }
  }
  flush();
  return words;
}

void check_same_words(LintFindings& findings, const MailPart& message) {
  const auto* plain = message.first("text/plain");
  const auto* html = message.first("text/html");
  if (html != nullptr && plain == nullptr)
    findings.add(note, "no-text", place_of(*html),
                 "HTML without plain text: some mail programs need it, and spam filters expect it",
                 "add a text/plain alternative");
  if (plain == nullptr || html == nullptr) return;
  const auto in_text = words_of(plain->text());
  const auto in_html = words_of(html_to_text(html->text()));
  if (in_html.size() < 5 || in_text.empty()) return;
  std::size_t both = 0;
  for (const auto& word : in_text) both += in_html.contains(word) ? 1 : 0;
  if (2 * both < std::min(in_text.size(), in_html.size()))
    findings.add(warning, "text-and-html-differ", place_of(*plain),
                 "plain text and HTML share fewer than half of their words: recipients see "
                 "different messages",
                 "derive the plain text from the HTML");
}

void visit(LintFindings& findings, const MailPart& part, std::size_t depth) {
  check_encoding(findings, part);
  if (part.is_multipart()) {
    check_multipart(findings, part);
    if (part.type.value == "multipart/alternative") check_alternative(findings, part);
    if (part.type.value == "multipart/related" && !part.parts.empty() &&
        part.parts.front().is_attachment())
      findings.add(warning, "related-root", place_of(part),
                   "the first part of multipart/related is an attachment: mail programs show that "
                   "part",
                   "put the HTML first");
  } else {
    check_charset(findings, part);
  }
  if (depth > 8)
    findings.add(note, "deep-nesting", place_of(part), "parts are nested more than 8 levels deep",
                 "nest fewer multiparts");
  if (part.cut)
    findings.add(warning, "too-many-parts", place_of(part),
                 "too many parts or levels: mail programs do not show all of them",
                 "use fewer parts");
  for (const auto& below : part.parts) visit(findings, below, depth + 1);
}

}  // namespace

void lint_structure(LintFindings& findings, const MailPart& message) {
  const auto* type = message.find("Content-Type");
  if (type != nullptr && message.find("MIME-Version") == nullptr)
    findings.add(error, "no-mime-version", type->whole,
                 "Content-Type without MIME-Version: mail programs may show the parts as text",
                 "add `MIME-Version: 1.0`");
  visit(findings, message, 0);
  check_same_words(findings, message);
}

}  // namespace postroad::mail
