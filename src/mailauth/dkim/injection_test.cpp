// Row 5 for DKIM: every code point in the strings that enter a signature or Authentication-Results.
// It is refused, or the result is exactly one header field.
#include <gtest/gtest.h>

#include <postroad/dkim.hpp>
#include <postroad/message.hpp>

#include "base/text.hpp"
#include "mail/header/fields.hpp"

namespace postroad {
namespace {

std::string utf8(char32_t point) {
  const auto byte = [](char32_t value) { return static_cast<char>(value); };
  const auto tail = [&](unsigned shift) { return byte(0x80 | (point >> shift & 63)); };
  if (point < 0x80) return {byte(point)};
  if (point < 0x800) return {byte(0xc0 | point >> 6), tail(0)};
  if (point < 0x10000) return {byte(0xe0 | point >> 12), tail(6), tail(0)};
  return {byte(0xf0 | point >> 18), tail(12), tail(6), tail(0)};
}

template <class Try>
void for_each_point(Try attempt) {
  for (char32_t point = 0; point <= 0x10ffff; ++point) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const auto low = point & 0xff;
    const bool always = point < 0x3100 || low == 0x0a || low == 0x0d || low == 0x00;
    if (always || point % 97 == 0) attempt("x" + utf8(point) + "y");
    if (testing::Test::HasFatalFailure()) return;
  }
}

void expect_one_field(std::string_view bytes, std::string_view name) {
  const auto block = mail::split_fields(bytes);
  ASSERT_EQ(block.fields.size(), 1U) << printable(bytes);
  ASSERT_EQ(block.fields.front().name, name);
  ASSERT_EQ(block.end, bytes.size()) << printable(bytes);
  ASSERT_EQ(bytes.find('\0'), std::string_view::npos);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    ASSERT_FALSE(is_8bit(bytes[i]));
    ASSERT_FALSE(bytes[i] == '\r' && bytes.substr(i, 2) != "\r\n") << printable(bytes);
    ASSERT_FALSE(bytes[i] == '\n' && (i == 0 || bytes[i - 1] != '\r')) << printable(bytes);
  }
}

TEST(Row5, NoCodePointInASignersTextsBeginsAField) {
  const auto key = DkimKey::generate(DkimAlgorithm::ed25519_sha256);
  ASSERT_TRUE(key);
  const auto message = Message{}.from("a@x.example").text("t");
  for_each_point([&](const std::string& text) {
    DkimOptions usual;
    usual.domain = "x.example";
    usual.selector = "s";
    std::vector<DkimOptions> all(5, usual);
    all[0].domain = text + ".example";
    all[1].selector = text;
    all[2].identity = text + "@x.example";
    all[3].identity = "a@" + text + ".x.example";
    all[4].fields = {"From", text};
    for (const auto& options : all) {
      DkimSigner signer;
      if (!signer.add(*key, options)) continue;
      auto source = message.source();
      const auto field = signer.sign(**source);
      ASSERT_TRUE(field);
      expect_one_field(*field, "DKIM-Signature");
    }
  });
}

TEST(Row5, NoCodePointInAVerdictBeginsAField) {
  for_each_point([](const std::string& text) {
    const DkimVerdict verdict{DkimResult::fail, text, text, text, text, text, 0, false};
    expect_one_field(format_authentication_results(text, {verdict, verdict}),
                     "Authentication-Results");
  });
}

}  // namespace
}  // namespace postroad
