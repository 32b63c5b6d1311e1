// Thousands of messages, realistic and malformed: each is parsed within the limits; MailReader
// reports in pieces what the tree contains; and a message that is composed again from its parts
// parses to the same content. Some are handwritten (corpus_messages_test.cpp); the others are
// generated from a seed or truncated.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include <postroad/mail_part.hpp>

#include "base/text.hpp"
#include "mail/html/html_text.hpp"
#include "mail/lint/lint.hpp"
#include "mail/mime/flowed.hpp"
#include "mail/mime/raw_message.hpp"
#include "mail/mime/recode.hpp"
#include "mail/mime/transfer.hpp"
#include "mail/read/test_messages.hpp"

namespace postroad::mail {
namespace {

// Generates messages from a grammar and damages some of them.
class Generator final {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::string mail() {
    std::string out;
    for (auto fields = draw(6); fields > 0; --fields) out += field();
    out += entity(0);
    return broken(std::move(out));
  }

 private:
  std::size_t draw(std::size_t below) { return random_() % below; }
  template <std::size_t size>
  std::string pick(const std::string_view (&words)[size]) {
    return std::string(words[draw(size)]);
  }

  std::string field() {
    static constexpr std::string_view names[] = {"From", "To",       "Subject",
                                                 "X-A",  "received", "DATE"};
    static constexpr std::string_view values[] = {
        " a@x", " =?utf-8?q?=C3=BC?=", "", " a\r\n\tb", " \xc3\xbc", " \xff", " (c", " \"q"};
    return pick(names) + ":" + pick(values) + "\r\n";
  }

  std::string text() {
    static constexpr std::string_view words[] = {
        "word ", "gr\xc3\xbcn ", "\xe2\x82", "=3D",   "=\r\n", "\r\n", "QUJD", "\r\n\r\n",
        "--",    "<b>",          "\r",       "From ", "\n",    "\xff", " "};
    std::string out;
    for (auto count = draw(20); count > 0; --count) out += pick(words);
    return out;
  }

  std::string leaf() {
    static constexpr std::string_view types[] = {"text/plain",
                                                 "text/html; charset=iso-8859-1",
                                                 "image/png",
                                                 "text/plain; charset=\"utf-8\"",
                                                 "application/octet-stream; name=a.bin",
                                                 "nonsense"};
    static constexpr std::string_view encodings[] = {"7bit",   "8bit", "base64", "quoted-printable",
                                                     "BASE64", "x"};
    std::string out;
    if (draw(4) != 0) out += "Content-Type: " + pick(types) + "\r\n";
    if (draw(3) != 0) out += "Content-Transfer-Encoding: " + pick(encodings) + "\r\n";
    if (draw(5) == 0) out += "Content-Disposition: attachment; filename*=utf-8''%C3%BC\r\n";
    return out + "\r\n" + text();
  }

  std::string entity(std::size_t depth) {
    const auto kind = draw(depth > 4 ? 2 : 6);
    if (kind < 3) return leaf();
    if (kind == 3) return "Content-Type: message/rfc822\r\n\r\n" + field() + entity(depth + 1);
    static constexpr std::string_view boundaries[] = {"b", "bb", "\"b b\"", "=_x", "b--", "-"};
    const auto boundary = pick(boundaries);
    auto bare = boundary;
    bare.erase(std::remove(bare.begin(), bare.end(), '"'), bare.end());
    auto out = "Content-Type: multipart/mixed; boundary=" + boundary + "\r\n\r\n" +
               (draw(3) == 0 ? "preamble\r\n" : "");
    for (auto parts = draw(4); parts > 0; --parts)
      out += "--" + bare + (draw(6) == 0 ? " \t\r\n" : "\r\n") + entity(depth + 1) + "\r\n";
    return out + (draw(4) == 0 ? "" : "--" + bare + "--\r\n") + (draw(5) == 0 ? "epilogue" : "");
  }

  std::string broken(std::string mail) {
    for (auto faults = draw(3); faults > 0 && !mail.empty(); --faults) {
      const auto at = draw(mail.size());
      const auto kind = draw(5);
      if (kind == 0) mail.resize(at);
      if (kind == 1) mail.insert(at, text());
      if (kind == 2) mail.erase(at, draw(10));
      if (kind == 3) mail[at] = static_cast<char>(draw(256));
      if (kind == 4) mail.erase(std::remove(mail.begin(), mail.end(), '\r'), mail.end());
    }
    return mail;
  }

  std::mt19937 random_;
};

std::vector<NamedMessage> all_messages() {
  auto list = handwritten_messages();
  const auto by_hand = list.size();
  for (std::size_t i = 0; i < by_hand; ++i) {
    const auto [name, bytes] = list[i];
    if (bytes.size() > 4000) continue;
    auto unix = bytes;
    unix.erase(std::remove(unix.begin(), unix.end(), '\r'), unix.end());
    list.emplace_back(name + ", LF", std::move(unix));
    auto cr = bytes;
    cr.erase(std::remove(cr.begin(), cr.end(), '\n'), cr.end());
    list.emplace_back(name + ", CR", std::move(cr));
    for (std::size_t cut = 1; cut < 5; ++cut)
      list.emplace_back(name + ", cut", bytes.substr(0, bytes.size() * cut / 5));
  }
  for (unsigned seed = 1; seed <= 1500; ++seed)
    list.emplace_back("seed " + std::to_string(seed), Generator(seed).mail());
  return list;
}

const std::vector<NamedMessage>& messages() {
  static const auto list = all_messages();
  return list;
}

std::size_t depth_of(const MailPart& part) {
  std::size_t most = 0;
  for (const auto& below : part.parts) most = std::max(most, depth_of(below));
  return most + 1;
}

std::size_t count_of(const MailPart& part) {
  std::size_t count = 1;
  for (const auto& below : part.parts) count += count_of(below);
  return count;
}

// Whether the parts lie inside their parent, one after the other.
bool nests(const MailPart& part) {
  const char* at = part.body.data();
  const char* const end = part.body.data() + part.body.size();
  for (const auto& below : part.parts) {
    const char* const begin =
        below.fields.empty() ? below.body.data() : below.fields.front().whole.data();
    if (begin < at || below.body.data() + below.body.size() > end || !nests(below)) return false;
    at = below.body.data() + below.body.size();
  }
  return true;
}

TEST(Corpus, HasAMinimumSize) { EXPECT_GT(messages().size(), 2000U); }

TEST(Corpus, EveryMessageIsParsedWithinTheLimits) {
  for (const auto& [name, bytes] : messages()) {
    const auto root = MailPart::parse(bytes);
    EXPECT_LE(depth_of(root), MailLimits{}.depth) << name;
    EXPECT_LE(count_of(root), MailLimits{}.parts) << name;
    EXPECT_TRUE(nests(root)) << name;
    for (const auto* leaf : leaves_of(root)) {
      EXPECT_TRUE(is_utf8(leaf->text())) << name;
      EXPECT_TRUE(is_utf8(leaf->file_name())) << name;
      EXPECT_TRUE(is_utf8(html_to_text(leaf->text()))) << name;
      EXPECT_TRUE(is_utf8(unflow(leaf->text()))) << name;
      for (const auto& field : leaf->fields) {
        const auto shown = leaf->header(field.name);
        EXPECT_TRUE(is_utf8(shown) && std::none_of(shown.begin(), shown.end(), is_line_breaker))
            << name;
      }
    }
  }
}

TEST(Corpus, EveryChunkingReportsTheTree) {
  for (const auto& [name, bytes] : messages()) {
    const auto whole = events_of(bytes);
    ASSERT_TRUE(whole.starts_with(events_of_tree(bytes))) << name;
    if (bytes.size() > 100'000) continue;
    ASSERT_EQ(events_by_line(bytes), whole) << name;
    for (const std::size_t piece : {1U, 2U, 5U, 64U})
      ASSERT_EQ(events_of(bytes, piece), whole) << name;
  }
}

TEST(Corpus, SmallLimitsGiveTheSameEventsInEveryChunking) {
  for (const auto& [name, bytes] : messages()) {
    if (bytes.size() > 4000) continue;
    for (const auto& limits : {MailLimits{2, 3, 30}, MailLimits{3, 1000, 70}}) {
      const auto whole = events_of(bytes, std::string_view::npos, limits);
      ASSERT_EQ(events_of(bytes, 1, limits), whole) << name;
      ASSERT_EQ(events_of(bytes, 3, limits), whole) << name;
      const auto root = MailPart::parse(bytes, limits);
      ASSERT_LE(depth_of(root), limits.depth) << name;
      ASSERT_LE(count_of(root), limits.parts) << name;
    }
  }
}

// Composes a part with the content of a parsed one.
MimePart again(const MailPart& part) {
  if (!part.parts.empty() && part.is_multipart()) {
    std::vector<MimePart> parts;
    for (const auto& below : part.parts) parts.push_back(again(below));
    return MimePart::multipart("mixed", std::move(parts));
  }
  if (part.type.value == "text/plain") return MimePart::text("plain", part.text());
  return MimePart::bytes("application/octet-stream", part.decoded());
}

void expect_equal(const MailPart& old, const MailPart& fresh, const std::string& name) {
  if (!old.parts.empty() && old.is_multipart()) {
    ASSERT_EQ(fresh.parts.size(), old.parts.size()) << name;
    for (std::size_t i = 0; i < old.parts.size(); ++i)
      expect_equal(old.parts[i], fresh.parts[i], name);
  } else if (old.type.value == "text/plain") {
    EXPECT_EQ(fresh.text(), with_crlf(old.text())) << name;
  } else {
    EXPECT_EQ(fresh.decoded(), old.decoded()) << name;
  }
}

// The part is put into a multipart, because a single body would get a final line end.
TEST(Corpus, ComposedPartsParseToTheSameContent) {
  for (const auto& [name, bytes] : messages()) {
    const auto root = MailPart::parse(bytes);
    // The composed message has one part more.
    if (depth_of(root) == MailLimits{}.depth || count_of(root) == MailLimits{}.parts) continue;
    const auto message =
        Message{}.from("a@x.example").content(MimePart::multipart("mixed", {again(root)}));
    ASSERT_FALSE(message.error()) << name << *message.error();
    auto source = message.source(counted());
    ASSERT_TRUE(source) << name << ": " << source.error();
    const auto seven = drained(**source);
    EXPECT_FALSE(traits_of(seven).is_8bit || traits_of(seven).long_line != 0) << name;
    (*source)->offered({.eight_bit = true, .binary = true});
    for (const auto& form : {seven, drained(**source)}) {
      const auto fresh = MailPart::parse(form);
      ASSERT_EQ(fresh.parts.size(), 1U) << name;
      expect_equal(root, fresh.parts.front(), name);
    }
  }
}

// Quoted-printable may change line ends of text, which does not count as a difference.
std::string lines_of(const MailPart& part) { return with_crlf(part.text()); }

TEST(Corpus, RecodedMessagesKeepTheirContent) {
  std::size_t changed = 0;
  for (const auto& [name, raw] : messages()) {
    const auto bytes = with_crlf(raw);
    for (const auto transfer : {Transfer::seven_bit, Transfer::eight_bit}) {
      const auto out = recode(bytes, transfer);
      if (!out) continue;
      changed += *out != bytes ? 1 : 0;
      const auto traits = traits_of(*out);
      ASSERT_FALSE(traits.long_line != 0 || (traits.is_8bit && transfer == Transfer::seven_bit))
          << name;
      const auto before = MailPart::parse(bytes);
      const auto after = MailPart::parse(*out);
      ASSERT_EQ(shape_of(after), shape_of(before)) << name << '\n' << *out;
      const auto old = leaves_of(before);
      const auto fresh = leaves_of(after);
      ASSERT_EQ(fresh.size(), old.size()) << name;
      for (std::size_t i = 0; i < old.size(); ++i)
        ASSERT_EQ(lines_of(*fresh[i]), lines_of(*old[i])) << name << '\n' << bytes << '\n' << *out;
      const auto twice = recode(*out, transfer);
      ASSERT_TRUE(twice && *twice == *out) << name;
    }
  }
  EXPECT_GT(changed, 200U);
}

TEST(Corpus, EveryMessageIsPreparedAndLinted) {
  for (const auto& [name, bytes] : messages()) {
    (void)prepare_raw(bytes);
    const auto lines = static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n')) + 1;
    for (const auto& finding : lint(bytes)) ASSERT_LE(finding.line, lines) << name << finding.code;
  }
}

}  // namespace
}  // namespace postroad::mail
