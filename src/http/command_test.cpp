// Programs that end, hang, do not read their input, or run when the io_context is destroyed. After
// each test this process has no child left, running or zombie.
#include "http/command.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <cerrno>
#include <chrono>
#include <optional>

namespace postroad::http {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string large(4 << 20, 'x');  // more than a socket's buffer

proto::Time in(milliseconds time) { return proto::Clock::now() + time; }

std::vector<std::string> script(std::string text) { return {"/bin/sh", "-c", std::move(text)}; }

// Joins the process group of this process and stays for a minute.
const std::vector<std::string> leaver{
    "/usr/bin/python3", "-c",
    "import os, time; os.setpgid(0, os.getpgid(os.getppid())); time.sleep(60)"};

bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD; }

class Command : public testing::Test {
 protected:
  void TearDown() override { EXPECT_FALSE(has_children()); }

  static Result<int> outcome(std::vector<std::string> command, std::string input = {},
                             milliseconds patience = seconds(20)) {
    asio::io_context context(1);
    auto code = asio::co_spawn(
        context, run_command(std::move(command), std::move(input), in(patience)), asio::use_future);
    context.run();
    return code.get();
  }
  static std::optional<int> run(std::vector<std::string> command, std::string input = {},
                                milliseconds patience = seconds(20)) {
    const auto code = outcome(std::move(command), std::move(input), patience);
    return code ? std::optional<int>(*code) : std::nullopt;
  }
};

TEST_F(Command, ReturnsTheExitCode) {
  EXPECT_EQ(run({"/bin/true"}), 0);
  EXPECT_EQ(run(script("exit 3")), 3);
  EXPECT_EQ(run(script("kill -9 $$")), std::nullopt);
  EXPECT_EQ(run({"/nowhere/program"}), std::nullopt);
}

TEST_F(Command, SaysWhyItHasNoExitCode) {
  EXPECT_EQ(outcome(script("kill -9 $$")).error().text(), "/bin/sh: ended by signal 9");
  EXPECT_EQ(outcome({"/nowhere/program"}).error().text(),
            "/nowhere/program: cannot be started: No such file or directory");
  const auto late = outcome({"/bin/sleep", "60"}, "x", milliseconds(50)).error();
  EXPECT_EQ(late.text(), "/bin/sleep: did not end before the deadline and was killed");
  EXPECT_EQ(late.fault, Fault::timeout);
}

TEST_F(Command, GetsTheWholeInput) {
  EXPECT_EQ(run(script("test \"$(cat)\" = question"), "question\n"), 0);
  EXPECT_EQ(run(script("test $(wc -c) -eq " + std::to_string(large.size())), large), 0);
}

TEST_F(Command, NeedNotReadItsInput) {
  EXPECT_EQ(run({"/bin/true"}, large), 0);
  EXPECT_EQ(run(script("exec <&-; exit 1"), large), 1);
}

// Its output is dropped: a program that writes without end fills nothing and is not held up.
TEST_F(Command, HasNoOutput) { EXPECT_EQ(run(script("head -c 4194304 /dev/zero")), 0); }

TEST_F(Command, IsKilledAtTheDeadline) {
  const auto begin = proto::Clock::now();
  EXPECT_EQ(run({"/bin/sleep", "60"}, "x", milliseconds(50)), std::nullopt);
  EXPECT_EQ(run({"/bin/sleep", "60"}, large, milliseconds(50)), std::nullopt);
  EXPECT_EQ(run(script("trap '' TERM; sleep 60; exit 0"), "x", milliseconds(50)), std::nullopt);
  EXPECT_LT(proto::Clock::now() - begin, seconds(20));
}

// A process group that the program has left cannot be killed by the program's number.
TEST_F(Command, IsKilledAtTheDeadlineWhenItHasLeftItsGroup) {
  if (::access(leaver.front().c_str(), X_OK) != 0) GTEST_SKIP() << "there is no Python";
  const auto begin = proto::Clock::now();
  EXPECT_EQ(run(leaver, "x", seconds(2)), std::nullopt);
  EXPECT_LT(proto::Clock::now() - begin, seconds(20));
}

// Both have happened when the loop looks: the deadline and the program's end. The login is late.
TEST_F(Command, ThatEndsAfterTheDeadlineHasNoExitCode) {
  asio::io_context context(1);
  auto code = asio::co_spawn(context, run_command({"/bin/sleep", "0.1"}, {}, in(milliseconds(50))),
                             asio::use_future);
  context.poll();
  siginfo_t ended{};  // it stays a zombie, for the loop
  ASSERT_EQ(::waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT), 0);
  context.run();
  EXPECT_FALSE(code.get());
}

// The program ends, and one that it started leaves its process group and keeps its input.
TEST_F(Command, IsNotWaitedForByItsInput) {
  if (::access("/usr/bin/setsid", X_OK) != 0) GTEST_SKIP() << "there is no setsid";
  const auto begin = proto::Clock::now();
  EXPECT_EQ(run(script("exec setsid sleep 10 2>/dev/null"), large, seconds(2)), std::nullopt);
  EXPECT_LT(proto::Clock::now() - begin, seconds(9));
}

TEST_F(Command, LeavesTheLoopToOthers) {
  asio::io_context context(1);
  auto slow = asio::co_spawn(context, run_command({"/bin/sleep", "60"}, {}, in(seconds(60))),
                             asio::use_future);
  auto quick =
      asio::co_spawn(context, run_command({"/bin/true"}, {}, in(seconds(20))), asio::use_future);
  while (quick.wait_for(seconds(0)) != std::future_status::ready) context.run_one();
  EXPECT_EQ(quick.get().value(), 0);
  EXPECT_NE(slow.wait_for(seconds(0)), std::future_status::ready);
}

TEST_F(Command, EndsWithItsLoop) {
  {
    asio::io_context context(1);
    asio::co_spawn(context, run_command({"/bin/sleep", "60"}, "x", in(seconds(60))),
                   asio::detached);
    asio::co_spawn(context, run_command({"/bin/sleep", "60"}, large, in(seconds(60))),
                   asio::detached);
    context.poll();
    EXPECT_TRUE(has_children());
  }
  EXPECT_FALSE(has_children());
}

TEST_F(Command, EndsWithItsLoopWhenItHasLeftItsGroup) {
  if (::access(leaver.front().c_str(), X_OK) != 0) GTEST_SKIP() << "there is no Python";
  const auto begin = proto::Clock::now();
  {
    asio::io_context context(1);
    asio::co_spawn(context, run_command(leaver, "x", in(seconds(60))), asio::detached);
    context.run_for(seconds(2));
    EXPECT_TRUE(has_children());
  }
  EXPECT_FALSE(has_children());
  EXPECT_LT(proto::Clock::now() - begin, seconds(20));
}

}  // namespace
}  // namespace postroad::http
