// Vectors of RFC 7677 (SCRAM-SHA-256) and RFC 4231.
#include "crypto/digest.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace postroad::crypto {
namespace {

TEST(Pbkdf2, Rfc7677Vector) {
  const auto salt = *base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==");
  const auto salted = pbkdf2(Digest::sha256, "pencil", salt, 4096);
  const auto stored = digest(Digest::sha256, hmac(Digest::sha256, salted, "Client Key"));
  EXPECT_EQ(base64_encode(stored), "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
}

TEST(Hmac, Rfc4231Case2) {
  EXPECT_EQ(base64_encode(hmac(Digest::sha256, "Jefe", "what do ya want for nothing?")),
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
}

TEST(Compare, ConstantTimeEquality) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
}

}  // namespace
}  // namespace postroad::crypto
