// Every mechanism with both its ends against each other: names and passwords of all kinds, each
// message truncated or with one byte changed, and which mechanisms may be used and offered.
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "proto/sasl/test_exchange.hpp"

namespace postroad::sasl {
namespace {

using namespace std::string_literals;

Context context_of(std::string_view mechanism) {
  Context context;
  context.host = "mail.example";
  context.port = 587;
  if (mechanism.ends_with("-PLUS")) {
    context.binding = {"exporter", "end point"};
    context.binding_is_offered = true;
  }
  return context;
}

bool is_token(std::string_view mechanism) {
  return mechanism.find("OAUTH") != std::string_view::npos;
}
bool is_proof(std::string_view mechanism) {
  return mechanism.starts_with("SCRAM") || mechanism == "CRAM-MD5";
}

Exchanged meet(std::string_view mechanism, const std::string& user, const std::string& secret,
               const TestUsers& users, const std::string& authorize_as = {},
               const InBetween& in_between = {}, bool initial_allowed = true) {
  Credentials credentials{.user = user, .authorize_as = authorize_as};
  (is_token(mechanism) ? credentials.token : credentials.password) = Secret(std::string(secret));
  const auto context = context_of(mechanism);
  const auto client = make_client(mechanism, credentials, context);
  const auto server = make_server(mechanism, context);
  return exchange(*client, *server, users, mechanism, in_between, initial_allowed);
}

std::vector<std::string_view> of_secrets() {
  auto names = mechanisms();
  std::erase(names, "EXTERNAL");
  return names;
}

TEST(Exchange, NamesAndPasswordsOfAllKinds) {
  for (const auto name : of_secrets()) {
    for (const auto& user :
         {"user"s, "a,b"s, "a=b"s, "=2C"s, ",,,==="s, "t\xc3\xa9st"s, "\xe7\xab\xa0@\xe4\xbe\x8b"s,
          "two words"s, "user@mail.example"s, std::string(200, 'u')}) {
      for (const auto& password :
           {"pencil"s, "p"s, "s e=c\xc3\xa9t,"s, "\xf0\x9f\x94\x91"s, std::string(300, 'p'),
            std::string(64, 'x'), std::string(65, 'x')}) {
        const TestUsers users{{{user, password}}};
        for (const bool initial_allowed : {true, false}) {
          const auto done = meet(name, user, password, users, {}, {}, initial_allowed);
          EXPECT_TRUE(done.accepted && done.believed && !done.cancelled)
              << name << ' ' << user << ' ' << password << ' ' << done.error;
          ASSERT_TRUE(done.credentials);
          EXPECT_EQ(done.credentials->user, user);
        }
      }
    }
  }
}

TEST(Exchange, AWrongPasswordAndAnUnknownUserAreRefused) {
  const TestUsers users{{{"user", "pencil"}, {"other", "pen"}}};
  for (const auto name : of_secrets()) {
    EXPECT_TRUE(meet(name, "user", "pencil", users).accepted) << name;
    for (const auto& [user, secret] : std::map<std::string, std::string>{{"user", "pen"},
                                                                         {"User", "pencil"},
                                                                         {"nobody", "pencil"},
                                                                         {"nobody2", "nobody's"},
                                                                         {"other", "pencil"},
                                                                         {"user ", "pencil"},
                                                                         {"use", "pencil"},
                                                                         {"user2", "nobody's"}}) {
      const auto done = meet(name, user, secret, users);
      EXPECT_FALSE(done.accepted) << name << ' ' << user;
      if (name.starts_with("SCRAM")) {
        EXPECT_FALSE(done.believed) << name << ' ' << user;
      }
    }
  }
}

TEST(Exchange, TheAuthorizationIdentityArrives) {
  const TestUsers users{{{"user", "pencil"}}};
  for (const std::string_view name :
       {"SCRAM-SHA-256", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "PLAIN"}) {
    for (const auto& as : {"admin"s, "a,b=c"s, "\xc3\xa9"s}) {
      const auto done = meet(name, "user", "pencil", users, as);
      ASSERT_TRUE(done.credentials) << name << done.error;
      EXPECT_EQ(done.credentials->authorize_as, as) << name;
      EXPECT_FALSE(done.accepted) << name;
    }
    EXPECT_TRUE(meet(name, "user", "pencil", users, "user").accepted) << name;
  }
}

// Changing a byte of one message neither logs in nor breaks anything.
TEST(Exchange, EveryChangedByteIsDetected) {
  const TestUsers users{{{"user", "pencil"}}, 2};
  for (const auto name : of_secrets()) {
    const auto right = meet(name, "user", "pencil", users);
    ASSERT_TRUE(right.accepted && right.believed) << name;
    for (std::size_t number = 0; number < right.said.size(); ++number) {
      for (std::size_t at = 0; at < right.said[number].size(); ++at) {
        for (const int mask : {0x01, 0x10, 0x80}) {
          bool is_clients = false;
          const auto done = meet(name, "user", "pencil", users, {},
                                 [&](std::size_t now, bool clients, std::string& text) {
                                   if (now != number || at >= text.size()) return;
                                   is_clients = clients;
                                   text[at] = static_cast<char>(text[at] ^ mask);
                                 });
          // The text of LOGIN's prompts and the host and port of OAUTHBEARER have no effect.
          if (name == "OAUTHBEARER" || (!is_clients && !is_proof(name))) continue;
          EXPECT_FALSE(done.accepted && done.believed)
              << name << " message " << number << " byte " << at << " mask " << mask;
        }
      }
    }
  }
}

TEST(Exchange, EveryTruncatedMessageIsDetected) {
  const TestUsers users{{{"user", "pencil"}}, 2};
  for (const auto name : of_secrets()) {
    const auto right = meet(name, "user", "pencil", users);
    for (std::size_t number = 0; number < right.said.size(); ++number) {
      for (std::size_t size = 0; size < right.said[number].size(); ++size) {
        bool is_clients = false;
        const auto done = meet(name, "user", "pencil", users, {},
                               [&](std::size_t now, bool clients, std::string& text) {
                                 if (now != number) return;
                                 is_clients = clients;
                                 text.resize(std::min(size, text.size()));
                               });
        if (!is_clients && !is_proof(name)) continue;
        EXPECT_FALSE(done.accepted && done.believed)
            << name << " message " << number << " cut to " << size;
      }
    }
  }
}

TEST(Exchange, ARecordedExchangeCannotBeReplayed) {
  const TestUsers users{{{"user", "pencil"}}};
  for (const auto name : of_secrets()) {
    if (!is_proof(name)) continue;
    const auto heard = meet(name, "user", "pencil", users);
    const auto context = context_of(name);
    const auto server = make_server(name, context);
    std::optional<Server::Move> step;
    std::size_t next = 0;
    if (name == "CRAM-MD5") {
      step = server->step(std::nullopt);
      next = 1;
    } else {
      step = server->step(heard.said[0]);
      step = server->take_keys(users.keys("user", name));
      next = 2;
    }
    ASSERT_TRUE(step->challenge);
    step = server->step(heard.said[next]);
    if (step->wants_keys_of) step = server->take_keys(users.keys("user", name));
    EXPECT_FALSE(step->credentials && users.accept(*step->credentials)) << name;
  }
}

TEST(External, TheCertificatesNameIsTheUser) {
  Context context;
  context.peer_name = "user@mail.example";
  for (const bool initial_allowed : {true, false}) {
    for (const auto& as : {""s, "user@mail.example"s, "admin"s}) {
      const auto client =
          make_client("EXTERNAL", {.authorize_as = as, .certificate = true}, context);
      const auto server = make_server("EXTERNAL", context);
      const auto done = exchange(*client, *server, {}, "EXTERNAL", {}, initial_allowed);
      ASSERT_TRUE(done.credentials);
      EXPECT_EQ(done.credentials->user, "user@mail.example");
      EXPECT_EQ(done.credentials->authorize_as, as);
      EXPECT_EQ(done.credentials->proven, true);
    }
  }
  for (const auto& bad : {"\xff"s, "a\0b"s})
    EXPECT_FALSE(make_server("EXTERNAL", context)->step(bad).error.empty());
}

TEST(External, Row21TheNameIsSentOnce) {
  const auto client = make_client("EXTERNAL", {.certificate = true}, {});
  EXPECT_EQ(client->initial()->response, "");
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(client->respond(""));
}

TEST(Mechanisms, CredentialsDecideTheMechanisms) {
  Context bound;
  bound.binding = {"exporter", ""};
  const auto usable = [](const Credentials& credentials, const Context& context) {
    std::string found;
    for (const auto name : mechanisms()) {
      if (may_use(name, credentials, context)) (found += found.empty() ? "" : " ") += name;
    }
    return found;
  };
  const Credentials password{.user = "u", .password = Secret("p")};
  const Credentials token{.user = "u", .token = Secret("t")};
  EXPECT_EQ(usable(password, {}), "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN");
  EXPECT_EQ(usable(password, bound),
            "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN");
  EXPECT_EQ(usable(token, bound), "OAUTHBEARER XOAUTH2");
  EXPECT_EQ(usable({.certificate = true}, bound), "EXTERNAL");
  // A password or a token is preferred to the certificate.
  EXPECT_EQ(usable({.user = "u", .token = Secret("t"), .certificate = true}, {}),
            "OAUTHBEARER XOAUTH2");
  EXPECT_EQ(usable({}, bound), "");
  EXPECT_FALSE(may_use("NTLM", password, bound));
}

TEST(Mechanisms, WhatAServerCanOffer) {
  Context bound;
  bound.binding = {"", "end point"};
  Context named;
  named.peer_name = "user";
  for (const auto name : mechanisms()) {
    const bool plus = name.ends_with("-PLUS");
    const bool external = name == "EXTERNAL";
    EXPECT_EQ(may_offer(name, {}), !plus && !external) << name;
    EXPECT_EQ(may_offer(name, bound), !external) << name;
    EXPECT_EQ(may_offer(name, named), !plus) << name;
  }
  EXPECT_FALSE(may_offer("NTLM", bound));
}

}  // namespace
}  // namespace postroad::sasl
