// Which key signs a message of a user, and which message none signs.
#include "relay/dkim_keys.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "mailauth/dkim/signing.hpp"

namespace postroad::relay {
namespace {

struct DkimKeysTest : ::testing::Test {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("dkim-keys-" + std::to_string(::getpid()));
  DkimKeys keys;

  DkimKeysTest() { std::filesystem::create_directories(folder); }
  ~DkimKeysTest() override { std::filesystem::remove_all(folder); }

  Result<void> add(const std::string& domain, const std::string& selector = "s") {
    const auto file = folder / "key.pem";
    std::ofstream(file) << DkimKey::generate(DkimAlgorithm::ed25519_sha256).value().pem().reveal();
    return keys.add({domain, selector, file});
  }
  std::string sign(const std::string& from, const std::string& reverse_path) {
    dkim::Signing signing(false, true);
    signing.take("From: " + from + "\r\nSubject: x\r\n\r\nbody\r\n");
    EXPECT_TRUE(signing.end());
    return keys.sign(signing, reverse_path);
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(DkimKeysTest, TheLongestDomainThatHoldsFromSigns) {
  ASSERT_TRUE(add("example.org"));
  ASSERT_TRUE(add("news.example.org"));
  EXPECT_TRUE(has(sign("Ann <ann@example.org>", "ann@example.org"), "d=example.org;"));
  EXPECT_TRUE(has(sign("ann@EU.Example.ORG", "bounce@example.org"), "d=example.org;"));
  const auto news = sign("ann@a.news.example.org", "ann@news.example.org");
  EXPECT_TRUE(has(news, "d=news.example.org;"));
  EXPECT_FALSE(has(news, "d=example.org;"));
}

TEST_F(DkimKeysTest, AKeySignsNothingOfAnotherDomain) {
  ASSERT_TRUE(add("example.org"));
  ASSERT_TRUE(add("example.net"));
  EXPECT_EQ(sign("ann@other.example", "ann@example.org"), "");
  EXPECT_EQ(sign("ann@notexample.org", "ann@example.org"), "");
  EXPECT_EQ(sign("boss@example.net", "ann@example.org"), "") << "the sender is of another domain";
  EXPECT_EQ(sign("ann@example.org", ""), "");
  EXPECT_EQ(sign("boss@example.org", "ann@t1.example.org"), "") << "above the sender's domain";
  EXPECT_EQ(sign("boss@t2.example.org", "ann@t1.example.org"), "");
  EXPECT_EQ(sign("ann@example.org, boss@other.example", "ann@example.org"), "");
  EXPECT_TRUE(has(sign("ann@a.t1.example.org", "ann@t1.example.org"), "d=example.org;"));
}

TEST_F(DkimKeysTest, TwoKeysOfADomainSignBoth) {
  ASSERT_TRUE(add("example.org", "one"));
  ASSERT_TRUE(add("example.org", "two"));
  const auto fields = sign("ann@example.org", "ann@example.org");
  EXPECT_TRUE(has(fields, "s=one;"));
  EXPECT_TRUE(has(fields, "s=two;"));
  EXPECT_TRUE(keys.signer_for("mail.example.org"));
  EXPECT_FALSE(keys.signer_for("example.net"));
}

TEST_F(DkimKeysTest, WrongTablesAreNamed) {
  EXPECT_EQ(add("not a domain").error().where, "DKIM domain");
  EXPECT_EQ(add("example.org", "").error().where, "DKIM selector");
  EXPECT_EQ(keys.add({"example.org", "s", folder / "none"}).error().fault, Fault::io);
  std::ofstream(folder / "text") << "no key";
  EXPECT_EQ(keys.add({"example.org", "s", folder / "text"}).error().fault, Fault::data);
  EXPECT_TRUE(keys.is_empty());
}

}  // namespace
}  // namespace postroad::relay
