// Maildirs on a real disk: files, their rights, and the state after a failed delivery.
#include "relay/local/maildir.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "spool/spool.hpp"
#include "spool/testing/failing_fsync.hpp"

namespace postroad::relay {
namespace {

namespace fs = std::filesystem;

/// A message in three chunks, or one whose source fails after the first.
class Chunks final : public spool::Reader {
 public:
  explicit Chunks(bool breaks = false) : breaks_(breaks) {}
  Result<std::string_view> next() override {
    static constexpr std::string_view parts[] = {"Subject: a\r\n", "\r\n", "text\r\n", ""};
    if (breaks_ && at_ == 1) return fail(Fault::damaged, "message", "is damaged");
    return parts[std::min<std::size_t>(at_++, 3)];
  }

 private:
  bool breaks_;
  std::size_t at_ = 0;
};

class InAFolder : public testing::Test {
 protected:
  InAFolder() {
    std::string pattern = testing::TempDir() + "postroad-maildir-XXXXXX";
    root_ = fs::path(::mkdtemp(pattern.data())) / "mail";
  }
  ~InAFolder() override { fs::remove_all(root_.parent_path()); }

  [[nodiscard]] std::string text(const fs::path& path) const {
    std::ifstream file(root_ / path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] std::size_t count(const fs::path& path) const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(root_ / path), fs::directory_iterator{}));
  }
  fs::path root_;
};

Result<void> deliver(const Maildirs& maildirs, const std::string& folder, const std::string& name,
                     std::string_view head, spool::Reader& message) {
  const auto written = maildirs.write(folder, name, head, message);
  return written ? maildirs.publish(folder, name) : written;
}

TEST_F(InAFolder, AMessageStandsInNewWithItsHeadAndForItsOwnerOnly) {
  const auto maildirs = Maildirs::open(root_.string()).value();
  Chunks message;
  ASSERT_TRUE(deliver(maildirs, "a@b", "1.Q1.host", "Return-Path: <>\r\n", message));
  ASSERT_TRUE(maildirs.sync_folder("a@b"));
  EXPECT_EQ(text("a@b/new/1.Q1.host"), "Return-Path: <>\r\nSubject: a\r\n\r\ntext\r\n");
  EXPECT_EQ(count("a@b/tmp"), 0U);
  EXPECT_EQ(fs::status(root_ / "a@b/new/1.Q1.host").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  for (const auto* folder : {"", "a@b", "a@b/new", "a@b/cur", "a@b/tmp"})
    EXPECT_EQ(fs::status(root_ / folder).permissions(), fs::perms::owner_all) << folder;
}

// The process that created the folders may have died before it synced their names: each start does.
TEST_F(InAFolder, AStartThatCannotSyncTheFoldersAboveIsRefused) {
  const auto root = root_ / "mail";
  fs::create_directory(root_);
  for (const auto& above : {root_, root_.parent_path()}) {
    for (const auto* start : {"the first", "a later one"}) {
      const spool::FailingSync broken(above);
      const auto opened = Maildirs::open(root.string());
      ASSERT_FALSE(opened) << above << ", start: " << start;
      EXPECT_NE(opened.error().text().find("cannot sync the folder"), std::string::npos);
    }
    fs::remove(root);
  }
  EXPECT_TRUE(Maildirs::open(root.string()));
}

TEST_F(InAFolder, AWrittenMessageIsSeenWhenItIsPublished) {
  const auto maildirs = Maildirs::open(root_.string()).value();
  Chunks message;
  ASSERT_TRUE(maildirs.write("a@b", "1.Q1.host", "", message));
  EXPECT_EQ(count("a@b/new"), 0U);
  EXPECT_EQ(count("a@b/tmp"), 1U);
  ASSERT_TRUE(maildirs.publish("a@b", "1.Q1.host"));
  EXPECT_EQ(count("a@b/new"), 1U);
  EXPECT_EQ(count("a@b/tmp"), 0U);
}

TEST_F(InAFolder, TheSameDeliveryTwiceIsOneFile) {
  const auto maildirs = Maildirs::open(root_.string()).value();
  for (int i = 0; i < 2; ++i) {
    Chunks message;
    ASSERT_TRUE(deliver(maildirs, "a@b", "1.Q1.host", "", message));
  }
  EXPECT_EQ(count("a@b/new"), 1U);
}

TEST_F(InAFolder, AMessageThatBreaksLeavesNothing) {
  const auto maildirs = Maildirs::open(root_.string()).value();
  Chunks message(true);
  const auto delivered = deliver(maildirs, "a@b", "1.Q1.host", "", message);
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().fault, Fault::damaged);
  EXPECT_EQ(count("a@b/new") + count("a@b/tmp"), 0U);
}

TEST_F(InAFolder, AMailboxThatWasTakenAwayIsMadeAgain) {
  const auto maildirs = Maildirs::open(root_.string()).value();
  for (int i = 0; i < 2; ++i) {
    Chunks message;
    ASSERT_TRUE(deliver(maildirs, "a@b", "1.Q1.host", "", message));
    EXPECT_EQ(count("a@b/new"), 1U);
    fs::remove_all(root_ / "a@b");
  }
}

TEST_F(InAFolder, HalfMadeMailboxesAreFinished) {
  fs::create_directories(root_ / "a@b");  // a process died here
  const auto maildirs = Maildirs::open(root_.string()).value();
  Chunks message;
  ASSERT_TRUE(deliver(maildirs, "a@b", "1.Q1.host", "", message));
  EXPECT_EQ(count("a@b/new"), 1U);
}

TEST_F(InAFolder, ALinkInThePlaceOfADraftIsNotFollowed) {
  const auto maildirs = Maildirs::open(root_.string()).value();
  fs::create_directories(root_ / "a@b/tmp");
  std::ofstream(root_ / "other") << "kept";
  fs::create_symlink(root_ / "other", root_ / "a@b/tmp/1.Q1.host");
  Chunks message;
  EXPECT_FALSE(deliver(maildirs, "a@b", "1.Q1.host", "", message));
  EXPECT_EQ(text("other"), "kept");
}

TEST_F(InAFolder, ManyThreadsIntoOneNewMailbox) {
  const auto maildirs = Maildirs::open(root_.string()).value();
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 10; ++i) {
        Chunks message;
        const auto name = std::to_string(thread) + ".Q" + std::to_string(i) + ".host";
        if (!deliver(maildirs, "a@b", name, "", message)) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(count("a@b/new"), 40U);
}

}  // namespace
}  // namespace postroad::relay
