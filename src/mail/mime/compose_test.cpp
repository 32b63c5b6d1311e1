// Composed messages: byte-exact samples, and round trips through MailPart.
#include "mail/mime/compose.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <postroad/mail_part.hpp>

#include "base/text.hpp"
#include "mail/read/test_messages.hpp"

namespace postroad {
namespace {

using mail::composed;
using mail::counted;
using mail::drained;

void expect_clean(const std::string& bytes) {
  EXPECT_TRUE(bytes.ends_with("\r\n"));
  EXPECT_TRUE(std::none_of(bytes.begin(), bytes.end(), is_8bit));
  for (const auto line : split(std::string_view(bytes).substr(0, bytes.size() - 1), '\n')) {
    EXPECT_LE(line.size(), 79U) << line;
    EXPECT_TRUE(line.ends_with('\r'));
    EXPECT_EQ(line.find('\r'), line.size() - 1);
  }
}

TEST(Compose, ExampleOfTheReadme) {
  EXPECT_EQ(composed(Message{}
                         .from("test <test@163.com>")
                         .to("test@gmail.com, friend@example.org")
                         .subject("測試標題")
                         .html(R"(郵件內容 <a href="https://example.org">link</a>)")),
            "Date: Tue, 07 Jul 2026 09:05:00 +0000\r\n"
            "From: test <test@163.com>\r\n"
            "To: test@gmail.com, friend@example.org\r\n"
            "Subject: =?utf-8?B?5ris6Kmm5qiZ6aGM?=\r\n"
            "Message-ID: <aaabacadaeafagahaiajakalamanaoap@163.com>\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: text/html; charset=utf-8\r\n"
            "Content-Transfer-Encoding: base64\r\n"
            "\r\n"
            "6YO15Lu25YWn5a65IDxhIGhyZWY9Imh0dHBzOi8vZXhhbXBsZS5vcmciPmxpbms8L2E+\r\n");
}

TEST(Compose, WritesPlainTextUnencoded) {
  const auto bytes = composed(Message{}.from("a@x").to("b@y").subject("s").text("one\ntwo\r.\n"));
  EXPECT_TRUE(bytes.ends_with("Content-Transfer-Encoding: 7bit\r\n\r\none\r\ntwo\r\n.\r\n"))
      << bytes;
  const auto open_end = composed(Message{}.from("a@x").text("no line end"));
  EXPECT_TRUE(open_end.ends_with("\r\n\r\nno line end\r\n"));
  EXPECT_TRUE(composed(Message{}.from("a@x")).ends_with("7bit\r\n\r\n"));
}

TEST(Compose, TextHtmlAndAttachmentsRoundTrip) {
  const std::string text = "Grüße\r\n--=_mixed_\r\nFrom here\r\n";
  const std::string html = "<p>" + std::string(3000, 'x') + "</p>";
  std::string bytes;
  for (int i = 0; i < 70'000; ++i) bytes += static_cast<char>(i % 253);
  const auto message = Message{}
                           .from("a@x")
                           .to("b@y")
                           .text(text)
                           .html(html)
                           .attach("檔案 \"一\".pdf", "", bytes)
                           .attach("empty.txt", "text/plain; charset=utf-8; x=\"a;b\"", "")
                           .attach(std::string(100, 'n') + ".zip", "", "zip");
  const auto whole = composed(message);
  expect_clean(whole);
  const auto part = MailPart::parse(whole);
  ASSERT_EQ(part.type.value, "multipart/mixed");
  ASSERT_EQ(part.parts.size(), 4U);
  ASSERT_EQ(part.parts[0].type.value, "multipart/alternative");
  EXPECT_EQ(part.first("text/plain")->text(), text);
  EXPECT_EQ(part.first("text/html")->text(), html);
  EXPECT_EQ(part.parts[1].file_name(), "檔案 \"一\".pdf");
  EXPECT_EQ(part.parts[1].type.value, "application/pdf");
  EXPECT_EQ(part.parts[1].decoded(), bytes);
  EXPECT_TRUE(part.parts[1].is_attachment());
  EXPECT_EQ(part.parts[2].decoded(), "");
  EXPECT_EQ(part.parts[2].type.find("x"), "a;b");
  EXPECT_EQ(part.parts[3].file_name(), std::string(100, 'n') + ".zip");
}

TEST(Compose, StreamsAFileAndReportsATruncatedOne) {
  const auto path = std::filesystem::path(testing::TempDir()) / "postroad-報告.csv";
  const std::string bytes(200'000, 'q');
  std::ofstream(path) << bytes;
  const auto message = Message{}.from("a@x").to("b@y").attach(path.string());
  const auto whole = composed(message);
  expect_clean(whole);
  const auto part = MailPart::parse(whole);
  ASSERT_EQ(part.parts.size(), 1U);
  EXPECT_EQ(part.parts[0].decoded(), bytes);
  EXPECT_EQ(part.parts[0].file_name(), "postroad-報告.csv");

  auto source = message.source(counted());
  ASSERT_TRUE(source);
  std::filesystem::resize_file(path, 100'000);
  EXPECT_TRUE(drained(**source).find("could not be read to its end") != std::string::npos);
  std::filesystem::remove(path);
  EXPECT_EQ(message.source(counted()).error().fault, Fault::io);
}

TEST(Compose, LongAddressListsAndSubjectsFold) {
  Message message;
  message.from("\"Ünï, Ñame\" <u@x>, \"Doe, J.\" <j@x>");
  for (int i = 0; i < 200; ++i)
    message.to("Recipient Number " + std::to_string(i) + " <r" + std::to_string(i) +
               "@example.org>");
  message.subject(
      "a subject that is long, with a comma, and goes on; and on  and on (and on) beyond the end "
      "of a line");
  message.header("X-Note", "Grüße aus Köln")
      .header("X-Long", std::string(60, 'y') + ' ' + std::string(60, 'z'));
  const auto whole = composed(message);
  expect_clean(whole);
  const auto part = MailPart::parse(whole);
  EXPECT_EQ(part.header("Subject"),
            "a subject that is long, with a comma, and goes on; and on  and on (and on) beyond the "
            "end of a line");
  EXPECT_EQ(part.header("X-Note"), "Grüße aus Köln");
  EXPECT_EQ(part.header("X-Long"), std::string(60, 'y') + ' ' + std::string(60, 'z'));
  const auto to = parse_address_list(part.find("To")->value());
  ASSERT_TRUE(to);
  EXPECT_EQ(to->size(), 200U);
  EXPECT_EQ((*to)[199].name, "Recipient Number 199");
  EXPECT_TRUE(part.find("Sender") != nullptr);  // two authors
}

// Row 25: names with commas and special characters, in every script, round-trip.
TEST(Row25, DisplayNamesAndFileNamesComeBack) {
  for (const std::string_view name :
       {"Doe, John", "李, 四", "O'Brien (Ed)", "a\"b\\c", "semi; colon: <angle>", "J. Doe",
        "=?utf-8?q?literal?=", "dot.",
        "Ünïcödé, with a comma and a name that is so long that it has to be cut into several words "
        "測試測試測試",
        "plain and long and plain and long and plain and long and plain and long and plain and "
        "long"}) {
    std::string quoted = "\"";
    for (const char c : name)
      quoted += (c == '"' || c == '\\') ? std::string{'\\', c} : std::string(1, c);
    const auto whole = composed(
        Message{}.from(quoted + "\" <a@x>").to("b@y").subject(name).attach(name, "text/csv", "x"));
    expect_clean(whole);
    const auto part = MailPart::parse(whole);
    const auto from = parse_address_list(part.find("From")->value());
    ASSERT_TRUE(from) << whole;
    ASSERT_EQ(from->size(), 1U);
    EXPECT_EQ(from->front().name, name);
    EXPECT_EQ(part.header("Subject"), name);
    ASSERT_EQ(part.parts.size(), 1U);
    EXPECT_EQ(part.parts[0].file_name(), name);
  }
}

TEST(Compose, AddressesOutsideAsciiNeedSmtputf8) {
  auto source = Message{}.from("李 <測試@例子.測試>").to("b@y").source(counted());
  ASSERT_TRUE(source);
  EXPECT_TRUE((*source)->needs_utf8());
  EXPECT_TRUE((*source)->is_8bit());
  EXPECT_NE(drained(**source).find("<測試@例子.測試>\r\n"), std::string::npos);
  EXPECT_FALSE((*Message{}.from("李 <a@x>").source(counted()))->needs_utf8());
}

TEST(Compose, KeepsGroups) {
  const auto message =
      Message{}.from("a@x").to("team: b@x, \"C, c\" <c@x>;, other:;, d@x").cc("hidden:;").text("t");
  const auto bytes = composed(message);
  EXPECT_NE(bytes.find("To: team: b@x, \"C, c\" <c@x>;, other:;, d@x\r\n"), std::string::npos)
      << bytes;
  EXPECT_NE(bytes.find("Cc: hidden:;\r\n"), std::string::npos) << bytes;
  EXPECT_EQ(message.recipients().size(), 3U);
  EXPECT_FALSE(Message{}.from("a@x").to("nobody:;").text("t").check());
}

}  // namespace
}  // namespace postroad
