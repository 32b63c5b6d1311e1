// Bodies of a Message: nesting of multiparts, embedded files, streams, list fields, the offers of
// servers, and signing.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <postroad/mail_part.hpp>

#include "base/text.hpp"
#include "mail/mime/recode.hpp"
#include "mail/read/test_messages.hpp"

namespace postroad {
namespace {

using mail::composed;
using mail::counted;
using mail::drained;
using mail::shape_of;

Message begun() { return Message{}.from("a@x.example").to("b@y.example").subject("s"); }

std::string shape(const Message& message) {
  const auto bytes = composed(message);
  return bytes.starts_with("error") ? bytes : shape_of(MailPart::parse(bytes));
}

StreamOpener stream_of(std::string bytes, std::size_t piece) {
  return [bytes, piece]() -> Result<ByteStream> {
    return ByteStream([bytes, piece, at = std::size_t{0}]() mutable -> Result<std::string_view> {
      const auto next = std::string_view(bytes).substr(at, piece);
      at += next.size();
      return next;
    });
  };
}

// A temporary folder, removed at the end.
class Folder final {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / "postroad_message_body_test") {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_ / "page" / "img");
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string put(const std::string& name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

TEST(MessageBody, NestsMultiparts) {
  const auto png = [](Message message) { return message.embed("i.png", "image/png", "x"); };
  const std::string html = "<img src=\"i.png\">";
  EXPECT_EQ(shape(begun()), "text/plain");
  EXPECT_EQ(shape(begun().text("t")), "text/plain");
  EXPECT_EQ(shape(begun().html("h")), "text/html");
  EXPECT_EQ(shape(begun().html("h").text("t")), "multipart/alternative(text/plain text/html)");
  EXPECT_EQ(shape(begun().calendar("REQUEST", "BEGIN:VCALENDAR").html("h").text("t")),
            "multipart/alternative(text/plain text/html text/calendar)");
  EXPECT_EQ(shape(png(begun().html(html))), "multipart/related(text/html image/png)");
  EXPECT_EQ(shape(png(begun().html(html).text("t"))),
            "multipart/alternative(text/plain multipart/related(text/html image/png))");
  EXPECT_EQ(shape(png(begun().html(html).text("t")).attach("a.pdf", "", "x")),
            "multipart/mixed(multipart/alternative(text/plain multipart/related(text/html "
            "image/png)) application/pdf)");
  EXPECT_EQ(shape(begun().attach("a.pdf", "", "x").attach("b.csv", "", "y")),
            "multipart/mixed(application/pdf text/csv)");
}

TEST(MessageBody, ContentReplacesTextAndHtml) {
  std::vector<MimePart> parts;
  parts.push_back(MimePart::text("plain", "t"));
  parts.push_back(MimePart::message("Subject: in\n\nx\n"));
  const auto digest = MimePart::multipart("digest", parts);
  EXPECT_EQ(shape(begun().content(digest)),
            "multipart/digest(text/plain message/rfc822(text/plain))");
  EXPECT_EQ(shape(begun().content(digest).attach("a.pdf", "", "x")),
            "multipart/mixed(multipart/digest(text/plain message/rfc822(text/plain)) "
            "application/pdf)");
  EXPECT_TRUE(shape(begun().content(digest).text("t")).starts_with("error: content"));
  EXPECT_TRUE(begun().content(MimePart::multipart("mixed", {})).error());
}

TEST(MessageBody, AnAttachedMessageKeepsItsBinaryParts) {
  const std::string picture("\x89PNG\r\n\x1a\n\0\n", 10);
  const auto bytes = composed(begun().attach(MimePart::message(
      "Subject: in\nContent-Transfer-Encoding: binary\n"
      "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: image/png\n"
      "Content-Transfer-Encoding: binary\n\n" +
      picture + "\n--b\n\nplain\n--b--\n")));
  const auto mail = MailPart::parse(bytes);
  const auto& inside = mail.parts.at(0).parts.at(0);
  EXPECT_EQ(inside.parts.at(0).decoded(), picture) << bytes;
  EXPECT_EQ(inside.parts.at(1).body, "plain");
  EXPECT_EQ(bytes.find("binary"), std::string::npos) << bytes;
}

TEST(MessageBody, PartsCheckTheirArguments) {
  EXPECT_TRUE(MimePart::text("plain\r\nX: y", "t").error());
  EXPECT_TRUE(MimePart::text("plain", "\xff").error());
  for (const auto* type : {"", "text", "text/", "/plain", "multipart/mixed", "message/rfc822",
                           "text/plain; boundary=x", "text/plain; a b=c", "text/plain; \xc3\xbc=c",
                           "text/plain\r\nX: y", "te xt/plain", "text/plain (c)"})
    EXPECT_TRUE(MimePart::bytes(type, "x").error()) << type;
  EXPECT_TRUE(MimePart::raw("no header").error());
  EXPECT_TRUE(MimePart::raw("A: b\n\nx").error());
  EXPECT_TRUE(composed(begun().attach(MimePart::raw(std::string("A: b\r\n\r\n\0", 9))))
                  .starts_with("error: raw part: contains a NUL"));
  EXPECT_TRUE(MimePart::stream("a/b", nullptr).error());
  EXPECT_TRUE(MimePart::file("/no/such/file").error());
  const auto part = MimePart::bytes("a/b", "x");
  EXPECT_TRUE(MimePart(part).parameter("boundary", "x").error());
  EXPECT_TRUE(MimePart(part).parameter("a b", "x").error());
  EXPECT_TRUE(MimePart(part).header("Content-Type", "x").error());
  EXPECT_TRUE(MimePart(part).header("X Y", "x").error());
  EXPECT_TRUE(MimePart(part).content_id("<a@b>").error());
  EXPECT_TRUE(MimePart(part).content_id("a@").error());
  EXPECT_TRUE(MimePart(part).attachment(std::string(1025, 'x')).error());
  EXPECT_TRUE(begun().attach(MimePart(part).content_id("x")).error());
}

TEST(MessageBody, PartsKeepParametersAndFields) {
  const auto bytes =
      composed(begun().attach(MimePart::bytes("application/x-y; charset=koi8-r", "ab")
                                  .parameter("smime-type", "a \"b\"")
                                  .header("Content-Description", "grün")
                                  .content_id("id@x")
                                  .attachment("ü.bin")));
  const auto mail = MailPart::parse(bytes);
  const auto& part = mail.parts.front();
  EXPECT_EQ(part.type.find("smime-type"), "a \"b\"");
  EXPECT_EQ(part.type.find("charset"), "koi8-r");
  EXPECT_EQ(part.header("Content-Description"), "grün");
  EXPECT_EQ(part.header("Content-ID"), "<id@x>");
  EXPECT_EQ(part.file_name(), "ü.bin");
  EXPECT_EQ(part.decoded(), "ab");
}

TEST(MessageBody, ReferencesToEmbeddedPartsBecomeContentIds) {
  const auto bytes = composed(begun()
                                  .html("<img src=\"i.png\"><img src='cid:i.png'><p x=i.png>")
                                  .embed("i.png", "", "png"));
  const auto mail = MailPart::parse(bytes);
  const auto id = mail.parts[1].header("Content-ID");
  const auto reference = "cid:" + id.substr(1, id.size() - 2);
  EXPECT_EQ(mail.parts[0].text(),
            "<img src=\"" + reference + "\"><img src='" + reference + "'><p x=i.png>");
  EXPECT_EQ(mail.parts[1].disposition.value, "inline");
  EXPECT_EQ(mail.type.find("type"), "text/html");
  EXPECT_TRUE(shape(begun().text("t").embed("i.png", "", "x")).starts_with("error: embed"));
  EXPECT_TRUE(begun().embed("i.png", "message/rfc822", "x").error());
  EXPECT_TRUE(begun().embed("/no/such.png").error());
}

TEST(MessageBody, HtmlFileEmbedsItsReferences) {
  const Folder folder;
  folder.put("page/img/a.png", "png");
  folder.put("outside.png", "no");
  const auto page = folder.put("page/p.html",
                               "<img src=\"img/a.png\"><img src='./img/a.png'>"
                               "<img src=https://x/b.png><a href=\"../outside.png\">");
  const auto mail = composed(begun().html_file(page));
  EXPECT_EQ(shape_of(MailPart::parse(mail)), "multipart/related(text/html image/png image/png)");
  for (const std::string_view reference :
       {"../outside.png", "img/../../outside.png", "img/..//../outside.png", ".."}) {
    const auto outside = folder.put("page/o.html", "<img src=\"" + std::string(reference) + "\">");
    const auto error = begun().html_file(outside).error();
    ASSERT_TRUE(error) << reference;
    EXPECT_EQ(error->fault, Fault::data) << *error;
    EXPECT_NE(error->detail.find("outside its folder"), std::string::npos) << *error;
  }
  EXPECT_TRUE(begun().html_file(folder.put("page/m.html", "<img src=missing.png>")).error());
  EXPECT_TRUE(begun().html_file("/no/such.html").error());
}

TEST(MessageBody, HtmlEmbedsTheReferencesBelowAFolder) {
  const Folder folder;
  const std::filesystem::path page = folder.put("page/img/a.png", "png");
  const auto root = page.parent_path().parent_path().string();
  const auto mail = composed(begun().html("<img src=img/a.png>", root));
  EXPECT_EQ(shape_of(MailPart::parse(mail)), "multipart/related(text/html image/png)");
  EXPECT_EQ(shape(begun().html("", root)), "text/html");
  const auto error = begun().html("<img src=../a.png>", root).error();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault, Fault::data) << *error;
}

TEST(MessageBody, AStreamIsReopenedAndMustHaveItsSize) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += std::to_string(i) + ' ';
  for (const std::size_t piece : {1U, 56U, 57U, 58U, 10000U}) {
    const auto message = begun().attach("a.bin", "a/b", stream_of(bytes, piece), bytes.size());
    auto source = message.source(counted());
    ASSERT_TRUE(source);
    const auto once = drained(**source);
    EXPECT_EQ((*source)->size(), once.size());
    EXPECT_EQ(MailPart::parse(once).parts.front().decoded(), bytes);
    ASSERT_TRUE((*source)->rewind());
    EXPECT_EQ(drained(**source), once);
  }
  auto unsized = begun().attach("a.bin", "a/b", stream_of(bytes, 9)).source(counted());
  EXPECT_EQ((*unsized)->size(), std::nullopt);
  EXPECT_EQ(MailPart::parse(drained(**unsized)).parts.front().decoded(), bytes);
  for (const std::size_t size : {bytes.size() - 1, bytes.size() + 1, std::size_t{0}}) {
    const auto wrong = composed(begun().attach("a.bin", "a/b", stream_of(bytes, 9), size));
    EXPECT_NE(wrong.find("error: attached stream"), std::string::npos) << size;
  }
}

TEST(MessageBody, WritesListReplyAndPriorityFields) {
  const auto bytes = composed(begun()
                                  .in_reply_to("<1@x>")
                                  .references("0@x <1@x>")
                                  .priority(Priority::high)
                                  .list_unsubscribe("https://x/u?a=1, mailto:u@x"));
  const auto mail = MailPart::parse(bytes);
  EXPECT_EQ(mail.header("In-Reply-To"), "<1@x>");
  EXPECT_EQ(mail.header("References"), "<0@x> <1@x>");
  EXPECT_EQ(mail.header("Importance"), "high");
  EXPECT_EQ(mail.header("X-Priority"), "1");
  EXPECT_EQ(mail.header("List-Unsubscribe"), "<https://x/u?a=1>, <mailto:u@x>");
  EXPECT_EQ(mail.header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
  EXPECT_EQ(composed(begun().list_unsubscribe("mailto:u@x")).find("-Post"), std::string::npos);
  for (const auto* wrong :
       {"", "x", "ftp://x", "https://x/>,<y", "https://\xc3\xbc", "https://a b"})
    EXPECT_TRUE(begun().list_unsubscribe(wrong).error()) << wrong;
  for (const auto* wrong : {"x", "<a@b", "<a@>", "<a b@c>", "\xc3\xbc@x"}) {
    EXPECT_TRUE(begun().references(wrong).error()) << wrong;
    EXPECT_TRUE(begun().in_reply_to(wrong).error()) << wrong;
  }
}

std::string line_of(const std::string& bytes, std::string_view front) {
  const auto at = bytes.find(front);
  return at == std::string::npos ? "" : bytes.substr(at, bytes.find('\n', at) - at);
}

TEST(MessageBody, TheOfferChangesEncodingsButNotTheContent) {
  auto source = begun()
                    .text("grün")
                    .html("<p>grün</p>")
                    .attach("a.bin", "a/b", std::string("\0\r\xff", 3))
                    .source(counted());
  ASSERT_TRUE(source);
  const auto seven = drained(**source);
  EXPECT_FALSE(mail::traits_of(seven).is_8bit);
  (*source)->offered({.eight_bit = true});
  const auto eight = drained(**source);
  EXPECT_TRUE((*source)->is_8bit());
  EXPECT_FALSE((*source)->is_binary());
  EXPECT_NE(eight.find("<p>grün</p>"), std::string::npos);
  (*source)->offered({.eight_bit = true, .binary = true});
  const auto binary = drained(**source);
  EXPECT_TRUE((*source)->is_binary());
  EXPECT_NE(binary.find(std::string("\0\r\xff", 3)), std::string::npos);
  (*source)->offered({});
  EXPECT_EQ(drained(**source), seven);
  EXPECT_FALSE((*source)->is_8bit() || (*source)->is_binary());
  for (const auto& form : {eight, binary}) {
    for (const auto* front : {"Message-ID:", "--=_mixed_", "--=_alternative_", "Date:"})
      EXPECT_EQ(line_of(form, front), line_of(seven, front));
    const auto a = MailPart::parse(seven);
    const auto b = MailPart::parse(form);
    ASSERT_EQ(shape_of(a), shape_of(b));
    const auto leaves = mail::leaves_of(a);
    for (std::size_t i = 0; i < leaves.size(); ++i)
      EXPECT_EQ(leaves[i]->decoded(), mail::leaves_of(b)[i]->decoded());
  }
}

TEST(MessageBody, AnAttachedMessageIsNeverSentAsBinary) {
  auto source =
      begun().attach(MimePart::message(std::string("A: b\n\n\0x\n", 9))).source(counted());
  ASSERT_TRUE(source) << source.error();
  EXPECT_EQ(drained(**source).find('\0'), std::string::npos);
  (*source)->offered({.eight_bit = true, .binary = true});
  EXPECT_EQ(drained(**source).find('\0'), std::string::npos);
}

class StampSigner final : public MessageSigner {
 public:
  Result<std::string> sign(MessageSource& source) const override {
    return "X-Stamp: " + std::to_string(drained(source).size()) + "\r\n";
  }
};

// Row 27: a signed message is sent exactly as it was signed, whatever the server offers.
TEST(Row27, ASignedMessageKeepsItsForm) {
  auto source = begun().text("grün").sign(std::make_shared<StampSigner>()).source(counted());
  ASSERT_TRUE(source);
  const auto once = drained(**source);
  EXPECT_TRUE(once.starts_with("X-Stamp: ")) << once;
  EXPECT_FALSE(mail::traits_of(once).is_8bit);
  (*source)->offered({.eight_bit = true, .binary = true});
  ASSERT_TRUE((*source)->rewind());
  EXPECT_EQ(drained(**source), once);
  EXPECT_TRUE(begun().sign(nullptr).error());
}

TEST(Offered, AnOfferWithoutErrorFollowsOneWithAnError) {
  const auto source = Message{}
                          .raw(
                              "From: a@x\r\nDKIM-Signature: v=1\r\n\r\nGr\xc3\xbc\xc3\x9f"
                              "e\r\n")
                          .source();
  ASSERT_TRUE(source);
  (*source)->offered({});
  EXPECT_FALSE((*source)->next());
  (*source)->offered({.eight_bit = true});
  EXPECT_NE(drained(**source).find("Gr\xc3\xbc"), std::string::npos);
}

TEST(Offered, SizeIsKnownUnlessAStreamHasNone) {
  const auto message = Message{}.from("a@x").text("t").attach("a", "", std::string("abc"));
  EXPECT_TRUE((*message.source())->size());
  const StreamOpener open = []() -> Result<ByteStream> {
    return ByteStream([]() -> Result<std::string_view> { return std::string_view(); });
  };
  EXPECT_TRUE((*Message(message).attach("b", "", open, 0).source())->size());
  EXPECT_FALSE((*Message(message).attach("b", "", open).source())->size());
}

}  // namespace
}  // namespace postroad
