// Vectors of RFC 5802 and RFC 7677 (SCRAM), RFC 6070 (PBKDF2), RFC 2202 and RFC 4231 (HMAC), FIPS
// 180.
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

TEST(Pbkdf2, Rfc6070) {
  const auto of = [](std::string_view password, std::string_view salt, std::uint32_t iterations) {
    return hex(pbkdf2(Digest::sha1, password, salt, iterations));
  };
  EXPECT_EQ(of("password", "salt", 1), "0c60c80f961f0e71f3a9b524af6012062fe037a6");
  EXPECT_EQ(of("password", "salt", 2), "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
  EXPECT_EQ(of("password", "salt", 4096), "4b007901b765489abead49d926f721d065a429c1");
}

TEST(Pbkdf2, Rfc5802Example) {
  const auto salted = pbkdf2(Digest::sha1, "pencil", *base64_decode("QSXCR+Q6sek8bf92"), 4096);
  EXPECT_EQ(hex(salted), "1d96ee3a529b5a5f9e47c01f229a2cb8a6e15f7d");
  EXPECT_EQ(hex(digest(Digest::sha1, hmac(Digest::sha1, salted, "Client Key"))),
            "e9d94660c39d65c38fbad91c358f14da0eef2bd6");
}

TEST(Pbkdf2, OfNothing) {
  EXPECT_EQ(pbkdf2(Digest::sha256, {}, {}, 1).size(), 32U);
  EXPECT_EQ(pbkdf2(Digest::sha256, {}, "salt", 1), pbkdf2(Digest::sha256, "", "salt", 1));
}

TEST(Hmac, Rfc2202Case2) {
  EXPECT_EQ(hex(hmac(Digest::sha1, "Jefe", "what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

TEST(Hmac, AnEmptyKeyIsUsed) {
  const auto other = hmac(Digest::sha256, "other", "x");
  EXPECT_EQ(hex(hmac(Digest::sha256, {}, {})),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  EXPECT_EQ(hmac(Digest::sha256, {}, "x"), hmac(Digest::sha256, "", "x"));
  EXPECT_NE(hmac(Digest::sha256, {}, "x"), other);
}

TEST(Digest, Fips180) {
  EXPECT_EQ(hex(digest(Digest::sha1, "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex(digest(Digest::sha1, {})), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(hex(digest(Digest::sha256, "abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Compare, ConstantTimeEquality) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
}

}  // namespace
}  // namespace postroad::crypto
