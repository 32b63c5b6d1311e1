// The streaming MailReader: the same events in every chunking, limits, delimiters in unusual
// places, headers that end early.
#include <postroad/mail_reader.hpp>

#include <gtest/gtest.h>

#include "mail/read/test_messages.hpp"

namespace postroad::mail {
namespace {

constexpr std::string_view mixed =
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"
    "--b\r\nContent-Type: text/plain\r\n\r\none\r\n\r\n--b\r\n\r\ntwo\r\n--b--\r\nepilogue\r\n";

constexpr std::string_view nested =
    "Content-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\n"
    "Content-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\n\r\nplain\r\n--in\r\n"
    "Content-Type: text/html\r\n\r\n<p>\r\n--out\r\n\r\nafter\r\n--out--\r\n";

constexpr std::string_view forwarded =
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
    "Subject: inner\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: two\r\n\r\ny\r\n--b--\r\n";

std::vector<std::string> messages() {
  std::vector<std::string> list{std::string(mixed), std::string(nested), std::string(forwarded)};
  for (const std::string_view one :
       {"",
        "\r\n",
        "\n",
        "\r",
        "\r\n\r\n",
        "text alone",
        "A: b",
        "A: b\r\n",
        "A: b\r\n\r\nbody",
        "A: b\nB: c\n d\n\nbody\nmore\n",
        "A: b\rB: c\r\rbody\r",
        "A: b\r\n\r\nlone\rcr\r\r\nend\r",
        "no field\r\n--b\r\n",
        " A: folded first\r\n\r\nx",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\r\n\r\nx\r\n--b \t\r\n\r\ny\r\n--b",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\ry\r\n--b\n\r\nz\r\r\n--b--",
        "Content-Type: multipart/mixed; boundary=b\r\n--b\r\n\r\nno empty line\r\n--b--\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nA: b\r\n--b\r\nC: d\r\n--b--\r\n",
        "Content-Type: multipart/mixed; "
        "boundary=b\r\n\r\n-\r\n--\r\n--bb\r\n--b-\r\n--b--\r\n--b\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\nnever opened\r\n",
        "Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nno boundary\r\n",
        "Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n\r\nx\r\n",
        "Content-Type: message/rfc822\r\n",
        "Content-Type: multipart/mixed; boundary=\"-\"\r\n\r\n---\r\n\r\nx\r\n-----\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; "
        "boundary=b\r\n\r\n--b\r\n\r\nsame boundary\r\n--b--\r\n--b--\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: "
        "message/rfc822\r\n\r\n--b\r\n\r\nempty message\r\n--b--\r\n"})
    list.emplace_back(one);
  const std::string front = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (const std::size_t blanks : {1990U, 1997U, 1998U, 1999U, 5000U})
    list.push_back(front + "--b" + std::string(blanks, ' ') + "\r\n\r\nx\r\n--b--\r\n");
  list.push_back(front + "--b\r\n\r\n--" + std::string(3000, 'x') + "\r\n--b--\r\n");
  list.push_back("A: b\r\n\r\n" + std::string("\0\0\r\0\n\0", 6));
  return list;
}

void expect_same(std::string_view mail, const MailLimits& limits) {
  const auto whole = events_of(mail, std::string_view::npos, limits);
  EXPECT_EQ(events_by_line(mail, limits), whole) << mail;
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 64U})
    EXPECT_EQ(events_of(mail, piece, limits), whole) << piece << " of\n" << mail;
  EXPECT_TRUE(whole.starts_with(events_of_tree(mail, limits))) << whole;
}

TEST(Reader, ReportsTheSameInEveryChunking) {
  for (const auto& mail : messages()) expect_same(mail, {});
}

TEST(Reader, ReportsTheSameInEveryChunkingAtItsLimits) {
  for (const auto& mail : messages()) {
    for (const std::size_t header : {0U, 1U, 4U, 10U, 43U, 44U, 46U, 48U, 60U})
      expect_same(mail, {.header = header});
    for (std::size_t depth = 1; depth < 5; ++depth) expect_same(mail, {.depth = depth});
    for (std::size_t parts = 1; parts < 6; ++parts) expect_same(mail, {.parts = parts});
  }
}

TEST(Reader, FindsADelimiterDividedAnywhere) {
  for (const auto& mail : messages()) {
    const auto whole = events_of(mail);
    const std::size_t most = std::min<std::size_t>(mail.size(), 700);
    for (std::size_t at = 0; at <= most; ++at) ASSERT_EQ(events_cut_at(mail, at), whole) << at;
  }
}

TEST(Reader, ReportsHeadersBodiesAndEnds) {
  EXPECT_EQ(events_of(mixed),
            "head multipart/mixed boundary=b disposition  [MIME-Version| 1.0\r\n]"
            " [Content-Type| multipart/mixed; boundary=b\r\n]\nat 64\n"
            "head text/plain disposition  [Content-Type| text/plain\r\n]\nat 107\n"
            "body one\r\n\nend 112\n"
            "head text/plain disposition \nat 121\nbody two\nend 124\nend 143\n"
            "h0  h79  eh119  ee");
}

TEST(Reader, AnOuterBoundaryEndsInnerParts) {
  const auto events = events_of(nested);
  EXPECT_NE(events.find("body <p>\n"), std::string::npos) << events;
  EXPECT_NE(events.find("body after\n"), std::string::npos) << events;
  EXPECT_EQ(events.find("--out\r\n"), std::string::npos) << events;
}

TEST(Reader, AnAttachedMessageHasItsOwnHeader) {
  const auto events = events_of(forwarded);
  EXPECT_NE(events.find("[Subject| inner\r\n]"), std::string::npos) << events;
  EXPECT_NE(events.find("[Subject| two\r\n]\n"), std::string::npos) << events;
  EXPECT_NE(events.find("body x\n"), std::string::npos) << events;
  EXPECT_NE(events.find("body y\n"), std::string::npos) << events;
}

TEST(Reader, ADelimiterEndsAHeader) {
  const auto events = events_of(
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX-A: "
      "b\r\n--b\r\n\r\nx\r\n--b--\r\n");
  EXPECT_NE(events.find("[X-A| b\r\n]\nat 58\nend 58\n"), std::string::npos) << events;
  EXPECT_NE(events.find("body x\n"), std::string::npos) << events;
}

TEST(Reader, TheFirstDelimiterMayReplaceTheEmptyLine) {
  const auto events =
      events_of("Content-Type: multipart/mixed; boundary=b\r\n--b\r\n\r\nshown\r\n--b--\r\n");
  EXPECT_NE(events.find("body shown\n"), std::string::npos) << events;
}

TEST(Reader, BeyondALimitTheRestIsReportedAsBody) {
  std::string deep;
  for (int i = 0; i < 50; ++i) {
    const auto name = "b" + std::to_string(i);
    deep += "Content-Type: multipart/mixed; boundary=" + name + "\r\n\r\n--" + name + "\r\n";
  }
  const auto events = events_of(deep);
  std::size_t heads = 0;
  for (auto at = events.find("head "); at != std::string::npos; at = events.find("head ", at + 1))
    ++heads;
  EXPECT_EQ(heads, MailLimits{}.depth);
  EXPECT_NE(events.find("body --b31\r\n"), std::string::npos);
  EXPECT_TRUE(events.ends_with("Eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee")) << events.substr(9000);

  std::string wide = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < 20; ++i) wide += "--b\r\n\r\npart\r\n";
  const auto few = events_of(wide, 5, {.parts = 4});
  EXPECT_TRUE(few.ends_with("eE")) << few;

  const auto cut = events_of("A: 1\r\nB: 2\r\nC: 3\r\n\r\nx\r\n", 3, {.header = 13});
  EXPECT_NE(cut.find("body C: 3\r\n\r\nx\r\n"), std::string::npos) << cut;
  EXPECT_TRUE(cut.ends_with("H0  e")) << cut;
}

TEST(Reader, KeepsABareCrAndNeedsNoFinalLineEnd) {
  const auto events = events_of("A: b\r\n\r\na\rb\r\r\nc\r", 1);
  EXPECT_NE(events.find("body a\rb\r\r\nc\r\nend 16\n"), std::string::npos) << events;
  const auto parts =
      events_of("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--", 2);
  EXPECT_NE(parts.find("body x\nend 53\nend 60\n"), std::string::npos) << parts;
}

}  // namespace
}  // namespace postroad::mail
