// PLAIN and LOGIN, both ends: against tables, and against each other. Base64 and the AUTH command
// belong to SMTP and are tested by tests/transcripts/.
#include "proto/sasl/mechanism.hpp"

#include <gtest/gtest.h>

namespace postroad::sasl {
namespace {

using namespace std::string_view_literals;

Credentials credentials(std::string user, std::string password, std::string authorize_as = {}) {
  return {.user = std::move(user),
          .authorize_as = std::move(authorize_as),
          .password = Secret(std::move(password))};
}

TEST(Mechanisms, EveryOneHasBothEnds) {
  for (const auto name : mechanisms()) {
    EXPECT_NE(make_server(name, {}), nullptr) << name;
    EXPECT_NE(make_client(name, credentials("u", "p"), {}), nullptr) << name;
  }
  for (const std::string_view none : {"", "plain", "PLAIN ", "NTLM"}) {
    EXPECT_EQ(make_server(none, {}), nullptr) << none;
    EXPECT_EQ(make_client(none, credentials("u", "p"), {}), nullptr) << none;
  }
}

TEST(Mechanisms, ClientAndServerWorkTogether) {
  for (const std::string_view name : {"PLAIN", "LOGIN"}) {
    for (const bool initial_allowed : {true, false}) {
      const auto client = make_client(name, credentials("t\xc3\xa9st", "s e=c\xc3\xa9t"), {});
      const auto server = make_server(name, {});
      auto held = client->initial();
      auto step = held && initial_allowed ? server->step(std::exchange(held, {})->response)
                                          : server->step(std::nullopt);
      for (int i = 0; i < 5 && step.challenge; ++i) {
        const auto answer = held ? std::exchange(held, {}) : client->respond(*step.challenge);
        ASSERT_TRUE(answer) << name;
        EXPECT_TRUE(answer->secret) << name;
        step = server->step(answer->response);
      }
      ASSERT_TRUE(step.credentials) << name << ' ' << step.error;
      EXPECT_EQ(step.credentials->user, "t\xc3\xa9st");
      EXPECT_EQ(step.credentials->password.reveal(), "s e=c\xc3\xa9t");
    }
  }
}

TEST(Plain, Server) {
  const auto step = [](std::string_view response) {
    return make_server("PLAIN", {})->step(response);
  };
  const auto right = step("admin\0user\0pass"sv);
  ASSERT_TRUE(right.credentials);
  EXPECT_EQ(right.credentials->authorize_as, "admin");
  EXPECT_EQ(right.credentials->user, "user");
  EXPECT_EQ(right.credentials->password.reveal(), "pass");
  for (const auto bad : {""sv, "user\0pass"sv, "\0\0pass"sv, "\0user\0pass\0"sv, "user"sv,
                         "\0\xff\0pass"sv, "\0user\0\xff"sv}) {
    const auto wrong = step(bad);
    EXPECT_FALSE(wrong.credentials) << testing::PrintToString(bad);
    EXPECT_FALSE(wrong.challenge);
    EXPECT_FALSE(wrong.error.empty());
  }
}

TEST(Login, ServerTakesTheUserFirstOrAsAnInitialResponse) {
  const auto asked = make_server("LOGIN", {});
  EXPECT_EQ(asked->step(std::nullopt).challenge, "Username:");
  EXPECT_EQ(asked->step("user").challenge, "Password:");
  EXPECT_EQ(asked->step("pass").credentials->password.reveal(), "pass");
  const auto initial = make_server("LOGIN", {});
  EXPECT_EQ(initial->step("user").challenge, "Password:");
  EXPECT_TRUE(initial->step("pass").credentials);
  for (const auto bad : {""sv, "a\0b"sv, "\xff"sv}) {
    EXPECT_FALSE(make_server("LOGIN", {})->step(bad).error.empty());
    const auto second = make_server("LOGIN", {});
    (void)second->step("user");
    EXPECT_FALSE(second->step(bad).error.empty());
  }
}

TEST(Row21, TheClientSendsItsPasswordOnce) {
  const auto login = make_client("LOGIN", credentials("user", "pass"), {});
  EXPECT_FALSE(login->initial());
  EXPECT_EQ(login->respond("anything")->stage, Stage::username);
  EXPECT_EQ(login->respond("Username:")->stage, Stage::password);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(login->respond("Password:"));
  const auto plain = make_client("PLAIN", credentials("user", "pass", "admin"), {});
  EXPECT_EQ(plain->initial()->response, "admin\0user\0pass"sv);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(plain->respond(""));
}

}  // namespace
}  // namespace postroad::sasl
