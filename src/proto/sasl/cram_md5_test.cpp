// CRAM-MD5 against the example of RFC 2195 section 2, and against malformed responses.
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "crypto/hmac_md5.hpp"
#include "proto/sasl/mechanism.hpp"

namespace postroad::sasl {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

const std::string challenge = "<1896.697170952@postoffice.reston.mci.net>";
const std::string answer = "tim b913a602c7eda7a495b4e6e7334d3890";

Keys keys_of(std::string_view password, bool is_known = true) {
  Keys keys;
  keys.cram_md5 = crypto::hmac_md5_key(password);
  keys.is_known = is_known;
  return keys;
}

std::unique_ptr<Server> asked() {
  Context context;
  context.host = "postoffice.reston.mci.net";
  context.nonce = "1896.697170952";
  auto server = make_server("CRAM-MD5", context);
  EXPECT_EQ(server->step(std::nullopt).challenge, challenge);
  return server;
}

TEST(CramMd5, Rfc2195Client) {
  const auto client =
      make_client("CRAM-MD5", {.user = "tim", .password = Secret("tanstaaftanstaaf")}, {});
  EXPECT_FALSE(client->initial());
  const auto said = client->respond(challenge);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->response, answer);
  EXPECT_EQ(said->stage, Stage::auth_cram_md5);
  EXPECT_EQ(client->doubt(), "");
}

TEST(CramMd5, Rfc2195Server) {
  const auto server = asked();
  EXPECT_EQ(server->step(answer).wants_keys_of, "tim");
  const auto step = server->take_keys(keys_of("tanstaaftanstaaf"));
  ASSERT_TRUE(step.credentials);
  EXPECT_EQ(step.credentials->user, "tim");
  EXPECT_EQ(step.credentials->proven, true);
}

TEST(CramMd5, ADigestInUpperCaseIsAccepted) {
  const auto server = asked();
  (void)server->step("tim " + upper(answer.substr(4)));
  EXPECT_EQ(server->take_keys(keys_of("tanstaaftanstaaf")).credentials->proven, true);
}

TEST(CramMd5, WrongPasswordsAndUnknownUsersProveNothing) {
  for (const auto& keys :
       {keys_of("tanstaaftanstaaF"), keys_of(""), keys_of("tanstaaftanstaaf", false), Keys{}}) {
    const auto server = asked();
    (void)server->step(answer);
    EXPECT_EQ(server->take_keys(keys).credentials->proven, false);
  }
}

TEST(CramMd5, AUserWithoutAKeyCannotLogIn) {
  // A user without a CRAM-MD5 key: the value that stands for an absent key must not log in.
  for (const auto& absent : {""s, "short"s, std::string(31, '\0'), std::string(33, '\0')}) {
    const auto server = asked();
    (void)server->step("tim " + crypto::hmac_md5(std::string(32, '\0'), challenge));
    Keys keys;
    keys.is_known = true;
    keys.cram_md5 = absent;
    EXPECT_EQ(server->take_keys(keys).credentials->proven, false) << absent.size();
  }
}

TEST(CramMd5, AUserNameMayHaveSpaces) {
  const auto server = asked();
  EXPECT_EQ(server->step("tim the \xc3\xa9 " + answer.substr(4)).wants_keys_of, "tim the \xc3\xa9");
}

TEST(CramMd5, MalformedResponses) {
  const auto digest = answer.substr(4);
  for (const auto& bad : {""s, " "s, "tim"s, "tim "s, digest, ' ' + digest, "tim " + digest + '0',
                          "tim " + digest.substr(1), "tim  "s, "tim\t" + digest, "\xff " + digest,
                          "t\0m "s + digest, "tim " + digest + ' '}) {
    const auto step = asked()->step(bad);
    EXPECT_FALSE(step.error.empty()) << testing::PrintToString(bad);
    EXPECT_FALSE(step.wants_keys_of || step.credentials);
  }
  EXPECT_FALSE(make_server("CRAM-MD5", {})->step(answer).error.empty());  // initial response
  EXPECT_FALSE(make_server("CRAM-MD5", {})->step("").error.empty());
}

TEST(CramMd5, ChallengesDiffer) {
  Context context;
  context.host = "mail.example";
  std::string before;
  for (int i = 0; i < 100; ++i) {
    const auto now = *make_server("CRAM-MD5", context)->step(std::nullopt).challenge;
    EXPECT_NE(now, before);
    EXPECT_TRUE(now.starts_with('<') && now.ends_with("@mail.example>"));
    before = now;
  }
}

TEST(Row21, CramAnswersOnce) {
  const auto client = make_client("CRAM-MD5", {.user = "tim", .password = Secret("p")}, {});
  EXPECT_TRUE(client->respond(challenge));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(client->respond(challenge));
}

}  // namespace
}  // namespace postroad::sasl
