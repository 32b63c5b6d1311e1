// Canonicalization of fields and bodies (RFC 6376 §3.4), tag lists (§3.2), and the limit of the
// header.
#include "mailauth/dkim/canonical.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "mailauth/dkim/message_scanner.hpp"
#include "mailauth/dkim/tags.hpp"

namespace postroad {
namespace {

// The examples of RFC 6376 §3.4.5.
TEST(Dkim, CanonicalizesTheExamplesOfTheRfc) {
  const std::string text = "A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
  const auto block = mail::split_fields(text);
  std::string relaxed;
  std::string simple;
  for (const auto& field : block.fields) {
    dkim::append_canonical(relaxed, field, DkimCanonicalization::relaxed);
    dkim::append_canonical(simple, field, DkimCanonicalization::simple);
  }
  EXPECT_EQ(relaxed, "a:X\r\nb:Y Z\r\n");
  EXPECT_EQ(simple, "A: X\r\nB : Y\t\r\n\tZ  \r\n");
  const auto digest_of = [](std::string_view body, DkimCanonicalization form) {
    dkim::BodyDigest digest(form);
    digest.take(body);
    return digest.finish();
  };
  const auto body = std::string_view(text).substr(block.body);
  EXPECT_EQ(digest_of(body, DkimCanonicalization::relaxed),
            crypto::digest(crypto::Digest::sha256, " C\r\nD E\r\n"));
  EXPECT_EQ(digest_of(body, DkimCanonicalization::simple),
            crypto::digest(crypto::Digest::sha256, " C \r\nD \t E\r\n"));
}

// An empty body, one of line ends only, one without a final line end; whitespace at the ends of
// lines; bare CRs; in pieces of every size.
TEST(Row27, BodiesThatDifferInTheirEnds) {
  struct Row {
    std::string_view body, simple, relaxed;
  };
  constexpr Row rows[] = {
      {"", "\r\n", ""},
      {"\r\n", "\r\n", ""},
      {"\r\n\r\n\r\n", "\r\n", ""},
      {"a", "a\r\n", "a\r\n"},
      {"a\r\n\r\n", "a\r\n", "a\r\n"},
      {"a \t\r\n", "a \t\r\n", "a\r\n"},
      {"a  b\r\n", "a  b\r\n", "a b\r\n"},
      {"  a\r\n", "  a\r\n", " a\r\n"},
      {"a\r\n \r\n", "a\r\n \r\n", "a\r\n"},
      {"a\r\n \r\nb", "a\r\n \r\nb\r\n", "a\r\n\r\nb\r\n"},
      {"a\rb\r\n", "a\rb\r\n", "a\rb\r\n"},
      {"a \rb\r\n", "a \rb\r\n", "a \rb\r\n"},
      {"a\r", "a\r\r\n", "a\r\r\n"},
      {"\r\r\n", "\r\r\n", "\r\r\n"},
      {"a\nb\r\n", "a\nb\r\n", "a\nb\r\n"},
      {" ", " \r\n", ""},
  };
  for (const auto& row : rows) {
    for (std::size_t piece = 1; piece <= 4; ++piece) {
      dkim::BodyDigest simple(DkimCanonicalization::simple);
      dkim::BodyDigest relaxed(DkimCanonicalization::relaxed);
      for (auto rest = row.body; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size()))) {
        simple.take(rest.substr(0, piece));
        relaxed.take(rest.substr(0, piece));
      }
      EXPECT_EQ(simple.finish(), crypto::digest(crypto::Digest::sha256, row.simple)) << row.body;
      EXPECT_EQ(relaxed.finish(), crypto::digest(crypto::Digest::sha256, row.relaxed)) << row.body;
      EXPECT_EQ(relaxed.length(), row.relaxed.size()) << row.body;
    }
  }
}

TEST(DkimTags, ParsesTagLists) {
  const auto list = dkim::TagList::parse(" v=1 ;\r\n a = b=c ; x= ;");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->value("v"), "1");
  EXPECT_EQ(list->value("a"), "b=c");
  EXPECT_NE(list->find("x"), nullptr);
  EXPECT_EQ(list->find("y"), nullptr);
  for (const auto* wrong : {"v", "v=1;v=2", ";v=1", "v=1;;a=2", "1v=2", "v w=1", "=1"})
    EXPECT_FALSE(dkim::TagList::parse(wrong)) << wrong;
}

// Whether a header near the limit is accepted depends on its length, not on the chunking.
TEST(MessageScanner, ItsLimitDoesNotDependOnTheChunking) {
  for (std::size_t less = 0; less < 12; ++less) {
    const std::string field = "A: " + std::string(dkim::max_header - less, 'x') + "\r\n\r\nbody";
    dkim::MessageScanner whole;
    std::string_view rest = field;
    EXPECT_TRUE(whole.take(rest));
    dkim::MessageScanner pieces;
    std::string body;
    for (std::size_t at = 0; at < field.size(); ++at) {
      auto byte = std::string_view(field).substr(at, at == 0 ? dkim::max_header - 50 : 1);
      at += byte.size() - 1;
      if (pieces.take(byte)) body += byte;
    }
    EXPECT_EQ(pieces.is_too_long(), whole.is_too_long()) << less;
    EXPECT_EQ(body.empty(), rest.empty()) << less;
    EXPECT_EQ(whole.is_too_long(), less < 3) << less;
  }
}

}  // namespace
}  // namespace postroad
