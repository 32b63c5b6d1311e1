// A login command whose exit code is lost never counts as a correct password.
#include "http/login_check.hpp"

#include <gtest/gtest.h>
#include <signal.h>

namespace postroad::http {
namespace {

// If SIGCHLD is ignored, the kernel discards the exit code of the command.
TEST(LoginCommand, WithoutAnExitCodeAcceptsNobody) {
  for (const auto& [program, expected] : {std::pair{"/bin/false", LoginVerdict::wrong},
                                          std::pair{"/bin/true", LoginVerdict::right}}) {
    LoginCheckSettings settings;
    settings.command = {program};
    const LoginCheck check(settings);
    const sasl::Credentials credentials{};
    const auto ask = [&] {
      return check.check(credentials, "[192.0.2.1]:4711",
                         check.deadline(LoginCheck::Time::clock::now()));
    };
    EXPECT_EQ(ask(), expected) << program;
    const auto before = ::signal(SIGCHLD, SIG_IGN);
    EXPECT_EQ(ask(), LoginVerdict::not_now) << program;
    ::signal(SIGCHLD, before);
  }
}

// A login that waited its whole time for a thread is answered at once, and the backend not asked.
TEST(LoginCommand, IsNotRunAfterTheDeadline) {
  LoginCheckSettings settings;
  settings.command = {"/bin/true"};
  const LoginCheck check(settings);
  const auto now = LoginCheck::Time::clock::now();
  EXPECT_EQ(check.deadline(now), now + settings.timeout);
  EXPECT_EQ(check.check({}, "[192.0.2.1]:4711", now), LoginVerdict::not_now);
  EXPECT_EQ(check.check({}, "[192.0.2.1]:4711", now + std::chrono::seconds(20)),
            LoginVerdict::right);
}

}  // namespace
}  // namespace postroad::http
