// Encoding a message again for a server that accepts less: what is encoded, what is refused, and
// that the decoded content stays the same.
#include "mail/mime/recode.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include <postroad/mail_part.hpp>

#include "base/text.hpp"
#include "mail/read/test_messages.hpp"

namespace postroad::mail {
namespace {

const std::string header = "From: a@x\r\nSubject: s\r\n";
const std::string mixed = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n";

// Recodes; checks that the parts keep their content, that the result fits, and that recoding it
// again changes nothing.
std::string recoded(const std::string& bytes, Transfer transfer = Transfer::seven_bit) {
  const auto out = recode(bytes, transfer);
  if (!out) return "error: " + out.error().text();
  const auto traits = traits_of(*out);
  EXPECT_EQ(traits.long_line, 0U) << *out;
  EXPECT_FALSE(transfer == Transfer::seven_bit && traits.is_8bit) << *out;
  const auto before = MailPart::parse(bytes);
  const auto after = MailPart::parse(*out);
  EXPECT_EQ(shape_of(after), shape_of(before)) << *out;
  const auto old = leaves_of(before);
  const auto fresh = leaves_of(after);
  for (std::size_t i = 0; i < std::min(old.size(), fresh.size()); ++i)
    EXPECT_EQ(fresh[i]->text(), old[i]->text()) << *out;
  const auto again = recode(*out, transfer);
  EXPECT_TRUE(again && *again == *out);
  return *out;
}

TEST(Recode, DeterminesTraits) {
  EXPECT_FALSE(traits_of("plain\r\n").is_8bit);
  EXPECT_TRUE(traits_of("\xc3\xbc").is_8bit);
  EXPECT_EQ(traits_of(std::string(998, 'x') + "\r\n").long_line, 0U);
  EXPECT_EQ(traits_of(std::string(998, 'x')).long_line, 0U);
  EXPECT_EQ(traits_of("a\r\n" + std::string(999, 'x') + "\r\nb\r\n").long_line, 2U);
}

TEST(Recode, KeepsBytesThatFit) {
  const auto plain = header + "\r\nplain\r\n";
  EXPECT_EQ(recoded(plain), plain);
  const auto eight = header +
                     "\r\nGr\xc3\xbc\xc3\x9f"
                     "e\r\n";
  EXPECT_EQ(recoded(eight, Transfer::eight_bit), eight);
}

TEST(Recode, TextBecomesQuotedPrintable) {
  EXPECT_EQ(recoded(header + "\r\nFine words, and one is gr\xc3\xbcn.\r\n"),
            header +
                "Content-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n"
                "Content-Type: text/plain; charset=utf-8\r\n\r\n"
                "Fine words, and one is gr=C3=BCn.\r\n");
}

TEST(Recode, KeepsADeclaredCharset) {
  const auto out = recoded(
      "Content-Type: text/plain; charset=iso-8859-1\r\nMIME-Version: 1.0\r\n"
      "Content-Transfer-Encoding: 8bit\r\nFrom: a@x\r\n\r\nall is gr\xfcn\r\n");
  EXPECT_EQ(out,
            "Content-Type: text/plain; charset=iso-8859-1\r\nMIME-Version: 1.0\r\nFrom: a@x\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\nall is gr=FCn\r\n");
}

TEST(Recode, AddsNoCharsetToUndeclaredTextThatIsNotUtf8) {
  const auto out = recoded(header + "\r\nall is gr\xfcn\r\n");
  EXPECT_EQ(out.find("charset"), std::string::npos) << out;
}

TEST(Recode, TextMostlyOutsideAsciiBecomesBase64) {
  std::string body;
  for (int i = 0; i < 40; ++i) body += "測試";
  const auto out = recoded(header + "\r\n" + body + "\r\n");
  EXPECT_NE(out.find("Content-Transfer-Encoding: base64\r\n"), std::string::npos) << out;
}

TEST(Recode, BinaryPartsBecomeBase64) {
  const auto out = recoded(header + mixed +
                           "\r\n--b\r\nContent-Type: image/png\r\n"
                           "Content-Transfer-Encoding: binary\r\n\r\n\x89PNG\x01\r\n--b--\r\n");
  EXPECT_NE(
      out.find("Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORwE="),
      std::string::npos)
      << out;
}

TEST(Recode, BreaksLongLinesForEveryServer) {
  const auto mail = header + "\r\n" + std::string(2000, 'x') + "\r\nend\r\n";
  EXPECT_NE(recoded(mail, Transfer::eight_bit).find("quoted-printable"), std::string::npos);
  EXPECT_NE(recoded(mail).find("quoted-printable"), std::string::npos);
}

TEST(Recode, PartsThatFitKeepTheirBytes) {
  const std::string first = "--b\r\nContent-Type: text/plain\r\n\r\nplain  \r\n";
  const auto out =
      recoded(header + mixed + "\r\n" + first +
              "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ngr\xc3\xbcn\r\n--b--\r\n");
  EXPECT_NE(out.find(first), std::string::npos) << out;
}

TEST(Recode, AHeaderOfManyFieldsTakesLinearTime) {
  std::string mail;
  for (int i = 0; i < 200'000; ++i) mail += "A:\r\n";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(recode(mail + "\r\ngr\xc3\xbcn\r\n", Transfer::seven_bit));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Recode, NoEncodingProducesADelimiter) {
  const std::string folded = std::string(60, 'x') + " \xc3\xbc 12345 --b";
  const std::string hidden = "a=0D=0A--b=0D=0A=0D=0Ab" + std::string(1200, 'x');
  for (std::size_t front = 0; front < 20; ++front) {
    const auto body = std::string(front, 'y') + folded + "\r\n";
    EXPECT_FALSE(
        recoded(header + mixed + "\r\n--b\r\n\r\n" + body + "--b--\r\n").starts_with("error"));
  }
  const auto out = recoded(header + mixed +
                           "\r\n--b\r\nContent-Transfer-Encoding: "
                           "quoted-printable\r\n\r\n" +
                           hidden + "\r\n--b--\r\n");
  EXPECT_NE(out.find("base64"), std::string::npos) << out;
}

TEST(Recode, EncodesNuls) {
  const auto out = recoded(header + "\r\n" + std::string("a\0b\r\n", 5));
  EXPECT_NE(out.find("a=00b\r\n"), std::string::npos) << out;
  EXPECT_FALSE(recode("A: " + std::string(1, '\0') + "\r\n\r\nx\r\n", Transfer::seven_bit));
}

TEST(Recode, EncodesNestedPartsAndUpdatesTheirContainers) {
  const auto out =
      recoded(header +
              "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
              "Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\n"
              "Content-Type: multipart/alternative; boundary=c\r\nContent-Transfer-Encoding: "
              "8BIT\r\n\r\n--c\r\n\r\ngr\xc3\xbcn\r\n--c--\r\n--b--\r\n");
  EXPECT_EQ(out.find("8bit"), std::string::npos) << out;
  EXPECT_EQ(out.find("8BIT"), std::string::npos) << out;
}

TEST(Recode, EncodesThePartsOfAnAttachedMessage) {
  const auto out =
      recoded(header + mixed +
              "\r\n--b\r\nContent-Type: message/rfc822\r\n"
              "Content-Transfer-Encoding: 8bit\r\n\r\nSubject: in\r\n\r\ngr\xc3\xbcn\r\n--b--\r\n");
  EXPECT_NE(out.find("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
                     "Subject: in\r\nContent-Transfer-Encoding: quoted-printable\r\n"
                     "MIME-Version: 1.0\r\n"),
            std::string::npos)
      << out;
}

TEST(Recode, AddsAHeaderToPartsWithoutOne) {
  const auto out = recoded(header + mixed + "\r\n--b\r\n\r\ngr\xc3\xbcn\r\n--b--\r\n");
  EXPECT_NE(out.find("--b\r\nContent-Transfer-Encoding: "), std::string::npos) << out;
  EXPECT_NE(recoded("\r\ngr\xc3\xbcn\r\n").find("Content-Transfer-Encoding: "), std::string::npos);
  const auto broken = recoded(header + mixed + "\r\n--b\r\nno field, gr\xc3\xbcn\r\n--b--\r\n");
  EXPECT_NE(broken.find("--b\r\nContent-Transfer-Encoding: "), std::string::npos) << broken;
  const auto inside =
      recoded(header + "Content-Type: message/rfc822\r\n\r\nno field, gr\xc3\xbcn\r\n");
  EXPECT_NE(inside.find("\r\n\r\nContent-Transfer-Encoding: "), std::string::npos) << inside;
  const auto open = recoded("Content-Type: message/rfc822\r\nno field, gr\xc3\xbcn\r\n");
  EXPECT_TRUE(open.starts_with("Content-Type: message/rfc822\r\n\r\nContent-Tr")) << open;
  EXPECT_NE(recoded("gr\xc3\xbcn, no header at all\r\n").find("\r\n\r\ngr=C3=BCn"),
            std::string::npos);
  EXPECT_NE(recoded("From: a@x\r\nno field \xc3\xbc\r\n").find("\r\n\r\nno field =C3=BC"),
            std::string::npos);
}

TEST(Recode, Base64OfTextKeepsItsBytes) {
  std::string wide;
  for (int i = 0; i < 400; ++i) wide += std::string("\x0a\x0d\x00\x0a", 4);  // UTF-16 with U+0D0A
  const auto out = recoded(
      "Content-Type: text/plain; charset=utf-16be\r\nMIME-Version: 1.0\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\n" +
      base64_encode(wide) + "\r\n");
  EXPECT_EQ(MailPart::parse(out).decoded(), wide);
}

TEST(Recode, NeverEncodesAMultipartAsAWhole) {
  for (const std::string type : {"multipart/mixed", "multipart/mixed; boundary=never"}) {
    const auto out =
        recoded(header + "Content-Type: " + type + "\r\n\r\n--b\r\n\r\ngr\xc3\xbcn\r\n--b--\r\n");
    EXPECT_TRUE(out.starts_with("error: the message: bytes or lines between its parts")) << out;
  }
}

// Row 27: a signed message is never encoded again.
TEST(Row27, ASignedMessageIsRefusedRatherThanChanged) {
  for (const std::string& mail :
       {"DKIM-Signature: v=1\r\n" + header + "\r\ngr\xc3\xbcn\r\n",
        header +
            "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\ngr\xc3\xbcn\r\n--b--\r\n",
        header + mixed +
            "\r\n--b\r\nContent-Type: multipart/encrypted; boundary=c\r\n\r\n--c\r\n\r\n"
            "x\r\n--c--\r\n--b\r\n\r\ngr\xc3\xbcn\r\n--b--\r\n"}) {
    const auto out = recode(mail, Transfer::seven_bit);
    ASSERT_FALSE(out) << *out;
    EXPECT_EQ(out.error().fault, Fault::unsupported);
    EXPECT_TRUE(recode(mail, Transfer::eight_bit));
  }
}

TEST(Recode, RefusesHeadersThatNoServerAccepts) {
  const auto folded = recoded("X-A: " + std::string(999, 'x') + "\r\n\r\nx\r\n");
  EXPECT_TRUE(folded.starts_with("error: line 1: the field X-A has a line over 998")) << folded;
  const auto second = recoded("X-A: a\r\n " + std::string(999, 'x') + "\r\n\r\nx\r\n");
  EXPECT_TRUE(second.starts_with("error: line 2: ")) << second;
  const auto eight = recoded("From: a@x\r\nSubject: gr\xc3\xbcn\r\n\r\nx\r\n");
  EXPECT_TRUE(eight.starts_with("error: line 2: the field Subject contains bytes")) << eight;
  const auto inside = recoded(header + mixed + "\r\n--b\r\nX-A: gr\xc3\xbcn\r\n\r\nx\r\n--b--\r\n");
  EXPECT_TRUE(inside.starts_with("error: line 7: the field X-A")) << inside;
  const auto between = recoded(header + mixed + "\r\ngr\xc3\xbcn\r\n--b\r\n\r\nx\r\n--b--\r\n");
  EXPECT_TRUE(between.starts_with("error: the message: bytes or lines between its parts"))
      << between;
}

}  // namespace
}  // namespace postroad::mail
