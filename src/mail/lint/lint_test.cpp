// Each lint rule with a message that breaks it, by its code.
#include "mail/lint/lint.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "mail/read/test_messages.hpp"

namespace postroad::mail {
namespace {

const std::string clean =
    "From: A <a@x.example>\r\nTo: b@x.example\r\nSubject: s\r\n"
    "Date: Tue, 07 Jul 2026 09:05:00 +0000\r\nMessage-ID: <1@x.example>\r\nMIME-Version: 1.0\r\n";
const std::string plain = clean + "Content-Type: text/plain; charset=utf-8\r\n";
const std::string text = plain + "\r\ntext\r\n";

std::string mixed(const std::string& parts, const std::string& subtype = "mixed") {
  return clean + "Content-Type: multipart/" + subtype + "; boundary=b\r\n\r\n" + parts +
         "--b--\r\n";
}

std::string part(const std::string& header, const std::string& body = "text") {
  return "--b\r\n" + header + "\r\n" + body + "\r\n";
}

const std::string plain_part = part("Content-Type: text/plain; charset=utf-8\r\n");
const std::string html_part = part("Content-Type: text/html; charset=utf-8\r\n");

std::string codes_of(std::string_view bytes) {
  std::vector<std::string> codes;
  for (const auto& finding : lint(bytes)) {
    EXPECT_FALSE(finding.why.empty() || finding.remedy.empty()) << finding.code;
    codes.emplace_back(finding.code);
  }
  std::sort(codes.begin(), codes.end());
  std::string out;
  for (const auto& code : codes) out += (out.empty() ? "" : " ") + code;
  return out;
}

std::string without(std::string_view field) {
  auto mail = text;
  const auto begin = mail.find(field);
  mail.erase(begin, mail.find('\n', begin) + 1 - begin);
  return mail;
}

std::string with(const std::string& field) { return field + "\r\n" + text; }

TEST(Lint, ACleanMessageHasNoFindings) {
  EXPECT_EQ(codes_of(text), "");
  EXPECT_EQ(codes_of(mixed(plain_part + html_part, "alternative")), "");
  EXPECT_EQ(codes_of(composed(Message{}
                                  .from("Jörg <a@x.example>")
                                  .to("b@x.example")
                                  .subject("Grüße")
                                  .text("Grüße von hier")
                                  .html("<p>Grüße von hier</p>")
                                  .attach("ü.txt", "", "x"))),
            "");
}

TEST(Lint, FindsMissingAndRepeatedFields) {
  EXPECT_EQ(codes_of(without("From:")), "no-from");
  EXPECT_EQ(codes_of(without("Date:")), "no-date");
  EXPECT_EQ(codes_of(without("Message-ID:")), "no-message-id");
  EXPECT_EQ(codes_of(without("To:")), "no-recipient-shown");
  EXPECT_EQ(codes_of(without("Subject:")), "no-subject");
  EXPECT_EQ(codes_of(without("MIME-Version:")), "no-mime-version");
  EXPECT_EQ(codes_of(with("From: c@x.example")), "field-twice");
  EXPECT_EQ(codes_of(with("content-type: text/plain")), "field-twice");
  EXPECT_EQ(codes_of(with("Bcc: c@x.example")), "bcc");
  EXPECT_EQ(codes_of(with("Resent-Bcc: c@x.example")), "bcc");
  EXPECT_EQ(codes_of(""), "no-date no-from no-message-id no-recipient-shown no-subject");
}

TEST(Lint, FindsInvalidFields) {
  EXPECT_EQ(codes_of(with("Cc: b@")), "address");
  EXPECT_EQ(codes_of(with("Cc:")), "address");
  EXPECT_EQ(codes_of(with("Cc: nobody:;")), "");
  EXPECT_EQ(codes_of("Date: tomorrow\r\n" + without("Date:")), "date");
  EXPECT_EQ(codes_of(with("X-A: =?utf-8?q?open")), "");
  EXPECT_EQ(codes_of(with("X-A: =?no-such-set?q?x?=")), "encoded-word");
  EXPECT_EQ(codes_of(with("X-A: =?utf-8?q?" + std::string(70, 'x') + "?=")), "long-encoded-word");
  EXPECT_EQ(codes_of(with("X-A: gr\xc3\xbcn")), "8bit-header");
  EXPECT_EQ(codes_of(with("X-A: gr\xfcn")), "8bit-header");
  EXPECT_EQ(codes_of(with("X-A: one ")), "trailing-blank");
  EXPECT_EQ(codes_of(with("X-A: a\r\n \r\n b")), "blank-fold trailing-blank");
  EXPECT_EQ(codes_of(clean + "no field\r\n\r\nx\r\n"), "header-end");
}

TEST(Lint, FindsWeakSignaturesAndListFields) {
  EXPECT_EQ(codes_of(with("DKIM-Signature: v=1; l=10; d=x")), "dkim-length");
  EXPECT_EQ(codes_of(with("DKIM-Signature: v=1; a=rsa-sha1; d=x")), "dkim-sha1");
  EXPECT_EQ(codes_of(with("List-Id: <l.x.example>")), "no-list-unsubscribe");
  EXPECT_EQ(codes_of(with("Precedence: bulk")), "no-list-unsubscribe");
  EXPECT_EQ(codes_of(with("List-Unsubscribe: <mailto:a@x>")), "no-one-click");
  EXPECT_EQ(codes_of(with("List-Unsubscribe: https://x/u\r\nList-Unsubscribe-Post: x")),
            "list-unsubscribe");
}

TEST(Lint, FindsBytesThatServersRefuse) {
  EXPECT_EQ(codes_of(text + std::string(999, 'x') + "\r\n"), "long-line");
  EXPECT_EQ(codes_of(text + std::string(998, 'x') + "\r\n"), "");
  EXPECT_EQ(codes_of(text + "a\nb\r\n"), "bare-lf");
  EXPECT_EQ(codes_of(text + "a\rb\r\n"), "bare-cr");
  EXPECT_EQ(codes_of(text + std::string(1, '\0') + "\r\n"), "nul");
  auto unix = text;
  unix.erase(std::remove(unix.begin(), unix.end(), '\r'), unix.end());
  EXPECT_EQ(codes_of(unix), "lf-line-ends");
}

TEST(Lint, FindsInvalidEncodingsAndCharsets) {
  const auto encoded = [](std::string_view encoding, std::string_view body) {
    return plain + "Content-Transfer-Encoding: " + std::string(encoding) + "\r\n\r\n" +
           std::string(body) + "\r\n";
  };
  EXPECT_EQ(codes_of(encoded("uuencode", "x")), "encoding");
  EXPECT_EQ(codes_of(encoded("7bit", "\xc3\xbc")), "undeclared-8bit");
  EXPECT_EQ(codes_of(encoded("8bit", "\xc3\xbc")), "");
  EXPECT_EQ(codes_of(encoded("8bit", "\xfc")), "not-utf8");
  EXPECT_EQ(codes_of(encoded("quoted-printable", "\xc3\xbc")), "encoding-broken");
  EXPECT_EQ(codes_of(clean + "Content-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                             "\xc3\xbc\r\n"),
            "no-charset");
  EXPECT_EQ(codes_of(clean + "Content-Type: text/plain; charset=nonsense\r\n\r\nx\r\n"), "charset");
  EXPECT_EQ(codes_of(clean +
                     "Content-Type: multipart/mixed; boundary=b\r\n"
                     "Content-Transfer-Encoding: base64\r\n\r\n" +
                     plain_part + "--b--\r\n"),
            "encoded-multipart");
}

TEST(Lint, FindsInvalidPartStructures) {
  EXPECT_EQ(codes_of(clean + "Content-Type: multipart/mixed\r\n\r\nx\r\n"), "no-boundary");
  EXPECT_EQ(codes_of(clean + "Content-Type: multipart/mixed; boundary=b\r\n\r\nx\r\n"), "no-part");
  EXPECT_EQ(codes_of(clean + "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + plain_part),
            "not-closed");
  const std::string name(71, 'n');
  EXPECT_EQ(codes_of(clean + "Content-Type: multipart/mixed; boundary=" + name + "\r\n\r\n--" +
                     name + "\r\n\r\nx\r\n--" + name + "--\r\n"),
            "long-boundary");
  EXPECT_EQ(codes_of(mixed(html_part + plain_part, "alternative")), "alternative-order");
  EXPECT_EQ(codes_of(mixed(plain_part, "alternative")), "one-alternative");
  EXPECT_EQ(codes_of(mixed(html_part)), "no-text");
  const auto attached = part("Content-Type: image/png\r\nContent-Disposition: attachment\r\n");
  EXPECT_EQ(codes_of(mixed(plain_part + attached, "alternative")), "attachment-in-alternative");
  EXPECT_EQ(codes_of(mixed(attached + plain_part, "related")), "related-root");
  EXPECT_EQ(codes_of(mixed(part("Content-Type: text/plain\r\n", "one two three four five six") +
                               part("Content-Type: text/html\r\n",
                                    "quite other words than those in the part above"),
                           "alternative")),
            "text-and-html-differ");
  std::string deep = clean;
  std::string close;
  for (int i = 0; i < 10; ++i) {
    const auto word = "b" + std::to_string(i);
    deep += "Content-Type: multipart/mixed; boundary=" + word + "\r\n\r\n--" + word + "\r\n";
    close = "\r\n--" + word + "--" + close;
  }
  EXPECT_NE(codes_of(deep + "\r\nx" + close + "\r\n").find("deep-nesting"), std::string::npos);
}

TEST(Lint, ReportsTheLine) {
  const auto findings = lint(text + "a\r\nb\rc\r\n");
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings.front().line, 11U);
  EXPECT_EQ(to_string(findings.front().level), "error");
}

TEST(Lint, LimitsTheFindingsOfOneCode) {
  auto mail = text;
  for (int i = 0; i < 1000; ++i) mail += "a\rb\r\n";
  EXPECT_EQ(lint(mail).size(), max_findings_of_one_code);
}

}  // namespace
}  // namespace postroad::mail
