// Logins that a command decides, asked as a session asks: on a loop, which stays free; and what
// happens when session, policy or loop end before the command.
#include "http/login_policy.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <memory>

namespace postroad::http {
namespace {

namespace asio = boost::asio;
using server::Answer;
using server::PendingAnswer;
using std::chrono::seconds;

observe::Log nothing_logged;

std::unique_ptr<LoginPolicy> policy_of(std::vector<std::string> command, LoginTurns& turns) {
  LoginCheckSettings settings;
  settings.command = std::move(command);
  settings.timeout = seconds(20);
  return std::make_unique<LoginPolicy>(std::make_shared<const LoginCheck>(std::move(settings)),
                                       turns, nothing_logged);
}

void begin(LoginPolicy& policy, asio::io_context& loop, PendingAnswer& pending) {
  sasl::Credentials credentials;
  credentials.user = "ann";
  credentials.password = Secret("right");
  server::SessionInfo info;
  info.client = "[192.0.2.1]:4711";
  info.executor = loop.get_executor();
  policy.auth(info, credentials, Answer(pending));
}

server::Verdict wait_for_verdict(asio::io_context& loop, PendingAnswer& pending) {
  asio::steady_timer timer(loop, seconds(20));
  if (pending.wake(timer)) {
    bool is_over = false;
    timer.async_wait([&](boost::system::error_code) { is_over = true; });
    loop.restart();
    while (!is_over) loop.run_one();
  }
  return pending.end_wait().value_or(server::Verdict{});
}

Reply wait(asio::io_context& loop, PendingAnswer& pending) {
  return wait_for_verdict(loop, pending).reply;
}

Reply ask(std::vector<std::string> command, LoginTurns& turns) {
  const auto policy = policy_of(std::move(command), turns);
  asio::io_context loop(1);
  const auto pending = PendingAnswer::make();
  begin(*policy, loop, *pending);
  return wait(loop, *pending);
}

bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD; }

TEST(LoginPolicy, AnswersAsTheCommandDoes) {
  LoginTurns turns;
  EXPECT_EQ(ask({"/bin/true"}, turns), server::login_accepted());
  EXPECT_EQ(ask({"/bin/false"}, turns), server::login_refused());
  EXPECT_EQ(ask({"/bin/sh", "-c", "exit 2"}, turns), server::login_unavailable());
  EXPECT_EQ(ask({"/nowhere/program"}, turns), server::login_unavailable());
}

TEST(LoginPolicy, PassesTheReasonOn) {
  LoginTurns turns;
  const auto policy = policy_of({"/nowhere/program"}, turns);
  asio::io_context loop(1);
  const auto pending = PendingAnswer::make();
  begin(*policy, loop, *pending);
  EXPECT_EQ(wait_for_verdict(loop, *pending).reason,
            "/nowhere/program: cannot be started: No such file or directory");
}

TEST(LoginPolicy, IsBusyWhenTooManyWait) {
  LoginTurns turns(1, 1);
  const auto policy = policy_of({"/bin/sleep", "60"}, turns);
  {
    asio::io_context loop(1);
    const auto first = PendingAnswer::make();
    const auto second = PendingAnswer::make();
    begin(*policy, loop, *first);
    begin(*policy, loop, *second);
    EXPECT_FALSE(first->take());
    const auto verdict = second->take();
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->reply, server::logins_busy());
  }
  EXPECT_EQ(ask({"/bin/true"}, turns), server::login_accepted()) << "the place is free again";
}

// A reload replaces the policy, and the last session of the old one may end first.
TEST(LoginPolicy, MayEndBeforeItsChecks) {
  LoginTurns turns;
  auto policy = policy_of({"/bin/true"}, turns);
  asio::io_context loop(1);
  const auto pending = PendingAnswer::make();
  begin(*policy, loop, *pending);
  policy.reset();
  EXPECT_EQ(wait(loop, *pending), server::login_accepted());
}

TEST(LoginPolicy, AnswersNobodyOnceTheSessionHasEnded) {
  LoginTurns turns(1, 1);
  const auto policy = policy_of({"/bin/true"}, turns);
  asio::io_context loop(1);
  auto pending = PendingAnswer::make();
  begin(*policy, loop, *pending);
  EXPECT_FALSE(pending->end_wait());
  pending.reset();
  loop.run();
  EXPECT_TRUE(turns.enter());
}

TEST(LoginPolicy, EndsItsCommandWithTheLoop) {
  LoginTurns turns(1, 2);
  const auto policy = policy_of({"/bin/sleep", "60"}, turns);
  const auto running = PendingAnswer::make();
  const auto waiting = PendingAnswer::make();
  {
    asio::io_context loop(1);
    begin(*policy, loop, *running);
    begin(*policy, loop, *waiting);
    loop.poll();
    EXPECT_TRUE(has_children());
  }
  EXPECT_FALSE(has_children()) << "running, or a zombie";
  for (const auto* pending : {&running, &waiting}) {
    const auto verdict = (*pending)->take();
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->reply.code, 451);
  }
  EXPECT_EQ(ask({"/bin/true"}, turns), server::login_accepted()) << "their places are free";
}

}  // namespace
}  // namespace postroad::http
