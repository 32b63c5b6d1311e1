// Sessions whose policy throws outside the hooks that have an Answer, and the guesses that logins
// cost whose check ended without a verdict.
#include <gtest/gtest.h>

#include <stdexcept>

#include "policy_support.hpp"

namespace postroad::loopback {
namespace {

using When = ScriptedPolicy::When;
using Plan = ScriptedPolicy::Plan;
using std::chrono::milliseconds;

const std::string ehlo = "EHLO client.example";
const std::string login = "AUTH PLAIN AGEAYg==";  // a, with the password b

server::ListenerSettings listener() {
  server::ListenerSettings settings;
  settings.smtp.auth = true;
  settings.smtp.allow_auth_in_clear = true;
  settings.smtp.mechanisms.emplace_back("SCRAM-SHA-256");
  return settings;
}

/// Throws where there is no Answer that a refusal could go to.
class ThrowingPolicy final : public server::SessionPolicy {
 public:
  explicit ThrowingPolicy(bool at_end) : at_end_(at_end) {}
  std::optional<sasl::Keys> keys(std::string_view, std::string_view) override {
    throw std::runtime_error("no keys today");
  }
  void closed(const server::SessionInfo&) override {
    if (at_end_) throw std::runtime_error("no end today");
  }

 private:
  bool at_end_;
};

TEST(PolicyFailure, AnExceptionForTheKeysOfAUserEndsTheSession) {
  PolicyServer server({std::make_shared<ThrowingPolicy>(false)}, listener());
  Typist client(server.port);
  (void)client.reply();
  (void)client.say(ehlo);
  EXPECT_EQ(client.say("AUTH SCRAM-SHA-256 biwsbj1hLHI9ck9wck5HZndFYmVSV2diTkVrcU8="), "");
  EXPECT_NE(server.lines.wait_for({"session.failed", "no keys today"}), "");
  EXPECT_NE(server.lines.wait_for({"session.closed", "\"ending\":\"failed\""}), "");
}

TEST(PolicyFailure, AnExceptionAtTheEndOfASessionIsLoggedAndTheOthersAreTold) {
  const auto other = std::make_shared<ScriptedPolicy>();
  PolicyServer server({std::make_shared<ThrowingPolicy>(true), other}, listener());
  {
    Typist client(server.port);
    (void)client.reply();
    EXPECT_TRUE(client.say("QUIT").starts_with("221"));
  }
  EXPECT_TRUE(other->wait_for("closed"));
  EXPECT_NE(server.lines.wait_for({"session.failed", "no end today"}), "");
  EXPECT_TRUE(Typist(server.port).reply().starts_with("220"));
}

// One guess per hour: the next session's login is asked about only if the first gave its own back.
class LoginGuess : public testing::TestWithParam<When> {};

TEST_P(LoginGuess, IsGivenBackWhenTheCheckHasNoVerdict) {
  const auto scripted =
      std::make_shared<ScriptedPolicy>(std::map<std::string, Plan>{{"auth", {GetParam(), {}, {}}}});
  server::GuardSettings limits;
  constexpr auto kind = static_cast<std::size_t>(server::Counted::failed_logins);
  limits.client[kind] = limits.login[kind] = {1, std::chrono::hours(1)};
  auto settings = listener();
  settings.policy_timeout = milliseconds(20);
  PolicyServer server({scripted}, settings, limits);
  for (std::size_t i = 1; i <= 3; ++i) {
    Typist client(server.port);
    (void)client.reply();
    (void)client.say(ehlo);
    const auto reply = client.say(login);
    EXPECT_TRUE(reply.empty() || reply.starts_with("45")) << reply;
    ASSERT_TRUE(scripted->wait_for("auth", i));
  }
  EXPECT_EQ(server.lines.count("failed_logins"), 0U);
}

INSTANTIATE_TEST_SUITE_P(Login, LoginGuess,
                         testing::Values(When::held, When::dropped, When::throws,
                                         When::throws_other));

TEST(PolicyFailure, OfALoginIsLoggedWithItsReason) {
  for (const auto& [when, reason] : {std::pair{When::held, "a policy did not answer in time"},
                                     std::pair{When::dropped, "a policy gave no answer"}}) {
    const auto scripted =
        std::make_shared<ScriptedPolicy>(std::map<std::string, Plan>{{"auth", {when, {}, {}}}});
    auto settings = listener();
    settings.policy_timeout = when == When::held ? milliseconds(20) : milliseconds(20'000);
    PolicyServer server({scripted}, settings);
    Typist client(server.port);
    (void)client.reply();
    (void)client.say(ehlo);
    EXPECT_TRUE(client.say(login).starts_with("45"));
    EXPECT_NE(server.lines.wait_for({"login.unchecked", reason}), "") << reason;
  }
}

TEST(PolicyFailure, IsNotThatAPasswordWasWrongWhichCountsAsAGuess) {
  const auto scripted = std::make_shared<ScriptedPolicy>(
      std::map<std::string, Plan>{{"auth", {When::at_once, server::login_refused(), {}}}});
  server::GuardSettings limits;
  constexpr auto kind = static_cast<std::size_t>(server::Counted::failed_logins);
  limits.client[kind] = limits.login[kind] = {1, std::chrono::hours(1)};
  PolicyServer server({scripted}, listener(), limits);
  Typist client(server.port);
  (void)client.reply();
  (void)client.say(ehlo);
  EXPECT_TRUE(client.say(login).starts_with("535"));
  EXPECT_TRUE(client.say(login).starts_with("421"));
}

}  // namespace
}  // namespace postroad::loopback
