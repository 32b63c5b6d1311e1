// OAUTHBEARER in the form of RFC 7628 §4.1, XOAUTH2 in Google's, and refused tokens.
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "proto/sasl/mechanism.hpp"

namespace postroad::sasl {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

Credentials token(std::string user, std::string text) {
  return {.user = std::move(user), .token = Secret(std::move(text))};
}

TEST(OauthBearer, Rfc7628Client) {
  Context context;
  context.host = "server.example.com";
  context.port = 143;
  const auto client =
      make_client("OAUTHBEARER",
                  token("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="), context);
  const auto first = client->initial();
  EXPECT_EQ(base64_encode(first->response),
            "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVh"
            "cmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB");
  EXPECT_TRUE(first->secret);
  EXPECT_EQ(first->stage, Stage::auth_oauthbearer);
}

TEST(OauthBearer, Server) {
  for (const auto text : {"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
                          "auth=Bearer to.ken==\x01\x01"sv,
                          "n,a=user@example.com,\x01"
                          "auth=bearer to.ken==\x01\x01"sv,
                          "y,a=user@example.com,\x01"
                          "auth=BEARER to.ken==\x01port=143\x01\x01"sv}) {
    const auto step = make_server("OAUTHBEARER", {})->step(text);
    ASSERT_TRUE(step.credentials) << step.error;
    EXPECT_EQ(step.credentials->user, "user@example.com");
    EXPECT_EQ(step.credentials->token.reveal(), "to.ken==");
    EXPECT_FALSE(step.credentials->proven);
    EXPECT_TRUE(step.on_failure->starts_with('{') && step.on_failure->ends_with('}'));
  }
  const auto named = make_server("OAUTHBEARER", {})
                         ->step(
                             "n,a=a=2Cb=3Dc,\x01"
                             "auth=Bearer t\x01\x01"sv);
  EXPECT_EQ(named.credentials->user, "a,b=c");
}

TEST(OauthBearer, MalformedMessagesAreRefused) {
  for (const auto bad : {""sv,
                         "\x01"sv,
                         "n,,\x01"sv,
                         "n,a=user,"sv,
                         "n,a=user,\x01\x01"sv,  // no auth
                         "n,,\x01"
                         "auth=Bearer t\x01\x01"sv,  // no user
                         "n,a=,\x01"
                         "auth=Bearer t\x01\x01"sv,  //
                         "p=tls-exporter,a=user,\x01"
                         "auth=Bearer t\x01\x01"sv,  // no channel binding here
                         "n,user,\x01"
                         "auth=Bearer t\x01\x01"sv,  //
                         "n,a=us=er,\x01"
                         "auth=Bearer t\x01\x01"sv,  //
                         "n,a=user,x,\x01"
                         "auth=Bearer t\x01\x01"sv,  //
                         "n,a=user,\x01"
                         "auth=Bearer t\x01"sv,  // half an end
                         "n,a=user,\x01"
                         "auth=Bearer t"sv,  // none
                         "n,a=user,\x01"
                         "auth=Bearer \x01\x01"sv,  // no token
                         "n,a=user,\x01"
                         "auth=Bearer\x01\x01"sv,  //
                         "n,a=user,\x01"
                         "auth=Basic t\x01\x01"sv,  //
                         "n,a=user,\x01"
                         "auth=t\x01\x01"sv,  //
                         "n,a=user,\x01"
                         "xauth=Bearer t\x01\x01"sv,  //
                         "n,a=u\0ser,\x01"
                         "auth=Bearer t\x01\x01"sv,  //
                         "n,a=user,\x01"
                         "auth=Bearer \xff\x01\x01"sv,  //
                         "user=user\x01"
                         "auth=Bearer t\x01\x01"sv}) {  // XOAUTH2
    const auto step = make_server("OAUTHBEARER", {})->step(bad);
    EXPECT_FALSE(step.credentials) << testing::PrintToString(bad);
    EXPECT_FALSE(step.error.empty()) << testing::PrintToString(bad);
  }
}

TEST(Xoauth2, GooglesExample) {
  const auto client = make_client(
      "XOAUTH2", token("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"),
      {});
  const auto first = client->initial();
  EXPECT_EQ(base64_encode(first->response),
            "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNr"
            "QmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==");
  const auto step = make_server("XOAUTH2", {})->step(first->response);
  ASSERT_TRUE(step.credentials);
  EXPECT_EQ(step.credentials->user, "someuser@example.com");
  EXPECT_EQ(step.credentials->token.reveal(), "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
}

TEST(Xoauth2, MalformedMessagesAreRefused) {
  for (const auto bad : {""sv, "\x01\x01"sv, "user=u\x01\x01"sv,  //
                         "auth=Bearer t\x01\x01"sv,               //
                         "user=\x01"
                         "auth=Bearer t\x01\x01"sv,  //
                         "user=u\x01"
                         "auth=Bearer t\x01"sv,  //
                         "user=u\x01"
                         "auth=Bearer t"sv,  //
                         "user=u\x01"
                         "auth=Bearer \x01\x01"sv,  //
                         "user=u\x01"
                         "auth=Basic t\x01\x01"sv,  //
                         "user=u\0\x01"
                         "auth=Bearer t\x01\x01"sv,  //
                         "user=\xff\x01"
                         "auth=Bearer t\x01\x01"sv,  //
                         "n,a=u,\x01"
                         "auth=Bearer t\x01\x01"sv}) {
    const auto step = make_server("XOAUTH2", {})->step(bad);
    EXPECT_FALSE(step.credentials) << testing::PrintToString(bad);
    EXPECT_FALSE(step.error.empty()) << testing::PrintToString(bad);
  }
}

TEST(Row20, AChallengeInPlaceOf235SaysWhyATokenWasRefused) {
  const auto words = R"({"status":"401","schemes":"bearer","scope":"https://mail.example/"})"s;
  for (const std::string_view name : {"XOAUTH2", "OAUTHBEARER"}) {
    const auto client = make_client(name, token("user", "t"), {});
    (void)client->initial();
    EXPECT_EQ(client->failure(), "");
    const auto answer = client->respond(words);
    ASSERT_TRUE(answer) << name;
    EXPECT_EQ(answer->response, name == "XOAUTH2" ? ""s : "\x01"s);  // RFC 7628 section 3.2.3
    EXPECT_FALSE(answer->secret);
    EXPECT_EQ(client->failure(), words);
    const auto silent = make_client(name, token("user", "t"), {});
    (void)silent->initial();
    (void)silent->respond("");
    EXPECT_EQ(silent->failure(), "the token was refused");
  }
}

TEST(Row21, OauthAnswersOnce) {
  for (const std::string_view name : {"XOAUTH2", "OAUTHBEARER"}) {
    const auto client = make_client(name, token("user", "t"), {});
    (void)client->initial();
    EXPECT_TRUE(client->respond("{}"));
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(client->respond("{}")) << name;
  }
}

}  // namespace
}  // namespace postroad::sasl
