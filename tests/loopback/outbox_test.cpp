// The outbox on a real disk with a real server: what was submitted is there after a crash, is sent
// once, and its outcome is told.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <postroad/outbox.hpp>
#include <postroad/testing.hpp>
#include <thread>

namespace postroad {
namespace {

using testing::Step;
using namespace std::chrono_literals;

constexpr auto patience = 20s;

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() {
    auto name = (std::filesystem::temp_directory_path() / "postroad-outbox-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~OutboxTest() override { std::filesystem::remove_all(folder_); }
  OutboxOptions options(const std::string& relay) const {
    OutboxOptions made{.folder = folder_ + "/outbox", .relays = {relay}};
    made.first_retry = 20ms;
    made.longest_retry = 50ms;
    made.pool.first_pause = 1ms;
    made.pool.longest_pause = 10ms;
    made.pool.patience = 20ms;
    return made;
  }
  std::unique_ptr<Outbox> open(OutboxOptions made) {
    auto outbox = Outbox::open(std::move(made));
    EXPECT_TRUE(outbox) << (outbox ? "" : outbox.error().text());
    return outbox ? std::move(*outbox) : nullptr;
  }
  static Message mail(const std::string& to) {
    return Message{}.from("a@x.example").to(to).subject("hi").text("hello");
  }

  std::string folder_;
};

TEST_F(OutboxTest, SendsAndTellsWhatBecameOfEach) {
  testing::Server server;
  server.at(Step::rcpt, "bad@y.example").refuse({550, {5, 1, 1}, "no such user"});
  std::atomic<int> told = 0;
  auto made = options(server.url());
  made.on_outcome = [&](const OutboxStatus&) { ++told; };
  const auto outbox = open(std::move(made));
  const auto id = outbox->submit(mail("b@y.example, bad@y.example"));
  ASSERT_TRUE(id) << id.error();
  ASSERT_TRUE(outbox->wait(*id, patience));
  const auto status = outbox->status(*id);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->recipients[0].outcome, Outcome::accepted);
  EXPECT_EQ(status->recipients[1].outcome, Outcome::refused);
  EXPECT_EQ(status->recipients[1].note, "550 5.1.1 no such user");
  EXPECT_EQ(told, 1);
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(OutboxTest, TriesAgainUntilItIsTaken) {
  testing::Server server;
  std::atomic<int> times = 0;
  server.decide_by([&](Step step, std::string_view, std::uint64_t) -> testing::Act {
    if (step == Step::rcpt && ++times <= 3)
      return {testing::Act::Kind::answer, {450, {4, 2, 0}, "greylisted"}};
    return {};
  });
  const auto outbox = open(options(server.url()));
  const auto id = outbox->submit(mail("b@y.example"));
  ASSERT_TRUE(id && outbox->wait(*id, patience));
  EXPECT_EQ(outbox->status(*id)->recipients[0].attempts, 4U);
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(OutboxTest, GivesUpInTheEndAndSaysWhy) {
  auto made = options("smtp://127.0.0.1:1");
  made.give_up_after = 150ms;
  const auto outbox = open(std::move(made));
  const auto id = outbox->submit(mail("b@y.example"));
  ASSERT_TRUE(id && outbox->wait(*id, patience));
  const auto one = outbox->status(*id)->recipients[0];
  EXPECT_EQ(one.outcome, Outcome::refused);
  EXPECT_TRUE(one.note.starts_with("given up: ")) << one.note;
}

TEST_F(OutboxTest, OneKeyIsSentOnceAcrossThreadsAndRestarts) {
  testing::Server server;
  std::map<std::string, int> ids;
  {
    const auto outbox = open(options(server.url()));
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        const auto id = outbox->submit(mail("b@y.example"), "order-4711");
        const std::lock_guard lock(mutex);
        ++ids[id ? *id : id.error().text()];
      });
    }
    for (auto& thread : threads) thread.join();
    ASSERT_EQ(ids.size(), 1U);
    ASSERT_TRUE(outbox->wait(ids.begin()->first, patience));
  }
  const auto again = open(options(server.url()));
  EXPECT_EQ(*again->submit(mail("b@y.example"), "order-4711"), ids.begin()->first);
  EXPECT_EQ(again->find("order-4711")->id, ids.begin()->first);
  EXPECT_FALSE(again->find("order-4712"));
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(OutboxTest, WhatIsNotSentGoesOnAfterARestart) {
  std::string id;
  {
    const auto outbox = open(options("smtp://127.0.0.1:1"));
    id = outbox->submit(mail("b@y.example")).value();
  }
  testing::Server server;
  const auto outbox = open(options(server.url()));
  EXPECT_TRUE(outbox->wait(id, patience));
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(OutboxTest, AnUnknownOutcomeIsNotTriedAgain) {
  testing::Server server;
  server.at(Step::end_of_data).keep_and_cut();
  const auto outbox = open(options(server.url()));
  const auto id = outbox->submit(mail("b@y.example"));
  ASSERT_TRUE(id && outbox->wait(*id, patience));
  EXPECT_EQ(outbox->status(*id)->recipients[0].outcome, Outcome::unknown);
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(OutboxTest, WhatIsDoneIsForgottenInTime) {
  testing::Server server;
  auto made = options(server.url());
  made.remember = 1ms;
  const auto outbox = open(std::move(made));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(outbox->submit(mail("b@y.example"), std::to_string(i)));
  ASSERT_TRUE(server.wait_for(5, patience));
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!outbox->list().empty() && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  EXPECT_TRUE(outbox->list().empty());
  EXPECT_FALSE(outbox->find("3"));
}

TEST_F(OutboxTest, WrongInputIsASentence) {
  EXPECT_FALSE(Outbox::open({}));
  EXPECT_FALSE(Outbox::open({.folder = folder_ + "/x"}));
  testing::Server server;
  const auto outbox = open(options(server.url()));
  EXPECT_FALSE(outbox->submit(Message{}.from("a@x.example").text("nobody")));
  EXPECT_FALSE(outbox->status("nonsense!"));
  EXPECT_FALSE(outbox->status("0"));
  const auto second = Outbox::open(options(server.url()));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault, Fault::busy);
}

// A child submits and is killed at any moment; each id that it was given is there afterwards.
TEST_F(OutboxTest, NothingThatWasSubmittedIsLostByAKill) {
  for (int round = 0; round < 5; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto outbox = Outbox::open(options("smtp://127.0.0.1:1"));
      if (!outbox) ::_exit(1);
      for (;;) {
        const auto id = (*outbox)->submit(mail("b@y.example"));
        if (!id) ::_exit(1);
        const auto line = *id + '\n';
        if (::write(ends[1], line.data(), line.size()) < 0) ::_exit(0);
      }
    }
    ::close(ends[1]);
    std::string told;
    char buffer[256];
    while (std::count(told.begin(), told.end(), '\n') < 20 + 7 * round) {
      const auto n = ::read(ends[0], buffer, sizeof buffer);
      if (n <= 0) break;
      told.append(buffer, static_cast<std::size_t>(n));
    }
    ::kill(child, SIGKILL);
    for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
      told.append(buffer, static_cast<std::size_t>(n));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto outbox = open(options("smtp://127.0.0.1:1"));
    std::size_t begin = 0;
    int count = 0;
    for (auto end = told.find('\n'); end != std::string::npos; end = told.find('\n', begin)) {
      EXPECT_TRUE(outbox->status(told.substr(begin, end - begin)))
          << told.substr(begin, end - begin);
      begin = end + 1;
      ++count;
    }
    EXPECT_GE(count, 20);
  }
}

}  // namespace
}  // namespace postroad
