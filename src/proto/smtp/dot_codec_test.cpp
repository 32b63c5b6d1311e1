// Dot transparency against a second, slow implementation: every short message over the bytes that
// matter, in every chunking, and long random ones. Row7,
// Row8 and Row9 are rows of tests/transcripts/guards.md: stuffing at chunk edges, smuggling, line
// ends.
#include "proto/smtp/dot_codec.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace postroad::smtp {
namespace {

constexpr std::string_view alphabet = "\r\n.a";
constexpr std::string_view end = "\r\n.\r\n";

// The message with CRLF line ends only, with an end of the last line.
std::string normalised(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
    out += text[i] == '\r' || text[i] == '\n' ? std::string("\r\n") : std::string(1, text[i]);
  }
  if (!out.empty() && !out.ends_with("\r\n")) out += "\r\n";
  return out;
}

std::string stuffed(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && c == '.') out += '.';
    out += c;
    line_start = c == '\n';
  }
  return out + ".\r\n";
}

std::string encode(const std::vector<std::string_view>& pieces) {
  DotEncoder encoder;
  std::string out;
  for (const auto piece : pieces) encoder.encode(piece, out);
  encoder.finish(out);
  return out;
}

struct Decoded {
  std::string text;
  std::string rest;
  bool ended = false;
  bool bare = false;
  friend bool operator==(const Decoded&, const Decoded&) = default;
};

Decoded decode(const std::vector<std::string_view>& pieces) {
  DotDecoder decoder;
  Decoded decoded;
  for (auto input : pieces) {
    while (!input.empty() && !decoded.ended) {
      const auto piece = decoder.decode(input);
      decoded.text += piece.bytes;
      decoded.ended = piece.end;
      const bool nothing = !piece.end && piece.bytes.empty();
      EXPECT_TRUE(!nothing || input.empty()) << "neither bytes nor end, and input is left";
    }
    decoded.rest += input;
  }
  decoded.bare = decoder.saw_bare_line_end();
  return decoded;
}

// RFC 5321 section 4.5.2, by search and replace over the whole message.
Decoded decoded_slowly(std::string_view bytes) {
  const std::string all = "\r\n" + std::string(bytes);
  Decoded decoded;
  const auto at = all.find(end);
  decoded.ended = at != std::string::npos;
  if (!decoded.ended) return decoded;
  decoded.rest = all.substr(at + end.size());
  const auto raw = all.substr(0, at + 2);
  for (std::size_t i = 2; i < raw.size(); ++i) {
    const bool stuffing = raw[i] == '.' && raw[i - 1] == '\n' && raw[i - 2] == '\r';
    if (!stuffing) decoded.text += raw[i];
    if (raw[i] == '\n' && raw[i - 1] != '\r') decoded.bare = true;
    if (raw[i] == '\r' && (i + 1 == raw.size() || raw[i + 1] != '\n')) decoded.bare = true;
  }
  return decoded;
}

std::vector<std::string_view> byte_by_byte(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (std::size_t i = 0; i < text.size(); ++i) pieces.push_back(text.substr(i, 1));
  return pieces;
}

template <class Check>
void every_text(std::size_t length, Check check) {
  std::string text;
  std::vector<std::size_t> digits(length, 0);
  for (;;) {
    text.clear();
    for (const auto digit : digits) text += alphabet[digit];
    check(text);
    std::size_t i = 0;
    while (i < length && ++digits[i] == alphabet.size()) digits[i++] = 0;
    if (i == length) return;
  }
}

TEST(Row7, EveryShortMessageInEveryChunking) {
  for (std::size_t length = 0; length <= 6; ++length) {
    every_text(length, [](const std::string& text) {
      const auto wire = stuffed(normalised(text));
      ASSERT_EQ(encode({text}), wire);
      ASSERT_EQ(encode(byte_by_byte(text)), wire);
      const std::string_view view = text;
      for (std::size_t i = 1; i < text.size(); ++i)
        ASSERT_EQ(encode({view.substr(0, i), view.substr(i)}), wire) << i;
    });
  }
}

TEST(Row8, OnlyCrlfDotCrlfEndsTheData) {
  for (std::size_t length = 0; length <= 6; ++length) {
    every_text(length, [](const std::string& text) {
      const auto bytes = text + std::string(end) + "NOOP\r\n";
      const auto slow = decoded_slowly(bytes);
      ASSERT_EQ(decode({bytes}), slow) << testing::PrintToString(bytes);
      ASSERT_EQ(decode(byte_by_byte(bytes)), slow) << testing::PrintToString(bytes);
      const std::string_view view = bytes;
      for (std::size_t i = 1; i < text.size() + end.size(); ++i) {
        ASSERT_EQ(decode({view.substr(0, i), view.substr(i)}), slow)
            << i << ' ' << testing::PrintToString(bytes);
      }
    });
  }
}

TEST(Row8, EveryKnownSmugglingEndIsDataAndSeenAsBare) {
  for (const std::string_view fake : {"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r",
                                      "\r\n.\r\r\n", "\n\n.\n\n", "\r\n\r.\r\n", "\r\n\n.\r\n"}) {
    const auto decoded = decode({"text", fake, "MAIL FROM:<evil@x.example>\r\n.\r\n"});
    EXPECT_TRUE(decoded.ended);
    EXPECT_TRUE(decoded.bare) << testing::PrintToString(fake);
    EXPECT_NE(decoded.text.find("MAIL FROM"), std::string::npos) << testing::PrintToString(fake);
  }
  const auto nul = decode({std::string_view("a\r\n.\0\r\nb\r\n\0.\r\nc\r\n.\r\n", 20)});
  EXPECT_TRUE(nul.ended);
  EXPECT_FALSE(nul.bare);
  EXPECT_EQ(nul.text, std::string("a\r\n\0\r\nb\r\n\0.\r\nc\r\n", 16));
}

// A message as long as buffers, of the bytes that matter, cut at random.
TEST(Row9, RandomDataComesOutNormalized) {
  std::mt19937 random(20240607);
  for (const std::string_view letters :
       {"\r\n.a", "\r\n..", "\n.ab", "\r\r\n\n.", "ab.\nabcdefgh"}) {
    for (int round = 0; round < 60; ++round) {
      std::string text;
      for (std::size_t i = random() % 3000; i > 0; --i) {
        random() % 4 == 0 ? text += "\r\n" : text += letters[random() % letters.size()];
      }
      const auto cut = [&](std::string_view whole) {
        std::vector<std::string_view> pieces;
        while (!whole.empty()) {
          const auto count = std::min<std::size_t>(1 + random() % 200, whole.size());
          pieces.push_back(whole.substr(0, count));
          whole.remove_prefix(count);
        }
        return pieces;
      };
      const auto wire = encode(cut(text));
      ASSERT_EQ(wire, stuffed(normalised(text)));
      const auto decoded = decode(cut(wire));
      ASSERT_EQ(decoded, (Decoded{normalised(text), "", true, false}));
      for (std::size_t i = 0; i < wire.size(); ++i) {
        ASSERT_FALSE(wire[i] == '\n' && (i == 0 || wire[i - 1] != '\r')) << "a bare LF";
        ASSERT_FALSE(wire[i] == '\r' && (i + 1 == wire.size() || wire[i + 1] != '\n'))
            << "a bare CR";
      }
      ASSERT_EQ(wire.find(end),
                wire.size() < end.size() ? std::string::npos : wire.size() - end.size());
    }
  }
}

TEST(Row9, NoLineIsAddedBeforeTheDot) {
  EXPECT_EQ(encode({"text\r\n"}), "text\r\n.\r\n");
  EXPECT_EQ(encode({"text"}), "text\r\n.\r\n");
  EXPECT_EQ(encode({"text\r"}), "text\r\n.\r\n");
  EXPECT_EQ(encode({"text\n"}), "text\r\n.\r\n");
  EXPECT_EQ(encode({}), ".\r\n");
  EXPECT_EQ(encode({"", "", ""}), ".\r\n");
}

}  // namespace
}  // namespace postroad::smtp
