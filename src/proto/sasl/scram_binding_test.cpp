// SCRAM with channel binding (RFC 5802 section 6): both ends must see the same TLS connection, and
// a downgrade is detected.
#include <gtest/gtest.h>

#include "proto/sasl/makers.hpp"
#include "proto/sasl/test_exchange.hpp"

namespace postroad::sasl {
namespace {

Credentials login(std::string user, std::string password) {
  return {.user = std::move(user), .password = Secret(std::move(password))};
}

Exchanged meet_bound(std::string_view mechanism, const Context& at_client, const Context& at_server,
                     std::string_view server_mechanism = {}) {
  const TestUsers users{{{"user", "pencil"}}};
  const auto client = make_client(mechanism, login("user", "pencil"), at_client);
  const auto server =
      make_server(server_mechanism.empty() ? mechanism : server_mechanism, at_server);
  return exchange(*client, *server, users, mechanism);
}

Context bound(std::string exporter, std::string end_point, bool is_offered = true) {
  Context context;
  context.binding = {std::move(exporter), std::move(end_point)};
  context.binding_is_offered = is_offered;
  return context;
}

TEST(ScramBinding, TheSameConnectionIsAccepted) {
  for (const std::string_view name : {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"}) {
    for (const auto& context :
         {bound("exporter", "point"), bound("exporter", ""), bound("", "point")}) {
      const auto done = meet_bound(name, context, context);
      EXPECT_TRUE(done.accepted && done.believed) << name << done.error;
    }
    // A client that knows the server's certificate only.
    const auto done = meet_bound(name, bound("", "point"), bound("exporter", "point"));
    EXPECT_TRUE(done.accepted && done.believed) << done.error;
  }
}

TEST(ScramBinding, AnotherConnectionIsRefused) {
  for (const std::string_view name : {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"}) {
    for (const auto& [client, server] : std::vector<std::pair<Context, Context>>{
             {bound("exporter", "point"), bound("other", "point")},
             {bound("exporter", "point"), bound("exporterx", "point")},
             {bound("exporter", "point"), bound("", "point")},
             {bound("", "point"), bound("", "other")},
             {bound("", "point"), bound("exporter", "")},
             {bound("exporter", "point"), bound("", "")},
             {bound("", ""), bound("", "")}}) {
      const auto done = meet_bound(name, client, server);
      EXPECT_FALSE(done.accepted || done.believed) << name;
    }
  }
}

TEST(ScramBinding, ADowngradeIsDetected) {
  for (const std::string_view name : {"SCRAM-SHA-1", "SCRAM-SHA-256"}) {
    // The client supports it, and -PLUS was removed from the list.
    const auto between = meet_bound(name, bound("e", "p", false), bound("e", "p", true));
    EXPECT_FALSE(between.accepted || between.believed) << name;
    EXPECT_FALSE(between.error.empty());
    // The server does not offer it: "y" is true.
    const auto honest = meet_bound(name, bound("e", "p", false), bound("e", "p", false));
    EXPECT_TRUE(honest.accepted && honest.believed) << name << honest.error;
    // The client does not support it, or it is disabled.
    const auto cannot = meet_bound(name, {}, bound("e", "p", true));
    EXPECT_TRUE(cannot.accepted && cannot.believed) << name << cannot.error;
    const auto told = meet_bound(name, bound("e", "p", true), bound("e", "p", true));
    EXPECT_TRUE(told.accepted && told.believed) << name << told.error;
  }
}

TEST(ScramBinding, AChangedFlagIsDetected) {
  const TestUsers users{{{"user", "pencil"}}};
  const auto context = bound("e", "p", false);
  const auto client = make_client("SCRAM-SHA-256", login("user", "pencil"), context);
  const auto server = make_server("SCRAM-SHA-256", bound("e", "p", true));
  const auto done = exchange(*client, *server, users, "SCRAM-SHA-256",
                             [](std::size_t number, bool, std::string& text) {
                               if (number == 0) text.front() = 'n';
                             });
  EXPECT_FALSE(done.accepted || done.believed);
}

TEST(ScramBinding, TheFlagMustFitTheMechanism) {
  const auto step = [](std::string_view name, std::string_view flag) {
    return make_server(name, bound("exporter", "point"))->step(std::string(flag) + ",,n=user,r=ab");
  };
  for (const std::string_view name : {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"}) {
    for (const std::string_view flag :
         {"n", "y", "", "p", "p=", "p=tls-unique", "p=TLS-EXPORTER", "p=tls-exporter ", "x"})
      EXPECT_FALSE(step(name, flag).error.empty()) << name << ' ' << flag;
    EXPECT_TRUE(step(name, "p=tls-exporter").wants_keys_of);
    EXPECT_TRUE(step(name, "p=tls-server-end-point").wants_keys_of);
  }
  for (const std::string_view name : {"SCRAM-SHA-1", "SCRAM-SHA-256"})
    EXPECT_FALSE(step(name, "p=tls-exporter").error.empty()) << name;
}

}  // namespace
}  // namespace postroad::sasl
