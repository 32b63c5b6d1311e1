// Parsing messages: header fields, parameters, part structure, limits, and malformed messages as
// they occur in mailboxes. Also the trace fields that a server adds.
#include <postroad/mail_part.hpp>

#include <gtest/gtest.h>

#include "mail/header/fields.hpp"
#include "mail/header/parameters.hpp"
#include "mail/header/received.hpp"

namespace postroad::mail {
namespace {

TEST(Fields, SplitsAHeaderWithEitherLineEnd) {
  const auto block = split_fields("A: 1\r\nB : two\r\n three\r\nC:\n\td\n\nbody");
  ASSERT_EQ(block.fields.size(), 3U);
  EXPECT_EQ(block.fields[0].value(), "1");
  EXPECT_EQ(block.fields[1].name, "B");
  EXPECT_EQ(block.fields[1].value(), "two three");
  EXPECT_EQ(block.fields[2].value(), "d");
  EXPECT_TRUE(block.complete);
  EXPECT_EQ(block.find("b"), &block.fields[1]);
  EXPECT_EQ(std::string_view("A: 1\r\nB : two\r\n three\r\nC:\n\td\n\nbody").substr(block.body),
            "body");
}

TEST(Fields, EndsTheHeaderAtALineThatIsNotAField) {
  EXPECT_EQ(split_fields("text only").fields.size(), 0U);
  EXPECT_EQ(split_fields("A: 1\nno field\nB: 2\n").fields.size(), 1U);
  EXPECT_FALSE(split_fields("A: 1\nno field\n").complete);
  EXPECT_TRUE(split_fields("A: 1").complete);
  EXPECT_TRUE(split_fields("").complete);
  EXPECT_EQ(split_fields(" A: 1\n").fields.size(), 0U);
  EXPECT_EQ(split_fields("A: 1\r\n\r\nB: 2", 4).fields.size(), 1U);
}

TEST(Parameters, ParsesValidAndMalformedForms) {
  struct Row {
    std::string_view text, value, name, parameter;
  };
  const Row rows[] = {
      {"text/plain; charset=UTF-8", "text/plain", "charset", "UTF-8"},
      {"TEXT/HTML;CHARSET=\"gb 2312\"", "text/html", "charset", "gb 2312"},
      {"a/b (c;d) ; (e) x (f) = (g) \"q\\\"q\" (h); y=1", "a/b", "x", "q\"q"},
      {"attachment; filename*=utf-8''%E6%B8%AC%20x.pdf", "attachment", "filename", "測 x.pdf"},
      {"attachment; filename*=iso-8859-1'de'%FC.txt", "attachment", "filename", "ü.txt"},
      {"attachment; filename*1*=%AC; filename*0*=utf-8''%E6%B8; filename*2=\" 'x%41\"",
       "attachment", "filename", "測 'x%41"},
      {"attachment; filename*0=a; filename*2=c", "attachment", "filename", "a"},
      {"attachment; filename=a; filename*=utf-8''b", "attachment", "filename", "b"},
      {"attachment; filename=\"=?utf-8?b?5ris?=.txt\"", "attachment", "filename", "測.txt"},
      {"attachment; filename=\"a\nb\"", "attachment", "filename", "a b"},
      {"attachment; filename*=utf-8''a%0D%0Ab", "attachment", "filename", "a  b"},
      {"; x=1", "", "x", "1"},
      // Forms that RFC 2045 does not allow but programs write.
      {"attachment; filename=the report.txt", "attachment", "filename", "the report.txt"},
      {"attachment; filename= a  b.txt ; size=1", "attachment", "filename", "a  b.txt"},
      {"attachment; filename=a (b).txt", "attachment", "filename", "a"},
      {"text/plain; charset=utf-8 format=flowed", "text/plain", "format", "flowed"},
      {"text/plain; charset=utf-8 format=flowed", "text/plain", "charset", "utf-8"},
      {"text/plain; charset=\"utf-8\" format = flowed", "text/plain", "format", "flowed"},
      {"text/html charset=utf-8", "text/html", "charset", "utf-8"},
      {"attachment filename=\"a b\"", "attachment", "filename", "a b"},
      {"a/b; =; x=y z=", "a/b", "x", "y"},
      {"a/b; x; y=\"open", "a/b", "y", "open"},
      {"a/b; x*99999999999999999999=z", "a/b", "x", ""},
      {"a/b; x*-1=z; x*0x1=y", "a/b", "x", ""},
  };
  for (const auto& row : rows) {
    const auto value = parse_parameterized(row.text);
    EXPECT_EQ(value.value, row.value) << row.text;
    EXPECT_EQ(value.find(row.name), row.parameter) << row.text;
  }
}

TEST(Parse, BuildsATreeOfParts) {
  const auto part = MailPart::parse(
      "Subject: =?utf-8?q?=E6=B8=AC?=\nContent-Type: multipart/mixed; boundary=b\n\npreamble\n--b\n"
      "Content-Type: multipart/alternative; boundary=\"b b\"\n\n--b b\n\nplain\n--b b  "
      "\nContent-Type: text/html; "
      "charset=iso-8859-1\nContent-Transfer-Encoding: Quoted-Printable\n\n<p>=FC=\n</p>\n--b "
      "b--\n--bc\n--b\n"
      "Content-Type: message/rfc822\n\nSubject: inner\n\ninner body\n--b--\nepilogue\n--b\n");
  EXPECT_EQ(part.header("subject"), "測");
  ASSERT_EQ(part.parts.size(), 2U);
  ASSERT_EQ(part.parts[0].parts.size(), 2U);
  EXPECT_EQ(part.first("text/plain")->text(), "plain");
  EXPECT_EQ(part.first("text/html")->text(), "<p>ü</p>");
  ASSERT_EQ(part.parts[1].parts.size(), 1U);
  EXPECT_EQ(part.parts[1].parts[0].header("Subject"), "inner");
  EXPECT_EQ(part.parts[1].parts[0].body, "inner body");
  EXPECT_EQ(part.first("image/png"), nullptr);
}

TEST(Parse, ReadsMalformedMessages) {
  EXPECT_EQ(MailPart::parse("").text(), "");
  EXPECT_EQ(MailPart::parse("just text").text(), "just text");
  EXPECT_EQ(MailPart::parse("Content-Type: nonsense\n\nx").type.value, "text/plain");
  EXPECT_EQ(MailPart::parse("Content-Type: multipart/mixed\n\nx").text(), "x");
  EXPECT_EQ(MailPart::parse("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nopen end")
                .parts.at(0)
                .text(),
            "open end");
  EXPECT_EQ(MailPart::parse("Content-Transfer-Encoding: base64\n\nZm9v!\nYg").text(), "foob");
  EXPECT_EQ(MailPart::parse("Content-Type: text/plain; charset=unheard-of\n\na\xff").text(),
            "a\xef\xbf\xbd");
  EXPECT_TRUE(
      MailPart::parse("Content-Disposition: attachment; filename=\"../../x\"\n\n").is_attachment());
}

TEST(Parse, PartsOfADigestAreMessagesByDefault) {
  const auto digest = MailPart::parse(
      "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\n1\n--b\n"
      "Content-Type: text/plain\n\nnotes\n--b\nContent-Description: two\n\nSubject: two\n"
      "Content-Type: multipart/mixed; boundary=c\n\n--c\n\ntext\n--c--\n--b--\n");
  ASSERT_EQ(digest.parts.size(), 3U);
  EXPECT_EQ(digest.parts[0].type.value, "message/rfc822");
  EXPECT_EQ(digest.parts[0].parts.at(0).header("Subject"), "one");
  EXPECT_EQ(digest.parts[0].parts.at(0).text(), "1");
  EXPECT_EQ(digest.parts[1].text(), "notes");
  // Within a message of a digest, the default type is text/plain again.
  EXPECT_EQ(digest.parts[2].parts.at(0).parts.at(0).type.value, "text/plain");
}

TEST(Parse, AnEncodedMessageIsALeaf) {
  const auto plain = MailPart::parse("Content-Type: message/global\n\nSubject: \xc3\xbc\n\nx");
  EXPECT_EQ(plain.parts.at(0).header("Subject"), "\xc3\xbc");
  const auto encoded = MailPart::parse(
      "Content-Type: message/global\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogYQoK");
  EXPECT_TRUE(encoded.parts.empty());
  EXPECT_EQ(encoded.decoded(), "Subject: a\n\n");
}

TEST(Parse, LimitsDepthAndNumber) {
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "Content-Type: message/rfc822\n\n";
  const MailPart whole = MailPart::parse(deep);
  const MailPart* part = &whole;
  std::size_t depth = 1;
  for (; !part->parts.empty(); part = &part->parts.front()) ++depth;
  EXPECT_EQ(depth, MailLimits{}.depth);
  EXPECT_TRUE(part->cut);

  std::string wide = "Content-Type: multipart/mixed; boundary=b\n\n";
  for (int i = 0; i < 5'000; ++i) wide += "--b\n\nx\n";
  const auto flat = MailPart::parse(wide);
  EXPECT_EQ(flat.parts.size(), MailLimits{}.parts - 1);
  EXPECT_TRUE(flat.cut);

  const auto long_header = MailPart::parse("A: " + std::string(2'000'000, 'x') + "\n\nbody");
  EXPECT_TRUE(long_header.cut);
}

ReceivedInfo sample() {
  ReceivedInfo trace;
  trace.helo = "client.example";
  trace.client = "192.0.2.1";
  trace.by = "mx.example.org";
  trace.protocol = "ESMTPS";
  trace.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
  trace.id = "0000000000ABC";
  trace.recipient = Mailbox{"a", "example.org"};
  trace.time = std::chrono::system_clock::time_point(std::chrono::seconds(1783415100));
  return trace;
}

TEST(Received, FormatsTheClausesOfRfc5321) {
  EXPECT_EQ(format_received(sample()),
            "Received: from client.example ([192.0.2.1]) by mx.example.org with ESMTPS\r\n"
            " (TLSv1.3 TLS_AES_256_GCM_SHA384) id 0000000000ABC for <a@example.org>;\r\n"
            " Tue, 07 Jul 2026 09:05:00 +0000\r\n");
  EXPECT_EQ(format_return_path({}), "Return-Path: <>\r\n");
  EXPECT_EQ(format_return_path({"a b", "x"}), "Return-Path: <\"a b\"@x>\r\n");
  EXPECT_EQ(format_delivered_to({"a", "x"}), "Delivered-To: a@x\r\n");
}

// Row 4: text of a peer cannot end a line, close a comment or begin a clause.
TEST(Row4, TraceFieldsAreScrubbed) {
  for (int byte = 0; byte < 0x100; ++byte) {
    const std::string evil = std::string("a") + static_cast<char>(byte) + "b) by evil; x";
    auto trace = sample();
    trace.helo = trace.client = trace.by = trace.protocol = trace.tls = trace.id = evil;
    const auto field = format_received(trace);
    const auto block = split_fields(field);
    ASSERT_EQ(block.fields.size(), 1U);
    ASSERT_EQ(block.end, field.size());
    ASSERT_EQ(field.find('\0'), std::string::npos);
    ASSERT_EQ(field.find("b) by evil"), std::string::npos);
    const Mailbox mailbox{evil, "x\r\nBcc: y"};
    trace.recipient = mailbox;
    ASSERT_EQ(split_fields(format_received(trace)).fields.size(), 1U);
    for (const auto& line : {format_return_path(mailbox), format_delivered_to(mailbox)}) {
      ASSERT_EQ(line.find_first_of("\r\n"), line.size() - 2);
      ASSERT_EQ(line.find('\0'), std::string::npos);
    }
  }
  auto trace = sample();
  trace.helo = std::string(100'000, 'h');
  EXPECT_LT(format_received(trace).size(), 600U);
}

}  // namespace
}  // namespace postroad::mail
