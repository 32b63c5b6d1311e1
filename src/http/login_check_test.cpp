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
    EXPECT_EQ(check.check(credentials, "[192.0.2.1]:4711"), expected) << program;
    const auto before = ::signal(SIGCHLD, SIG_IGN);
    EXPECT_EQ(check.check(credentials, "[192.0.2.1]:4711"), LoginVerdict::not_now) << program;
    ::signal(SIGCHLD, before);
  }
}

}  // namespace
}  // namespace postroad::http
