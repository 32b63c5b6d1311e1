// The setters of Message: what they refuse and the envelope that they imply; raw messages.
#include <gtest/gtest.h>

#include <postroad/address.hpp>
#include <postroad/mail_part.hpp>
#include <postroad/message.hpp>

#include "base/text.hpp"
#include "mail/read/test_messages.hpp"

namespace postroad {
namespace {

using mail::composed;
using mail::utf8;

std::string joined(const std::vector<Mailbox>& mailboxes) {
  std::string out;
  for (const auto& mailbox : mailboxes) out += (out.empty() ? "" : " ") + mailbox.text();
  return out;
}

bool has_only_crlf(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == '\0') return false;
    if (bytes[i] == '\r' && (i + 1 == bytes.size() || bytes[i + 1] != '\n')) return false;
    if (bytes[i] == '\n' && (i == 0 || bytes[i - 1] != '\r')) return false;
  }
  return true;
}

TEST(Message, SettersChainOnLvaluesAndTemporaries) {
  Message named;
  named.from("a@x").to("b@y").subject("s");
  named.cc("c@z");
  const auto copy = named;
  named.bcc("d@z");
  EXPECT_EQ(joined(copy.recipients()), "b@y c@z");
  EXPECT_EQ(joined(named.recipients()), "b@y c@z d@z");
  const Message moved = Message{}.from("a@x").to("b@y").text("t");
  EXPECT_TRUE(moved.check());
  Message other = std::move(named);
  EXPECT_EQ(other.recipients().size(), 3U);
  EXPECT_EQ(Message{}.reverse_path(), Mailbox{});
}

TEST(Message, ImpliesTheEnvelope) {
  const auto message =
      Message{}.from("A <a@x>, b@x").to("c@X, c@x").cc("C@x").bcc("Group: d@x, c@x;");
  EXPECT_EQ(message.reverse_path().text(), "a@x");
  EXPECT_EQ(joined(message.recipients()), "c@X C@x d@x");
  EXPECT_EQ(Message{}.from("a@x").sender("S <s@x>").reverse_path().text(), "s@x");
}

TEST(Message, StoresTheFirstError) {
  const auto message = Message{}.from("a@x").to("b@").subject("two\nlines");
  ASSERT_TRUE(message.error());
  EXPECT_EQ(message.error()->text(), "To \"b@\": the domain is missing (column 3)");
  EXPECT_EQ(message.check().error(), *message.error());
  EXPECT_EQ(message.source().error(), *message.error());
}

TEST(Message, ReportsMissingAndInvalidValues) {
  EXPECT_EQ(Message{}.to("a@b").check().error().text(), "From: no sender; set one with from()");
  EXPECT_EQ(Message{}.from("a@b").check().error().text(),
            "To: no recipient; set to(), cc() or bcc()");
  EXPECT_EQ(Message{}.attach("/no/such/file").error()->fault, Fault::io);
  EXPECT_EQ(Message{}.attach("/").error()->fault, Fault::io);
  EXPECT_TRUE(Message{}.attach("a.eml", "message/rfc822", "x").error());
  EXPECT_FALSE(Message{}.attach("a.eml", "", "x").error());
  EXPECT_TRUE(Message{}.sender("a@x, b@x").error());
  EXPECT_TRUE(Message{}.subject("\xff").error());
  EXPECT_TRUE(Message{}.text("\xff").error());
  EXPECT_TRUE(Message{}.message_id("no at").error());
  EXPECT_TRUE(Message{}.message_id("a@b>\r\nX: y").error());
  EXPECT_FALSE(Message{}.message_id("a@b").error());
}

TEST(Message, CompletesLocalPartsOnlyWithADefaultDomain) {
  EXPECT_TRUE(Message{}.from("root").error());
  const auto message =
      Message{}.from("Cron <root>").to("admin, b@y").default_domain("host.example");
  EXPECT_TRUE(message.check());
  EXPECT_EQ(message.reverse_path().text(), "root@host.example");
  EXPECT_EQ(joined(message.recipients()), "admin@host.example b@y");
  EXPECT_NE(composed(message).find("From: Cron <root@host.example>\r\n"), std::string::npos);
  EXPECT_TRUE(Message{}.default_domain("a b").error());
}

TEST(Message, RefusesFieldsThatInjectOthers) {
  for (const std::string_view name : {"", "X:Y", "X Y", "X\r\nBcc", "Xé", "Content-Type",
                                      "mime-version", "Resent-Bcc", "Received"}) {
    EXPECT_TRUE(Message{}.header(name, "v").error()) << name;
  }
  EXPECT_TRUE(Message{}.header("X-A", "a\r\nBcc: x@y").error());
  EXPECT_TRUE(Message{}.header("X-A", std::string(999, 'u')).error());
  EXPECT_FALSE(Message{}.header("X-A", std::string(900, 'u')).error());
  EXPECT_EQ(joined(Message{}.header("to", "a@b").header("BCC", "c@d").recipients()), "a@b c@d");
}

// Row 4: every setter refuses CR, LF and NUL, alone and together.
TEST(Row4, NoLineEndPassesAnySetter) {
  for (const std::string& end :
       {std::string("\r\n"), std::string("\r"), std::string("\n"), std::string(1, '\0')}) {
    const auto evil = "a" + end + "Bcc: evil@x";
    EXPECT_TRUE(Message{}.from(evil + " <a@x>").error());
    EXPECT_TRUE(Message{}.from("\"" + evil + "\" <a@x>").error());
    EXPECT_TRUE(Message{}.to("a@x" + end).error());
    EXPECT_TRUE(Message{}.to("a@x (" + evil + ")").error());
    EXPECT_TRUE(Message{}.subject(evil).error());
    EXPECT_TRUE(Message{}.message_id("<a" + end + "@x>").error());
    EXPECT_TRUE(Message{}.header("X-A", evil).error());
    EXPECT_TRUE(Message{}.header("X" + end + "Y", "v").error());
    EXPECT_TRUE(Message{}.attach(evil, "text/plain", "x").error());
    EXPECT_TRUE(Message{}.attach("a", "text/plain; x=" + evil, "x").error());
    EXPECT_TRUE(Message{}.attach("a", "text/plain" + end, "x").error());
    EXPECT_TRUE(Message{}.default_domain("x" + end + "y").error());
  }
}

// Row 5: no code point becomes a line end, also not one with the low byte of CR or LF (U+760D,
// U+760A).
TEST(Row5, NoCodePointAtAnySinkBecomesALineEnd) {
  const auto words = [](const std::string& text) {
    return Message{}
        .from("x" + text + " <a@x>")
        .subject(text)
        .header("X-A", "b" + text + "c")
        .text(text)
        .attach(text + ".txt", "text/plain", "x");
  };
  const auto addresses = [](const std::string& text) {
    return Message{}.from("a@x" + text + "y.example").to(text + "b@x").text("t");
  };
  const auto check = [](const Message& message, char32_t point) {
    ASSERT_TRUE(point < 0x80 || !message.error()) << *message.error();
    const bool clean = message.error() || has_only_crlf(composed(message));
    ASSERT_TRUE(clean) << std::uint32_t{point};
  };
  std::string long_batch;
  std::string short_batch;  // fits a local part and a label
  for (char32_t point = 0; point <= 0x10ffff; ++point) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const auto text = utf8(point);
    if (point < 0x100 || (point & 0xff) == '\r' || (point & 0xff) == '\n') {
      check(words(text), point);
      check(addresses(text), point);
      continue;
    }
    long_batch += text;
    short_batch += text;
    const bool last = point == 0x10ffff;
    if (last || long_batch.size() > 600) check(words(std::exchange(long_batch, {})), point);
    if (last || short_batch.size() > 50) check(addresses(std::exchange(short_batch, {})), point);
  }
  const auto message = Message{}.from("a@x").subject("\u760dBcc: x\u760a");
  EXPECT_FALSE(message.error());
  EXPECT_EQ(MailPart::parse(composed(message)).header("Subject"), "\u760dBcc: x\u760a");
}

// Row 6: a quoted local part is quoted on the wire and in the header.
TEST(Row6, AQuotedAddressIsWrittenQuoted) {
  const auto message =
      Message{}.from("a@x").to("\"c@evil.example> SIZE=1\"@y, \"a b\" <\"x y\"@z>");
  EXPECT_EQ(joined(message.recipients()), "\"c@evil.example> SIZE=1\"@y \"x y\"@z");
  const auto bytes = composed(message);
  const auto part = MailPart::parse(bytes);
  const auto to = parse_address_list(part.find("To")->value());
  ASSERT_TRUE(to);
  ASSERT_EQ(to->size(), 2U);
  EXPECT_EQ((*to)[0].mailbox, message.recipients()[0]);
}

// Row 22: however a Bcc address is given, the message never contains it, and it is a recipient.
TEST(Row22, BccNeverGoesOut) {
  const auto built =
      Message{}.from("a@x").to("b@x").bcc("secret@x").header("Bcc", "secret2@x").text("t");
  EXPECT_EQ(composed(built).find("secret"), std::string::npos);
  EXPECT_EQ(joined(built.recipients()), "b@x secret@x secret2@x");

  const std::string_view headers[] = {
      "From: a@x\nTo: b@x\nBcc: secret@x\n",
      "Bcc: secret@x\nFrom: a@x\nTo: b@x\n",
      "From: a@x\nBcc: secret@x,\n\tsecret2@x,\n secret3@x\nTo: b@x\n",
      "From: a@x\nBCC : secret@x\nTo: b@x\nbcc:\n secret2@x\n",
      "From: a@x\r\nTo: b@x\r\nBcc:secret@x,\r\n \r\n secret2@x\r\n",
      "From: a@x\rTo: b@x\rBcc: secret@x\r",
      "From a@x Mon Jan  1 00:00:00 2026\nFrom: a@x\nTo: b@x\nBcc: secret@x\n",
      "Resent-From: r@x\nResent-To: q@x\nResent-Bcc: secret@x\nFrom: a@x\nTo: b@x\nBcc: "
      "secret2@x\n",
  };
  for (const auto header : headers) {
    const auto message = Message{}.raw(std::string(header) + "\nbody\n");
    ASSERT_TRUE(message.check()) << header << message.check().error();
    const auto bytes = composed(message);
    EXPECT_EQ(bytes.find("secret"), std::string::npos) << bytes;
    EXPECT_TRUE(bytes.ends_with("\r\n\r\nbody\r\n")) << bytes;
    EXPECT_NE(joined(message.recipients()).find("secret@x"), std::string::npos) << header;
  }
  // A malformed line would make the rest of the header, with Bcc, part of the body.
  EXPECT_TRUE(Message{}.raw("From: a@x\nno field\nBcc: secret@x\n\nbody").error());
  EXPECT_FALSE(Message{}.raw("From: a@x\nno field\n\nBcc: not secret\n").error());
}

TEST(Raw, UsesRecipientsOfTheNewestResentBlock) {
  const auto message = Message{}.raw(
      "Resent-Date: d\nResent-From: new@x\nResent-To: one@x\nResent-Date: e\nResent-From: old@x\n"
      "Resent-To: two@x\nFrom: a@x\nTo: three@x\n\n");
  EXPECT_EQ(joined(message.recipients()), "one@x");
  EXPECT_EQ(message.reverse_path().text(), "new@x");
}

TEST(Raw, KeepsItsBytesAndAddsMissingFields) {
  const auto bytes = composed(Message{}
                                  .raw("Subject: s\nDate: d\n\n.\nGr\xfc\xdf"
                                       "e\n")
                                  .from("a@x")
                                  .to("b@x"));
  EXPECT_TRUE(bytes.starts_with("Subject: s\r\nDate: d\r\nFrom: a@x\r\nTo: b@x\r\nMessage-ID: <"))
      << bytes;
  EXPECT_TRUE(
      bytes.ends_with(">\r\n\r\n.\r\nGr\xfc\xdf"
                      "e\r\n"))
      << bytes;
  const auto latin = Message{}.raw("From: a@x\nSubject: s\n\n\xfc").source();
  EXPECT_TRUE((*latin)->is_8bit());
  EXPECT_FALSE((*latin)->needs_utf8());
  EXPECT_TRUE((*Message{}.raw("From: a@x\nSubject: ü\n\n").source())->needs_utf8());
  EXPECT_FALSE((*Message{}.raw("From: a@x\n\nx").source())->is_8bit());
}

TEST(Raw, AcceptsTextWithoutAHeader) {
  EXPECT_TRUE(composed(Message{}.raw("hello\nBcc: x\n").from("a@x"))
                  .ends_with(">\r\n\r\nhello\r\nBcc: x\r\n"));
  EXPECT_TRUE(composed(Message{}.raw("").from("a@x")).ends_with("\r\n\r\n"));
  EXPECT_TRUE(Message{}.raw(std::string("A: \0b\n\nx", 9)).error());
  const auto nul = composed(Message{}.raw(std::string("From: a@x\n\na\0b\n", 15)));
  EXPECT_NE(nul.find("\r\n\r\na=00b\r\n"), std::string::npos) << nul;
  EXPECT_TRUE(composed(Message{}.raw(std::string("From: a@x\nDKIM-Signature: v=1\n\n\0\n", 34)))
                  .starts_with("error: the message: it is signed"));
  EXPECT_FALSE(Message{}.raw("From: a@x\n\nx").text("t").source());
}

TEST(Raw, AnUnreadableAddressFieldFailsOnlyCheck) {
  const auto message = Message{}.raw("From: a@x\nTo: b@\n\nx");
  EXPECT_EQ(message.check().error().text(), "To \"b@\": the domain is missing (column 3)");
  EXPECT_FALSE(message.error());
  EXPECT_TRUE(message.source());
}

}  // namespace
}  // namespace postroad
