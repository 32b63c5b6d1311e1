// SASLprep by the examples of RFC 4013 section 3.
#include "proto/sasl/prepare.hpp"

#include <gtest/gtest.h>

namespace postroad::sasl {
namespace {

TEST(Prepare, ExamplesOfTheRfc) {
  EXPECT_EQ(prepare("I\u00adX"), "IX");  // a soft hyphen is mapped to nothing
  EXPECT_EQ(prepare("user"), "user");
  EXPECT_EQ(prepare("USER"), "USER");  // case stays
  EXPECT_EQ(prepare("\u00aa"), "a");   // in NFKC
  EXPECT_EQ(prepare("\u2168"), "IX");  // in NFKC
  EXPECT_EQ(prepare("\x07"), std::nullopt);
  EXPECT_EQ(prepare("\u0627\x31"), std::nullopt);  // two directions
}

TEST(Prepare, RefusesWhatIsNoText) {
  EXPECT_EQ(prepare(""), "");
  EXPECT_EQ(prepare("\xff"), std::nullopt);
  EXPECT_EQ(prepare(std::string_view("a\0b\xc3\xa9", 5)), std::nullopt);
}

}  // namespace
}  // namespace postroad::sasl
