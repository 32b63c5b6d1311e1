// The transports without SMTP that start no command: a folder, memory.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "client/transport/transport_fixture.hpp"

namespace postroad {
namespace {

// A folder that can be written but not opened cannot be synced either.
TEST_F(TransportTest, AFolderThatCannotBeSyncedAcceptsNothing) {
  constexpr uid_t other = 65534;
  const bool is_root = ::geteuid() == 0;  // who may open everything
  fs::create_directory(path("box"));
  ASSERT_EQ(::chmod(folder_.c_str(), 0711), 0);
  ASSERT_EQ(::chmod(path("box").c_str(), 0300), 0);
  if (is_root) {
    ASSERT_EQ(::chown(path("box").c_str(), other, static_cast<gid_t>(-1)), 0);
    ASSERT_EQ(::seteuid(other), 0);
  }
  Chunks source({"hi"});
  const auto report = FileTransport(path("box")).send(envelope_, source);
  if (is_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ASSERT_EQ(::chmod(path("box").c_str(), 0700), 0);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fault, Fault::io);
  EXPECT_TRUE(fs::is_empty(path("box")));
}

TEST_F(TransportTest, AFileHoldsTheEnvelopeAndTheMessage) {
  FileTransport transport(path("box/inner"));
  envelope_.recipients = {{"a b", "y.example"}, {"-c", "y.example"}};
  for (const bool bounce : {false, true}) {
    if (bounce) envelope_.reverse_path = {};
    Chunks source({"Subject: x\r\n\r", "\n.\r\nno end"});
    const auto report = transport.send(envelope_, source);
    ASSERT_TRUE(report) << report.error();
    EXPECT_TRUE(report->all_accepted());
    const auto name = report->reply.text.substr(3);  // in PATH
    std::ifstream file(name, std::ios::binary);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}),
              std::string("X-Envelope-From: <") + (bounce ? "" : "a@x.example") +
                  ">\r\nX-Envelope-To: <\"a b\"@y.example>\r\nX-Envelope-To: <-c@y.example>\r\n"
                  "Subject: x\r\n\r\n.\r\nno end");
    EXPECT_EQ(fs::status(name).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  }
}

TEST_F(TransportTest, NoTwoFilesAreOne) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      FileTransport transport(path("box"));
      for (int j = 0; j < 10; ++j) {
        Chunks source({"hi\r\n"});
        EXPECT_TRUE(transport.send(envelope_, source));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(left().size(), 40U);
  for (const auto& name : left())
    EXPECT_TRUE(name.ends_with(".eml") && name.front() != '.') << name;
}

TEST_F(TransportTest, AFolderThatCannotBeIsAnErrorWithTheReason) {
  std::ofstream(path("file")) << "text";
  Chunks source({"hi"});
  const auto report = FileTransport(path("file/inner")).send(envelope_, source);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fault, Fault::io);
  EXPECT_EQ(report.error().where, path("file/inner"));
  EXPECT_NE(report.error().detail.find("Not a directory"), std::string::npos) << report.error();
}

TEST_F(TransportTest, MemoryAnswersEachRecipientAsItIsTold) {
  MemoryTransport transport;
  transport.answer = [](const Mailbox& recipient) {
    if (recipient.local == "b") return Reply{550, {5, 1, 1}, "nobody"};
    if (recipient.local == "c") return Reply{450, {4, 2, 1}, "later"};
    return Reply{};
  };
  Chunks none_taken({"hi"});
  auto report = transport.send(envelope_, none_taken);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->recipients[0].outcome, Outcome::refused);
  EXPECT_EQ(report->recipients[1].outcome, Outcome::deferred);
  EXPECT_TRUE(transport.sent().empty());
  envelope_.recipients.push_back({"d", "y.example"});
  Chunks source({"h", "i"});
  report = transport.send(envelope_, source);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->recipients[2].outcome, Outcome::accepted);
  ASSERT_EQ(transport.sent().size(), 1U);
  EXPECT_EQ(transport.sent()[0].bytes, "hi");
  EXPECT_EQ(transport.sent()[0].envelope, envelope_);
  transport.clear();
  EXPECT_TRUE(transport.sent().empty());
}

}  // namespace
}  // namespace postroad
