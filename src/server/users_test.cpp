// The users file: its contents, the logins that it accepts, and that it reveals nothing to an
// unauthenticated client.
#include "server/users.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/text.hpp"
#include "crypto/digest.hpp"
#include "crypto/hmac_md5.hpp"

namespace postroad::server {
namespace {

using namespace std::string_literals;

constexpr std::array<std::string_view, 5> keyed{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256",
                                                "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "CRAM-MD5"};

Users with(const std::string& name, const std::string& password, ExtraKeys extra = {}) {
  Users users;
  EXPECT_TRUE(users.set(name, Secret(password), extra));
  return users;
}

class File {
 public:
  File() {
    std::string form = (std::filesystem::temp_directory_path() / "postroad-users-XXXXXX").string();
    folder_ = ::mkdtemp(form.data());
  }
  ~File() { std::filesystem::remove_all(folder_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] std::string path() const { return folder_ / "users"; }
  void write(const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path()) << text;
    ::chmod(path().c_str(), mode);
  }
  [[nodiscard]] std::string read() const {
    std::ifstream in(path());
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::filesystem::path folder_;
};

// RFC 7677 §3: user "user", password "pencil".
const std::string rfc_7677 =
    "user:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
    ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\n";

TEST(Users, TheKeysOfTheRfcLetItsPasswordIn) {
  const File file;
  file.write("# a comment\n\n" + rfc_7677);
  const auto users = Users::load(file.path());
  ASSERT_TRUE(users) << users.error().text();
  EXPECT_TRUE(users->check("user", Secret("pencil")));
  EXPECT_FALSE(users->check("user", Secret("Pencil")));
  EXPECT_FALSE(users->check("user", Secret("")));
  EXPECT_FALSE(users->check("nobody", Secret("pencil")));
  EXPECT_FALSE(users->check("", Secret("pencil")));
}

TEST(Users, WhatIsSavedIsLoaded) {
  const File file;
  for (const auto extra : {ExtraKeys{false, false}, {true, false}, {false, true}, {true, true}}) {
    auto users = with("t\xc3\xa9st", "s e=c\xc3\xa9t", extra);
    ASSERT_TRUE(users.set("other", Secret("pen")));
    ASSERT_TRUE(users.save(file.path()));
    struct stat facts {};
    ASSERT_EQ(::stat(file.path().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600U);
    EXPECT_EQ(file.read().find("s e=c"), std::string::npos);
    const auto loaded = Users::load(file.path());
    ASSERT_TRUE(loaded) << loaded.error().text();
    EXPECT_EQ(loaded->names(), (std::vector<std::string>{"other", "t\xc3\xa9st"}));
    EXPECT_TRUE(loaded->check("t\xc3\xa9st", Secret("s e=c\xc3\xa9t")));
    EXPECT_EQ(loaded->serves("SCRAM-SHA-1"), extra.scram_sha_1);
    EXPECT_EQ(loaded->serves("SCRAM-SHA-1-PLUS"), extra.scram_sha_1);
    EXPECT_EQ(loaded->serves("CRAM-MD5"), extra.cram_md5);
    EXPECT_TRUE(loaded->serves("SCRAM-SHA-256") && loaded->serves("SCRAM-SHA-256-PLUS"));
    for (const auto mechanism : keyed) {
      const auto before = users.keys("t\xc3\xa9st", mechanism);
      const auto after = loaded->keys("t\xc3\xa9st", mechanism);
      EXPECT_EQ(before.is_known, after.is_known) << mechanism;
      if (!before.is_known) continue;
      EXPECT_EQ(before.scram, after.scram) << mechanism;
      EXPECT_EQ(before.cram_md5, after.cram_md5) << mechanism;
      EXPECT_FALSE(loaded->keys("other", mechanism).is_known &&
                   mechanism.find("256") == std::string_view::npos);
    }
  }
}

TEST(Users, TheKeysAreThoseOfThePassword) {
  const auto users = with("user", "pencil", {true, true});
  for (const std::string_view mechanism : {"SCRAM-SHA-256", "SCRAM-SHA-1"}) {
    const auto digest = mechanism == "SCRAM-SHA-1" ? crypto::Digest::sha1 : crypto::Digest::sha256;
    const auto keys = users.keys("user", mechanism);
    EXPECT_TRUE(keys.is_known);
    EXPECT_EQ(keys.scram, sasl::ScramKeys::derive(digest, "pencil", keys.scram.salt, 4096));
    EXPECT_EQ(users.keys("user", std::string(mechanism) + "-PLUS").scram, keys.scram);
  }
  EXPECT_EQ(users.keys("user", "CRAM-MD5").cram_md5, crypto::hmac_md5_key("pencil"));
}

TEST(Users, ANewPasswordTakesAwayTheOldKeys) {
  auto users = with("user", "pencil", {true, true});
  const auto before = users.keys("user", "SCRAM-SHA-256");
  ASSERT_TRUE(users.set("user", Secret("pen")));
  EXPECT_FALSE(users.check("user", Secret("pencil")));
  EXPECT_TRUE(users.check("user", Secret("pen")));
  EXPECT_NE(users.keys("user", "SCRAM-SHA-256").scram.salt, before.scram.salt);
  EXPECT_FALSE(users.keys("user", "CRAM-MD5").is_known);
  EXPECT_FALSE(users.keys("user", "SCRAM-SHA-1").is_known);
  EXPECT_TRUE(users.remove("user"));
  EXPECT_FALSE(users.remove("user"));
  EXPECT_FALSE(users.check("user", Secret("pen")));
}

TEST(Users, NamesThatNoFileCanHold) {
  Users users;
  for (const auto& bad : {""s, "#x"s, "a:b"s, "a b"s, "a\nb"s, "a\0b"s, "\xff"s, "a\x7f"s})
    EXPECT_FALSE(users.set(bad, Secret("p"))) << testing::PrintToString(bad);
  EXPECT_FALSE(users.set("user", Secret("")));
  EXPECT_TRUE(users.names().empty());
}

TEST(Users, WrongLinesAreRefusedWithTheirNumber) {
  const File file;
  const auto good = rfc_7677.substr(5, rfc_7677.size() - 6);
  for (const auto& bad :
       {"user"s, ":" + good, "user:"s, "user:SCRAM-SHA-256"s, "user:SCRAM-SHA-256$"s,
        "user:SCRAM-SHA-512$4096:AAAA$AAAA:AAAA"s,
        "user:SCRAM-SHA-1$" + good.substr(good.find('$') + 1),  // keys of the other size
        "user:" + good + ":AAAA", "user:" + good + "$AAAA", "user:CRAM-MD5$"s,
        "user:CRAM-MD5$AAAA"s, "user:CRAM-MD5$!!!!"s, "user:plain-password"s,
        "user:SCRAM-SHA-256$0:" + good.substr(good.find("W22")),
        "user:SCRAM-SHA-256$-1:" + good.substr(good.find("W22")),
        "user:SCRAM-SHA-256$1000001:" + good.substr(good.find("W22")),
        "user:SCRAM-SHA-256$4294971392:" + good.substr(good.find("W22")),
        "user:SCRAM-SHA-256$:" + good.substr(good.find("W22")),
        "user:SCRAM-SHA-256$4096:" + good.substr(good.find("$WG5"))}) {
    file.write(rfc_7677 + "# more\n" + bad + "\n");
    const auto users = Users::load(file.path());
    ASSERT_FALSE(users) << bad;
    EXPECT_EQ(users.error().fault, Fault::data);
    EXPECT_NE(users.error().text().find("users:3"), std::string::npos) << users.error().text();
  }
}

TEST(Users, WhoHasNoKeysOfScramSha256IsAnErrorThatSaysSo) {
  const File file;
  file.write(rfc_7677 + "tim:CRAM-MD5$" + base64_encode(crypto::hmac_md5_key("x")) + "\n");
  const auto users = Users::load(file.path());
  ASSERT_FALSE(users);
  EXPECT_NE(users.error().text().find("tim"), std::string::npos);
}

TEST(Users, AFileThatOthersMayReadIsRefused) {
  const File file;
  for (const mode_t mode : {0640, 0604, 0620, 0601}) {
    file.write(rfc_7677, mode);
    EXPECT_FALSE(Users::load(file.path())) << mode;
  }
  std::filesystem::remove(file.path());
  EXPECT_FALSE(Users::load(file.path()));
}

// An unauthenticated client names a user and sees the salt and the count: neither may reveal
// whether the user exists.

class Decoys : public testing::Test {
 protected:
  Users users = with("user", "pencil", {true, true});
};

using Row48 = Decoys;
using Row35 = Decoys;

TEST_F(Row48, NobodyPassesByADecoysKeys) {
  for (const auto mechanism : keyed) EXPECT_FALSE(users.keys("nobody", mechanism).is_known);
  EXPECT_FALSE(users.check("nobody", Secret("")));
  EXPECT_FALSE(users.check("nobody", Secret("pencil")));
}

TEST_F(Row35, DecoysLookLikeKeys) {
  for (const auto mechanism : keyed) {
    const auto real = users.keys("user", mechanism);
    const auto decoy = users.keys("nobody", mechanism);
    EXPECT_EQ(decoy.scram.iterations, real.scram.iterations) << mechanism;
    EXPECT_EQ(decoy.scram.salt.size(), real.scram.salt.size()) << mechanism;
    EXPECT_EQ(decoy.scram.stored_key.size(), real.scram.stored_key.size()) << mechanism;
    EXPECT_EQ(decoy.scram.server_key.size(), real.scram.server_key.size()) << mechanism;
    EXPECT_EQ(decoy.cram_md5.size(), real.cram_md5.size()) << mechanism;
  }
}

TEST_F(Row35, DecoysAreTheSameAtEachCallAndDifferByName) {
  for (const auto mechanism : keyed) {
    const auto once = users.keys("nobody", mechanism);
    const auto again = users.keys("nobody", mechanism);
    EXPECT_EQ(once.scram, again.scram) << mechanism;
    EXPECT_EQ(once.cram_md5, again.cram_md5) << mechanism;
    const auto other = users.keys("nobody2", mechanism);
    EXPECT_TRUE(mechanism == "CRAM-MD5" ? once.cram_md5 != other.cram_md5
                                        : once.scram.salt != other.scram.salt)
        << mechanism;
  }
  // A -PLUS mechanism has the keys of its base mechanism, and so must a decoy.
  EXPECT_EQ(users.keys("nobody", "SCRAM-SHA-256").scram,
            users.keys("nobody", "SCRAM-SHA-256-PLUS").scram);
}

TEST_F(Row35, DecoysOfTwoMechanismsHaveTwoSaltsAsKeysDo) {
  EXPECT_NE(users.keys("user", "SCRAM-SHA-256").scram.salt,
            users.keys("user", "SCRAM-SHA-1").scram.salt);
  EXPECT_NE(users.keys("nobody", "SCRAM-SHA-256").scram.salt,
            users.keys("nobody", "SCRAM-SHA-1").scram.salt);
}

TEST_F(Row35, AUserWithoutKeysForAMechanismLooksUnknown) {
  ASSERT_TRUE(users.set("plain", Secret("pencil")));
  for (const std::string_view mechanism : {"SCRAM-SHA-1", "CRAM-MD5"}) {
    const auto keys = users.keys("plain", mechanism);
    EXPECT_FALSE(keys.is_known);
    EXPECT_EQ(keys.scram, users.keys("plain", mechanism).scram);
    EXPECT_EQ(keys.scram.stored_key.size(),
              users.keys("nobody", mechanism).scram.stored_key.size());
  }
}

TEST_F(Row35, DecoysStayWhenTheFileIsReadAgain) {
  // Salts of known users survive a reload: a salt that changes would reveal an unknown user.
  const File file;
  ASSERT_TRUE(users.save(file.path()));
  const auto once = Users::load(file.path());
  const auto again = Users::load(file.path());
  ASSERT_TRUE(once && again);
  for (const auto mechanism : keyed) {
    EXPECT_EQ(once->keys("nobody", mechanism).scram, again->keys("nobody", mechanism).scram);
    EXPECT_EQ(once->keys("nobody", mechanism).cram_md5, again->keys("nobody", mechanism).cram_md5);
  }
}

TEST(Users, ChangesAtTheSameTimeLoseNoUser) {
  const File file;
  constexpr int writers = 8;
  std::vector<std::thread> threads;
  for (int i = 0; i < writers; ++i) {
    threads.emplace_back([&file, i] {
      for (const auto* name : {"a", "b", "c"}) {
        const auto changed = Users::change(file.path(), [&](Users& users) {
          return users.set(name + std::to_string(i), Secret("secret"));
        });
        EXPECT_TRUE(changed) << changed.error();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto users = Users::load(file.path());
  ASSERT_TRUE(users) << users.error();
  EXPECT_EQ(users->names().size(), 3U * writers);
}

TEST(Users, AChangeThatFailsLeavesTheFileAsItWas) {
  const File file;
  file.write(rfc_7677);
  const auto changed = Users::change(file.path(), [](Users& users) -> Result<void> {
    users.remove("user");
    return fail(Fault::input, "user", "no");
  });
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().detail, "no");
  EXPECT_EQ(file.read(), rfc_7677);
}

TEST(Users, ASaveThatFailsLeavesNothingBeside) {
  const File file;
  std::filesystem::create_directories(file.path() + "/in the way");
  const auto saved = with("ann", "secret").save(file.path());
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().where, file.path());
  EXPECT_FALSE(std::filesystem::exists(file.path() + ".new"));
}

}  // namespace
}  // namespace postroad::server
