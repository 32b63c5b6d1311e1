// TransferDecoder: the result does not depend on how the input is divided and equals that of a
// simple reference decoder, for valid and malformed bodies.
#include <postroad/transfer_decoder.hpp>

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "base/text.hpp"
#include "mail/mime/transfer.hpp"

namespace postroad::mail {
namespace {

std::string by_pieces(std::string_view encoding, std::string_view text, std::size_t size) {
  std::string out;
  TransferDecoder decoder(encoding);
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size())))
    decoder.take(text.substr(0, size), out);
  decoder.finish(out);
  return out;
}

// The reference decoder for base64: one digit at a time.
std::string plain_base64(std::string_view text) {
  static constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.find('='))) {
    const auto value = alphabet.find(c);
    if (value == std::string_view::npos) continue;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 255);
  }
  return out;
}

std::string plain_quoted_line(std::string line, std::string_view line_end) {
  while (line.ends_with(' ') || line.ends_with('\t')) line.pop_back();
  const bool soft = line.ends_with('=');
  if (soft) line.pop_back();
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool escape = line[i] == '=' && i + 2 < line.size() && hex_value(line[i + 1]) >= 0 &&
                        hex_value(line[i + 2]) >= 0;
    out += escape ? static_cast<char>(std::stoi(line.substr(i + 1, 2), nullptr, 16)) : line[i];
    i += escape ? 2 : 0;
  }
  return soft ? out : out.append(line_end);
}

std::string plain_quoted(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto lf = text.find('\n');
    std::string line(text.substr(0, lf));
    text.remove_prefix(lf == std::string_view::npos ? text.size() : lf + 1);
    if (lf == std::string_view::npos) return out + plain_quoted_line(std::move(line), "");
    const bool crlf = line.ends_with('\r');
    if (crlf) line.pop_back();
    out += plain_quoted_line(std::move(line), crlf ? "\r\n" : "\n");
  }
  return out;
}

void expect_same(std::string_view text) {
  const auto base64 = plain_base64(text);
  const auto quoted = plain_quoted(text);
  EXPECT_EQ(decode_base64_tolerant(text), base64) << printable(text);
  EXPECT_EQ(decode_quoted_printable(text), quoted) << printable(text);
  for (std::size_t size = 1; size <= 7; ++size) {
    EXPECT_EQ(by_pieces("base64", text, size), base64) << size << ": " << printable(text);
    EXPECT_EQ(by_pieces("quoted-printable", text, size), quoted) << size << ": " << printable(text);
    EXPECT_EQ(by_pieces("8bit", text, size), text);
  }
}

std::string random_text(std::mt19937& random, std::string_view alphabet, std::size_t most) {
  std::string text(random() % (most + 1), '\0');
  for (auto& c : text) c = alphabet[random() % alphabet.size()];
  return text;
}

TEST(TransferDecoder, DecodesValidAndMalformedBodies) {
  for (const std::string_view text : {"",
                                      "Zm9vYmFy",
                                      "Zm9vYmE=",
                                      "Zm9vYg==",
                                      "Zm9vYg",
                                      "Z",
                                      "Zm 9v\r\n!YmFy",
                                      "Zg==Zg==",
                                      "Zm9v=YmFy",
                                      "====",
                                      "a=\r\nb",
                                      "a=\nb\n",
                                      "=4",
                                      "=",
                                      "==",
                                      "=3D=3d",
                                      "==41",
                                      "=4=41",
                                      "=\r",
                                      "=\r\r\n",
                                      "a \r\r\n",
                                      "a= \t\r\nb",
                                      "a \t\r\n b \n c ",
                                      "a \r",
                                      "a= \r",
                                      "= =\r\n",
                                      "=4 1",
                                      "\r\n\r\n",
                                      "\n",
                                      "\xc3\xbc=C3=BC",
                                      "=zz=\r\n=",
                                      "   ",
                                      "\t=\t\n=\n"})
    expect_same(text);
}

TEST(TransferDecoder, DecodesRandomBodies) {
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    expect_same(random_text(random, "=4aF \t\r\nz", 24));
    expect_same(random_text(random, "ABCDabcd0189+/\r\n", 90));
    expect_same(random_text(random, "AZaz09+/ =!\n\xff", 40));
  }
}

TEST(TransferDecoder, DecodesWhatTheEncodersWrite) {
  std::mt19937 random(8);
  for (std::size_t size = 0; size < 400; ++size) {
    std::string bytes(size, '\0');
    for (auto& c : bytes) c = static_cast<char>(random());
    std::string lines;
    append_base64_lines(bytes, lines);
    EXPECT_EQ(lines.size(), base64_lines_size(size));
    for (const std::size_t piece : {1, 5, 64, 1000})
      EXPECT_EQ(by_pieces("BASE64", lines, piece), bytes);
    const auto text = with_crlf(bytes);
    for (const std::size_t piece : {1, 5, 64, 1000})
      EXPECT_EQ(by_pieces("Quoted-Printable", encode_quoted_printable(text), piece), text);
  }
}

TEST(TransferDecoder, DecodesAnotherBodyAfterFinish) {
  std::string out;
  TransferDecoder decoder("base64");
  decoder.take("Zm9vYg==", out);
  decoder.finish(out);
  decoder.take("YmFy", out);
  decoder.finish(out);
  EXPECT_EQ(out, "foobbar");
}

TEST(TransferDecoder, ALongRunOfBlanksTakesLinearTime) {
  std::string out;
  TransferDecoder decoder("quoted-printable");
  for (int i = 0; i < 4'000'000; ++i) decoder.take(" ", out);
  decoder.take("\r\nx", out);
  decoder.finish(out);
  EXPECT_EQ(out, "\r\nx");
}

}  // namespace
}  // namespace postroad::mail
