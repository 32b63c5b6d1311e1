// HopCounter, fed in one piece and byte by byte.
#include "mail/header/hops.hpp"

#include <gtest/gtest.h>

#include <string>

namespace postroad::mail {
namespace {

TEST(HopCounter, CountsReceivedFieldsOfTheHeader) {
  const std::pair<std::string, std::size_t> table[] = {
      {"", 0},
      {"Subject: x\r\n\r\nReceived: in the body\r\n", 0},
      {"Received: from a\r\n\tby b\r\nReceived: from c\r\nSubject: x\r\n\r\n", 2},
      {"RECEIVED:\r\nreceived: x\r\nReceive: y\r\nX-Received: z\r\n Received: folded\r\n", 2},
      {"\r\nReceived: x\r\n", 0},
      {"Received: " + std::string(5000, 'x') + "\r\nReceived: y\r\n", 2},
  };
  for (const auto& [text, expected] : table) {
    HopCounter whole;
    whole.take(text);
    EXPECT_EQ(whole.count(), expected) << text;
    HopCounter pieces;
    for (const char c : text) pieces.take({&c, 1});
    EXPECT_EQ(pieces.count(), expected) << text;
  }
}

}  // namespace
}  // namespace postroad::mail
