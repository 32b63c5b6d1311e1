// HMAC-MD5 with a stored key against RFC 2202 section 2 and RFC 2195 section 2.
#include "crypto/hmac_md5.hpp"

#include <gtest/gtest.h>

namespace postroad::crypto {
namespace {

TEST(HmacMd5, Rfc2202) {
  const auto of = [](const std::string& key, const std::string& bytes) {
    return hmac_md5(hmac_md5_key(key), bytes);
  };
  EXPECT_EQ(of(std::string(16, '\x0b'), "Hi There"), "9294727a3638bb1c13f48ef8158bfc9d");
  EXPECT_EQ(of("Jefe", "what do ya want for nothing?"), "750c783e6ab0b503eaa86e310a5db738");
  EXPECT_EQ(of(std::string(16, '\xaa'), std::string(50, '\xdd')),
            "56be34521d144c88dbb8c733f0e8b3f6");
  EXPECT_EQ(of(std::string(16, '\x0c'), "Test With Truncation"),
            "56461ef2342edc00f9bab995690efd4c");
  EXPECT_EQ(of(std::string(80, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
  EXPECT_EQ(of(std::string(80, '\xaa'),
               "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data"),
            "6f630fad67cda0ee1fb1f562db3aa53e");
}

TEST(HmacMd5, Rfc2195) {
  EXPECT_EQ(
      hmac_md5(hmac_md5_key("tanstaaftanstaaf"), "<1896.697170952@postoffice.reston.mci.net>"),
      "b913a602c7eda7a495b4e6e7334d3890");
}

TEST(HmacMd5, TheKeyIsNotThePassword) {
  const auto key = hmac_md5_key("tanstaaftanstaaf");
  EXPECT_EQ(key.size(), 32U);
  EXPECT_EQ(key.find("tanstaaf"), std::string::npos);
  EXPECT_EQ(hmac_md5_key("").size(), 32U);
}

TEST(HmacMd5, AKeyOfAnotherSizeMatchesNothing) {
  for (const std::size_t size : {0, 1, 16, 31, 33, 64}) {
    const std::string key(size, '\0');
    EXPECT_NE(hmac_md5(key, "x"), hmac_md5(std::string(32, '\0'), "x")) << size;
    EXPECT_NE(hmac_md5(key, "x"), hmac_md5(hmac_md5_key(key), "x")) << size;
  }
}

}  // namespace
}  // namespace postroad::crypto
