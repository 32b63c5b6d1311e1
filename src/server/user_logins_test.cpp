// Password checks against the users file, on a bounded number of threads.
#include "server/user_logins.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <future>
#include <new>
#include <thread>

namespace postroad::server {
namespace {

std::shared_ptr<const Users> ann() {
  auto users = std::make_shared<Users>();
  EXPECT_TRUE(users->set("ann", Secret("right")));
  return users;
}

Reply ask(UserLogins& policy, const std::string& user, const std::string& password) {
  const auto pending = PendingAnswer::make();
  sasl::Credentials credentials;
  credentials.user = user;
  credentials.password = Secret(password);
  policy.auth({}, credentials, Answer(*pending));
  boost::asio::io_context loop;
  boost::asio::steady_timer timer(loop, std::chrono::seconds(20));
  if (pending->wake(timer)) {
    timer.async_wait([](boost::system::error_code) {});
    loop.run();
  }
  const auto verdict = pending->end_wait();
  return verdict ? verdict->reply : Reply{};
}

TEST(UserLogins, AcceptTheRightPasswordOnly) {
  LoginWorkers workers(1);
  UserLogins policy(ann(), workers, true);
  EXPECT_EQ(ask(policy, "ann", "right"), login_accepted());
  EXPECT_EQ(ask(policy, "ann", "wrong"), login_refused());
  EXPECT_EQ(ask(policy, "ann", ""), login_refused());
  EXPECT_EQ(ask(policy, "bob", "right"), login_refused());
}

TEST(UserLogins, LeaveUnknownUsersToTheNextPolicy) {
  LoginWorkers workers(1);
  UserLogins policy(ann(), workers, false);
  EXPECT_EQ(ask(policy, "bob", "right").code, 0);
  EXPECT_EQ(ask(policy, "ann", "wrong"), login_refused());
}

TEST(UserLogins, AreBusyWhenTooManyWait) {
  LoginWorkers workers(1, 2);
  UserLogins policy(ann(), workers, true);
  std::promise<void> go_on;
  const auto held = go_on.get_future().share();
  ASSERT_TRUE(workers.post([held] { held.wait(); }));
  ASSERT_TRUE(workers.post([held] { held.wait(); }));
  EXPECT_EQ(ask(policy, "ann", "right"), logins_busy());
  go_on.set_value();
}

// Each way in which a job ends leaves its place to the next one.
TEST(LoginWorkers, GiveThePlaceOfEveryJobBack) {
  const auto busy = std::make_shared<int>(0);
  {
    LoginWorkers workers(1, 1);
    const auto run = [&](auto job) {
      while (!workers.post(job)) std::this_thread::yield();
    };
    for (int i = 0; i < 3; ++i) {
      run([busy] {});
      run([busy] { throw std::bad_alloc(); });
      run([busy] { throw 42; });
    }
    std::promise<void> ran;
    run([&ran, busy] { ran.set_value(); });
    ran.get_future().wait();
  }
  EXPECT_EQ(busy.use_count(), 1) << "a job that ended is still there";
}

// A login gets 454 while the job queue is full, and is checked again once the jobs have run.
TEST(UserLogins, AreCheckedAgainWhenThoseBeforeThemHaveEnded) {
  LoginWorkers workers(1, 1);
  UserLogins policy(ann(), workers, true);
  std::promise<void> go_on;
  const auto held = go_on.get_future().share();
  ASSERT_TRUE(workers.post([held] { held.wait(); }));
  EXPECT_EQ(ask(policy, "ann", "right"), logins_busy());
  go_on.set_value();
  for (;;) {
    const auto reply = ask(policy, "ann", "right");
    if (reply == logins_busy()) continue;
    EXPECT_EQ(reply, login_accepted());
    break;
  }
}

}  // namespace
}  // namespace postroad::server
