// Settings that are dangerous or cannot work, each with the option that the message names.
#include "daemon/validation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postroad::daemon {
namespace {

using server::Role;
using testing::HasSubstr;

ListenerConfig listener(Role role, std::string address) {
  ListenerConfig made;
  made.role = role;
  made.address = std::move(address);
  made.port = 0;
  return made;
}

Settings with(ListenerConfig one) {
  Settings settings;
  settings.server.hostname = "mail.example";
  settings.local.domains = {"here.example"};
  settings.listeners = {std::move(one)};
  return settings;
}

// "option: detail" of each problem of that severity.
std::vector<std::string> found(const Settings& settings, Severity severity) {
  Problems problems;
  validate(settings, problems);
  std::vector<std::string> texts;
  for (const auto& problem : problems.all()) {
    if (problem.severity == severity) texts.push_back(problem.option + ": " + problem.detail);
  }
  return texts;
}

TEST(Validation, ACatcherOnAPublicAddressIsAHazard) {
  for (const auto* address : {"0.0.0.0", "::", "198.51.100.1"}) {
    const auto hazards = found(with(listener(Role::catcher, address)), Severity::hazard);
    ASSERT_EQ(hazards.size(), 1U) << address;
    EXPECT_THAT(hazards[0], HasSubstr("listener.0.role: a catcher on"));
  }
  for (const auto* address : {"127.0.0.1", "::1", "192.168.1.1", "fd00::1"})
    EXPECT_TRUE(found(with(listener(Role::catcher, address)), Severity::hazard).empty()) << address;
  auto restricted = listener(Role::catcher, "0.0.0.0");
  restricted.only_from = {"192.0.2.0/24"};
  EXPECT_TRUE(found(with(restricted), Severity::hazard).empty());
  restricted.only_from = {"0.0.0.0/0"};
  EXPECT_EQ(found(with(restricted), Severity::hazard).size(), 1U);
}

TEST(Validation, AnOpenRelayIsAHazard) {
  for (const auto* range : {"0.0.0.0/0", "128.0.0.0/1", "::/0", "2000::/3"}) {
    auto mx = listener(Role::mx, "0.0.0.0");
    mx.relay_from = {"192.0.2.0/24", range};
    auto settings = with(mx);
    EXPECT_TRUE(found(settings, Severity::hazard).empty()) << "no route";
    settings.delivery.smarthost = "smtp://relay.example";
    ASSERT_EQ(found(settings, Severity::hazard).size(), 1U) << range;
    EXPECT_THAT(found(settings, Severity::hazard)[0], HasSubstr("listener.0.relay_from: "));

    settings.listeners[0].relay_from.clear();
    settings.delivery.networks = {range};
    ASSERT_EQ(found(settings, Severity::hazard).size(), 1U) << range;
    EXPECT_THAT(found(settings, Severity::hazard)[0], HasSubstr("delivery.networks: "));
    settings.listeners[0].address = "127.0.0.1";
    EXPECT_TRUE(found(settings, Severity::hazard).empty());
  }
  auto mx = listener(Role::mx, "0.0.0.0");
  mx.relay_from = {"10.0.0.0/8", "fc00::/7", "2001:db8::/32"};
  auto settings = with(mx);
  settings.delivery.smarthost = "smtp://relay.example";
  EXPECT_TRUE(found(settings, Severity::hazard).empty());
}

// Hosts that may name a client can name one that may relay.
TEST(Validation, AnybodyAsAProxyIsAHazard) {
  struct {
    const char* option;
    std::vector<std::string> ListenerConfig::*member;
  } const table[] = {{"proxy_from", &ListenerConfig::proxy_from},
                     {"xclient_from", &ListenerConfig::xclient_from}};
  for (const auto& [option, member] : table) {
    for (const auto role : {Role::mx, Role::submission}) {
      auto one = listener(role, "0.0.0.0");
      one.tls = smtp::TlsMode::required;
      for (const auto* range : {"0.0.0.0/0", "128.0.0.0/1", "::/0"}) {
        one.*member = {"192.0.2.1", range};
        const auto hazards = found(with(one), Severity::hazard);
        ASSERT_EQ(hazards.size(), 1U) << option << ' ' << range;
        EXPECT_THAT(hazards[0], HasSubstr(std::string("listener.0.") + option + ": " + range));
      }
      one.*member = {"10.0.0.0/8", "2001:db8::/32"};
      EXPECT_TRUE(found(with(one), Severity::hazard).empty()) << option;
      one.*member = {"0.0.0.0/0"};
      one.address = "127.0.0.1";
      EXPECT_TRUE(found(with(one), Severity::hazard).empty()) << option;
    }
  }
  // XCLIENT is offered to a client that only_from lets in; the PROXY header names the client first.
  auto restricted = listener(Role::mx, "0.0.0.0");
  restricted.only_from = {"192.0.2.0/24"};
  restricted.xclient_from = {"0.0.0.0/0"};
  EXPECT_TRUE(found(with(restricted), Severity::hazard).empty());
  restricted.proxy_from = {"0.0.0.0/0"};
  EXPECT_EQ(found(with(restricted), Severity::hazard).size(), 1U);
}

TEST(Validation, ASmarthostThatIsTheServerItselfIsAHazard) {
  auto own = listener(Role::submission, "0.0.0.0");
  own.port = 2587;
  auto settings = with(own);
  for (const auto* url : {"smtp://127.0.0.1:2587", "smtp://mail.example:2587"}) {
    settings.delivery.smarthost = url;
    EXPECT_THAT(found(settings, Severity::hazard),
                testing::Contains(HasSubstr("is this server's own listener [0.0.0.0]:2587")))
        << url;
  }
  for (const auto* url :
       {"smtp://127.0.0.1:2588", "smtp://192.0.2.1:2587", "smtp://mx.example:2587"}) {
    settings.delivery.smarthost = url;
    EXPECT_THAT(found(settings, Severity::hazard),
                testing::Not(testing::Contains(HasSubstr("own listener"))))
        << url;
  }
}

TEST(Validation, AUserWithoutPasswordIsAHazard) {
  auto settings = with(listener(Role::catcher, "127.0.0.1"));
  settings.delivery.smarthost = "smtp://relay.example";
  settings.delivery.smarthost_user = "ann";
  EXPECT_THAT(found(settings, Severity::hazard).at(0), HasSubstr("delivery.smarthost_user: "));
  settings.delivery.smarthost_password = Secret{"x"};
  EXPECT_TRUE(found(settings, Severity::hazard).empty());
}

TEST(Validation, ARepeatedAddressNamesTheFirst) {
  auto settings = with(listener(Role::catcher, "127.0.0.1"));
  settings.listeners[0].port = 2525;
  settings.listeners.push_back(settings.listeners[0]);
  const auto errors = found(settings, Severity::error);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_THAT(errors[0], HasSubstr("listener.1.port: [127.0.0.1]:2525 is already the address of"));
  settings.listeners[1].address = "127.0.0.2";
  EXPECT_TRUE(found(settings, Severity::error).empty());
}

TEST(Problems, HaveTheLineOfTheFileAndItsOrder) {
  const Source source{"x.toml", {{"listener.1", 12}, {"listener.1.role", 16}, {"local", 3}}};
  Problems problems;
  problems.error("server.hostname", "a");
  problems.error("listener.1.role", "b");
  problems.error("listener.1.port", "c");
  problems.warning("local", "d");
  std::vector<std::string> lines;
  for (const auto& problem : in_order(problems.all(), source))
    lines.push_back(text_of(problem, source));
  EXPECT_EQ(lines, (std::vector<std::string>{"x.toml:3: local: d", "x.toml:12: listener.port: c",
                                             "x.toml:16: listener.role: b", "server.hostname: a"}));
  EXPECT_EQ(problems.joined(source).text(),
            "x.toml:12: listener.port: c; x.toml:16: listener.role: b; server.hostname: a");
  EXPECT_EQ(text_of(problems.all()[1], {}), "listener.1.role: b");
}

TEST(Findings, HaveEveryProblemOnceAndInTheOrderOfTheFile) {
  config::LoadReport loaded;
  loaded.lines = {{"server.users", 2}, {"listener.0", 3}, {"listener.0.port", 4}, {"log.file", 9}};
  loaded.errors = {fail(Fault::input, "p.toml:4:8", "listener.port = 70000: out of range")};
  Problems problems;
  problems.error("log.file", "is a folder");
  problems.error("listener.0.port", "in use");  // of the default, which no line of the file set
  problems.hazard("listener.0.role", "an open relay");
  problems.error("server.users", "holds no users");
  const auto all = findings(loaded, problems, "p.toml");
  EXPECT_EQ(all.errors, (std::vector<std::string>{
                            "p.toml:4:8: listener.port = 70000: out of range",
                            "p.toml:2: server.users: holds no users",
                            "p.toml:9: log.file: is a folder",
                        }));
  EXPECT_EQ(all.hazards, std::vector<std::string>{"p.toml:3: listener.role: an open relay"});
  EXPECT_TRUE(all.warnings.empty());
}

}  // namespace
}  // namespace postroad::daemon
