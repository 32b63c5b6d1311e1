// Tables of EHLO lines.
// Row18 is the row of keywords in other cases, of `AUTH=`, and of a keyword found as a part of
// another line.
#include "proto/smtp/capabilities.hpp"

#include <gtest/gtest.h>

namespace postroad::smtp {
namespace {

Capabilities read(std::string lines) {
  return parse_capabilities({250, {}, "mx.example\n" + std::move(lines)});
}

TEST(Row18, KeywordsInAnyCaseAndWhole) {
  const auto caps =
      read("pipelining\n8bitMIME\nSmtpUtf8\nEnhancedStatusCodes\nstarttls\nSize 1000");
  EXPECT_TRUE(caps.esmtp && caps.pipelining && caps.eight_bit_mime && caps.smtputf8 &&
              caps.enhanced_status && caps.starttls);
  EXPECT_EQ(caps.size, 1000U);
}

TEST(Row18, NoKeywordAsAPartOfAnother) {
  for (const std::string_view line : {"XSTARTTLS", "STARTTLSX", "X STARTTLS", "STARTTLS-NOT",
                                      "NOSTARTTLS", "STARTTLS=", "-STARTTLS"}) {
    EXPECT_FALSE(read(std::string(line)).starttls) << line;
  }
  EXPECT_FALSE(parse_capabilities({250, {}, "mx.example STARTTLS PIPELINING"}).starttls)
      << "the greeting is not a capability";
  EXPECT_TRUE(read("XAUTH PLAIN\nAUTHENTICATE PLAIN\nAUTH-PLAIN").auth.empty());
}

TEST(Row18, MechanismsOfBothForms) {
  EXPECT_EQ(read("AUTH PLAIN login").auth, (std::vector<std::string>{"PLAIN", "LOGIN"}));
  EXPECT_EQ(read("AUTH=LOGIN plain").auth, (std::vector<std::string>{"LOGIN", "PLAIN"}));
  EXPECT_EQ(read("AUTH PLAIN\nAUTH=PLAIN LOGIN").auth,
            (std::vector<std::string>{"PLAIN", "LOGIN"}));
  EXPECT_TRUE(read("AUTH").auth.empty());
  EXPECT_TRUE(read("AUTH=").auth.empty());
  EXPECT_TRUE(read("AUTH PLAIN").offers_auth("PLAIN"));
  EXPECT_FALSE(read("AUTH PLAINTEXT").offers_auth("PLAIN"));
}

TEST(Row16, AnEndlessListOfMechanismsIsCut) {
  std::string line = "AUTH";
  for (int i = 0; i < 5000; ++i) line += " M" + std::to_string(i);
  EXPECT_LE(read(line).auth.size(), 64U);
}

TEST(Capabilities, SizeIsANumberOrNoLimit) {
  EXPECT_EQ(read("SIZE").size, 0U);
  EXPECT_EQ(read("SIZE 0").size, 0U);
  EXPECT_EQ(read("SIZE ten").size, 0U);
  EXPECT_EQ(read("SIZE 99999999999999999999999").size, 0U);
  EXPECT_EQ(read("SIZE   42  ").size, 42U);
  EXPECT_EQ(read("PIPELINING").size, std::nullopt);
}

TEST(Capabilities, LinesOfSpacesAreIgnored) {
  const auto caps = read("\n   \n\t\nPIPELINING\n");
  EXPECT_TRUE(caps.pipelining);
  EXPECT_EQ(caps.lines.size(), 5U);
}

}  // namespace
}  // namespace postroad::smtp
