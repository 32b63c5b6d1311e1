// A made-up declaration through every source: file, environment, --set, show, reference. The
// messages are compared whole: their wording is part of the interface. Not here: units
// (units_test.cpp), command lines (command_test.cpp).
#include "config/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "config/override.hpp"
#include "config/show.hpp"

namespace postroad::config {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

enum class Tls { never, offered, required };

struct Limits {
  std::uint16_t recipients = 1000;
  Duration command{300'000};
};
struct Listener {
  std::string address = "0.0.0.0";
  std::uint16_t port = 25;
  Tls tls = Tls::offered;
  std::string name;
};
struct Server {
  Size max_message_size{35 << 20};
  bool smtputf8 = true;
  std::vector<std::string> networks{"127.0.0.0/8"};
  std::filesystem::path spool = "/var/spool/postroad";
  Secret password;
  Limits limits;
};
struct Retry {
  int lifetime = 5;
};
struct Settings {
  std::string name;
  std::string service;
  Retry retry;
  Server server;
  std::vector<Listener> listeners{Listener{}};
};

Section<Settings> declaration() {
  Section<Limits> limits;
  limits.option("recipients", &Limits::recipients, "Recipients of one message.")
      .between(1, 10'000)
      .formerly("most_recipients");
  limits.option("command", &Limits::command, "Wait for a command.")
      .between(std::chrono::seconds{1}, std::chrono::hours{1});
  Section<Retry> retry;
  retry.option("lifetime", &Retry::lifetime, "Age at which it is given up.")
      .formerly("server.limits.lifetime")
      .formerly("server.lifetime");
  Section<Listener> listener;
  listener.option("address", &Listener::address, "Where it listens.");
  listener.option("port", &Listener::port, "Its port.");
  listener
      .option("tls", &Listener::tls,
              {{"never", Tls::never}, {"offered", Tls::offered}, {"required", Tls::required}},
              "When TLS is used.")
      .formerly("always", "required");
  listener.option("name", &Listener::name, "Its name.");
  Section<Server> server;
  server.option("max_message_size", &Server::max_message_size, "Largest mail taken.")
      .between(Size{1000}, Size{1 << 30});
  server.option("smtputf8", &Server::smtputf8, "Whether SMTPUTF8 is offered.");
  server.option("networks", &Server::networks, "Networks that may relay.");
  server.option("spool", &Server::spool, "Where mail is kept.");
  server.option("password", &Server::password, "Opens | the door.");
  server.table("limits", &Server::limits, "Limits per client.", limits);
  Section<Settings> root;
  root.option("name", &Settings::name, "The host's name.");
  root.option("service", &Settings::service, "A service.").url();
  root.table("server", &Settings::server, "Options of the server.", server);
  root.table("retry", &Settings::retry, "When it is tried again.", retry);
  root.tables("listener", &Settings::listeners, "A port that accepts mail.", listener);
  return root;
}

std::string fault_of(std::string_view text) {
  Settings settings;
  const auto loaded = load_toml(text, "p.toml", declaration(), settings);
  return loaded ? "loaded" : loaded.errors.front().text();
}

TEST(File, FillsEveryKindOfMember) {
  Settings s;
  const auto loaded = load_toml(R"(
name = "mx.example"
[server]
max_message_size = "10MiB"
smtputf8 = false
networks = ["10.0.0.0/8", "::1/128"]
spool = "/data"
password = "hunter2"
[server.limits]
recipients = 50
command = "1min30s"
[[listener]]
port = 25
[[listener]]
port = 465
tls = "required"
)",
                                "p.toml", declaration(), s);
  ASSERT_TRUE(loaded) << loaded.errors.front();
  EXPECT_EQ(s.name, "mx.example");
  EXPECT_EQ(s.server.max_message_size, Size{10 << 20});
  EXPECT_FALSE(s.server.smtputf8);
  EXPECT_EQ(s.server.networks, (std::vector<std::string>{"10.0.0.0/8", "::1/128"}));
  EXPECT_EQ(s.server.spool, "/data");
  EXPECT_EQ(s.server.password, Secret{"hunter2"});
  EXPECT_EQ(s.server.limits.recipients, 50);
  EXPECT_EQ(s.server.limits.command, std::chrono::seconds{90});
  ASSERT_EQ(s.listeners.size(), 2U);
  EXPECT_EQ(s.listeners[0].tls, Tls::offered);
  EXPECT_EQ(s.listeners[1].port, 465);
  EXPECT_EQ(s.listeners[1].tls, Tls::required);
}

TEST(File, SaysWhatIsWrongAndWhere) {
  const struct {
    std::string_view text, sentence;
  } cases[] = {
      {"nmae = \"x\"", "p.toml:1:1: unknown key nmae; did you mean name?"},
      {"[server]\nmax_mesage_size = 1",
       "p.toml:2:1: unknown key server.max_mesage_size; did you mean max_message_size?"},
      {"[sever]\n", "p.toml:1:2: unknown key sever; did you mean server?"},
      {"[[listener]]\nzzzzzz = 1",
       "p.toml:2:1: unknown key listener.zzzzzz; the keys of listener are address, port, tls, "
       "name"},
      {"name = 5", "p.toml:1:8: name: expected a string, got an integer; write it in quotes"},
      {"[server]\nsmtputf8 = \"yes\"",
       "p.toml:2:12: server.smtputf8: expected true or false, got a string"},
      {"[server]\nnetworks = \"a\"",
       "p.toml:2:12: server.networks: expected an array of strings such as [\"a\", \"b\"], got a "
       "string"},
      {"[server]\nnetworks = [1]",
       "p.toml:2:12: server.networks: expected an array of strings such as [\"a\", \"b\"], got an "
       "integer"},
      {"[server.limits]\nrecipients = 1.5",
       "p.toml:2:14: server.limits.recipients: expected an integer, 1 to 10000, got a float"},
      {"[server.limits]\nrecipients = 0",
       "p.toml:2:14: server.limits.recipients = 0: out of range; expected an integer, 1 to 10000"},
      {"[[listener]]\nport = 70000",
       "p.toml:2:8: listener.port = 70000: out of range; expected an integer, 0 to 65535"},
      {"[server.limits]\ncommand = \"2h\"",
       "p.toml:2:11: server.limits.command = 2h: out of range; expected a duration such as 30s, 1s "
       "to 1h"},
      {"[server]\nmax_message_size = \"1kB\"\n[server.limits]\ncommand = 30",
       "p.toml:4:11: server.limits.command = 30: a duration without its unit; expected an integer "
       "and a unit such as 30s, 5min or 1h30min; units are ms, s, min, h, d, w"},
      {"[[listener]]\ntls = \"requird\"",
       "p.toml:2:7: listener.tls = requird: unknown value; use one of never, offered, required; "
       "did you mean \"required\"?"},
      {"[server]\npassword = 1234",
       "p.toml:2:12: server.password: expected a string, got an integer; write it in quotes"},
      {"server = 1", "p.toml:1:10: server is a table; write [server] and its keys below it"},
      {"[listener]\nport = 1",
       "p.toml:1:1: listener may be repeated; write [[listener]] and its keys below it"},
  };
  for (const auto& c : cases) EXPECT_EQ(fault_of(c.text), c.sentence);
  EXPECT_THAT(fault_of("[server]\nmax_message_size = \"35 MB\""),
              StartsWith("p.toml:2:20: server.max_message_size = 35 MB: not a size; expected an "
                         "integer and a unit"));
  EXPECT_THAT(fault_of("name = \n"), StartsWith("p.toml:1:8: not TOML: "));
}

TEST(File, AsksForQuotesAroundTextWithoutThem) {
  for (const char* text :
       {"name = mail.example.org\n", "name = yes", "name = 35MB\n", "name = 127.0.0.1\n",
        "[server]\nname = true1\n", "name = /var/mail # here\n", "name = [x, y]\n"}) {
    const auto fault = fault_of(text);
    EXPECT_THAT(fault, HasSubstr("not TOML: ")) << text;
    EXPECT_THAT(fault, EndsWith("; put the text in quotes")) << text;
  }
  for (const char* text : {"name = \n", "name = # none\n", "[server\n", "name = \"x\n",
                           "name = \"x\" y\n", "a b = c\n"})
    EXPECT_THAT(fault_of(text), Not(HasSubstr("quotes"))) << text;
}

TEST(File, ReportsEveryErrorWithItsPlaceAndAppliesNothing) {
  Settings s;
  const auto loaded = load_toml("name = \"new\"\nx1 = 1\nx2 = 2\n[server]\nsmtputf8 = 1\n",
                                "p.toml", declaration(), s);
  ASSERT_EQ(loaded.errors.size(), 3U);
  EXPECT_THAT(loaded.errors[0].text(), StartsWith("p.toml:2:1: unknown key x1"));
  EXPECT_THAT(loaded.errors[1].text(), StartsWith("p.toml:3:1: unknown key x2"));
  EXPECT_THAT(loaded.errors[2].text(), StartsWith("p.toml:5:12: server.smtputf8"));
  EXPECT_EQ(s.name, "");
}

TEST(File, ReportsTheLineOfEachKey) {
  Settings s;
  const auto loaded = load_toml(
      "name = \"x\"\n[server.limits]\nrecipients = 3\n[[listener]]\n"
      "port = 1\n\n[[listener]]\nport = 2\n",
      "p.toml", declaration(), s);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded.lines.at("name"), 1U);
  EXPECT_EQ(loaded.lines.at("server.limits.recipients"), 3U);
  EXPECT_EQ(loaded.lines.at("listener.0.port"), 5U);
  EXPECT_EQ(loaded.lines.at("listener.1"), 7U);
  EXPECT_EQ(loaded.lines.at("listener.1.port"), 8U);
}

TEST(File, ReadsOlderSpellingsWithAWarning) {
  Settings s;
  const auto loaded = load_toml(
      "[server.limits]\nmost_recipients = 7\n[[listener]]\ntls = "
      "\"always\"\n[[listener]]\ntls = \"required\"\n",
      "p.toml", declaration(), s);
  ASSERT_TRUE(loaded) << loaded.errors.front();
  EXPECT_EQ(s.server.limits.recipients, 7);
  EXPECT_EQ(s.listeners[0].tls, Tls::required);
  ASSERT_EQ(loaded.warnings.size(), 2U);
  EXPECT_EQ(loaded.warnings[0].text(),
            "p.toml:2:1: server.limits.most_recipients was renamed; use recipients");
  EXPECT_EQ(loaded.warnings[1].text(),
            "p.toml:4:7: listener.tls = always: this value was renamed; use \"required\"");
  EXPECT_EQ(loaded.lines.at("server.limits.recipients"), 2U);
  EXPECT_THAT(fault_of("[server.limits]\nmost_recipients = 7\nrecipients = 8\n"),
              HasSubstr("p.toml:2:1: server.limits.most_recipients is the older name of "
                        "recipients, which is given, too"));
  EXPECT_THAT(show(declaration(), s), Not(HasSubstr("most_recipients")));
  EXPECT_THAT(reference(declaration()), Not(HasSubstr("always")));
  const auto set = set_option("server.limits.most_recipients=9", declaration(), s);
  ASSERT_TRUE(set);
  EXPECT_EQ(s.server.limits.recipients, 9);
  EXPECT_EQ(set.warnings.at(0).text(),
            "--set server.limits.most_recipients: this option was renamed; use recipients");
}

TEST(File, ReadsAnOptionThatHasAnotherTableNow) {
  Settings s;
  const auto loaded = load_toml("[server]\nlifetime = 7\n", "p.toml", declaration(), s);
  ASSERT_TRUE(loaded) << loaded.errors.front();
  EXPECT_EQ(s.retry.lifetime, 7);
  ASSERT_EQ(loaded.warnings.size(), 1U);
  EXPECT_EQ(loaded.warnings[0].text(),
            "p.toml:2:1: server.lifetime was renamed; use retry.lifetime");
  EXPECT_EQ(loaded.lines.at("retry.lifetime"), 2U);
  EXPECT_TRUE(load_toml("[server.limits]\nlifetime = 8\n", "p.toml", declaration(), s));
  EXPECT_EQ(s.retry.lifetime, 8);
  EXPECT_THAT(fault_of("[server]\nlifetime = 7\n[retry]\nlifetime = 8\n"),
              HasSubstr("p.toml:2:1: server.lifetime is the older name of retry.lifetime, which is "
                        "given, too"));
  EXPECT_THAT(fault_of("[server]\nlifetime = 7\n[server.limits]\nlifetime = 8\n"),
              HasSubstr("are older names of retry.lifetime; keep one"));
  EXPECT_THAT(fault_of("[server]\nlifetime = \"x\"\n"), HasSubstr("server.lifetime"));
  EXPECT_THAT(fault_of("[listener]\nlifetime = 7\n"), HasSubstr("listener"));
  const auto set = set_option("server.lifetime=9", declaration(), s);
  ASSERT_TRUE(set);
  EXPECT_EQ(s.retry.lifetime, 9);
  EXPECT_EQ(set.warnings.at(0).text(),
            "--set server.lifetime: this option was renamed; use retry.lifetime");
}

Environment variables(const std::map<std::string, std::string>& all) {
  Environment out;
  out.value = [all](const std::string& name) -> std::optional<std::string> {
    const auto found = all.find(name);
    return found == all.end() ? std::nullopt : std::optional(found->second);
  };
  for (const auto& [name, value] : all) out.names.push_back(name);
  return out;
}

TEST(EnvironmentVariables, OverrideScalarsAndLists) {
  Settings s;
  ASSERT_TRUE(load_environment(variables({{"POSTROAD_NAME", "mx"},
                                          {"POSTROAD_SERVER_MAX_MESSAGE_SIZE", "1MiB"},
                                          {"POSTROAD_SERVER_NETWORKS", "::1, 10.0.0.0/8"},
                                          {"POSTROAD_SERVER_LIMITS_COMMAND", "5s"}}),
                               declaration(), s));
  EXPECT_EQ(s.name, "mx");
  EXPECT_EQ(s.server.max_message_size, Size{1 << 20});
  EXPECT_EQ(s.server.networks, (std::vector<std::string>{"::1", "10.0.0.0/8"}));
  EXPECT_EQ(s.server.limits.command, std::chrono::seconds{5});
}

TEST(EnvironmentVariables, NameEachThatIsWrong) {
  Settings s;
  const auto loaded = load_environment(
      variables({{"POSTROAD_SERVER_SMTPUTF8", "yes"}, {"POSTROAD_SERVER_LIMITS_COMMAND", "5"}}),
      declaration(), s);
  ASSERT_EQ(loaded.errors.size(), 2U);
  EXPECT_EQ(loaded.errors[0].text(),
            "POSTROAD_SERVER_SMTPUTF8: yes: not a boolean; expected true or false");
  EXPECT_THAT(loaded.errors[1].text(), StartsWith("POSTROAD_SERVER_LIMITS_COMMAND: 5: a duration"));
}

TEST(EnvironmentVariables, AreReportedWhenMisspelt) {
  const std::vector<std::string_view> others{"POSTROAD_OTHER"};
  const auto found = unknown_variables(variables({{"POSTROAD_NAEM", "x"},
                                                  {"POSTROAD_NAME", "x"},
                                                  {"POSTROAD_OTHER", "x"},
                                                  {"POSTROAD_PORT", "tcp://10.0.0.1:25"},
                                                  {"POSTROAD_PORT_25_TCP_ADDR", "10.0.0.1"},
                                                  {"POSTROAD_SERVICE_HOST", "10.0.0.1"},
                                                  {"POSTROAD_XYZZY_FROTZ", "x"},
                                                  {"HOME", "/"}}),
                                       declaration().erased(), others);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].text(),
            "POSTROAD_NAEM: no option has this environment variable; did you mean "
            "POSTROAD_NAME?");
  EXPECT_EQ(found[1].text(),
            "POSTROAD_XYZZY_FROTZ: no option has this environment variable; unset "
            "it, or see `postroad config reference`");
}

TEST(EnvironmentVariables, OfServicesNamedAlikeAreNotOptions) {
  const auto found =
      unknown_variables(variables({{"POSTROAD_MX_SERVICE_HOST", "10.0.0.1"},
                                   {"POSTROAD_MX_SERVICE_PORT", "25"},
                                   {"POSTROAD_MX_SERVICE_PORT_SMTP", "25"},
                                   {"POSTROAD_MX_PORT", "tcp://10.0.0.1:25"},
                                   {"POSTROAD_MX_PORT_25_TCP", "tcp://10.0.0.1:25"},
                                   {"POSTROAD_METRICS_PORT_9925_TCP_PROTO", "tcp"},
                                   {"POSTROAD_METRICS_PORT_9925_UDP_ADDR", "10.0.0.1"},
                                   {"POSTROAD_DB_NAME", "/web/postroad_db"},
                                   {"POSTROAD_ENV_PATH", "/bin"},
                                   {"POSTROAD_DB_ENV_PGDATA", "/data"}}),
                        declaration().erased(), {});
  EXPECT_TRUE(found.empty()) << found.front().text();
  // A variable that only resembles one is misspelt.
  EXPECT_EQ(unknown_variables(variables({{"POSTROAD_LISTENER_PORT", "25"},
                                         {"POSTROAD_MX_NAME", "mail.example"},
                                         {"POSTROAD_PORT_SMTP_TCP", "25"}}),
                              declaration().erased(), {})
                .size(),
            3U);
}

std::string refusal_of(std::string_view assignment, Settings& settings) {
  const auto report = set_option(assignment, declaration(), settings);
  return report ? "set" : report.errors.front().text();
}

TEST(SetOption, TakesOneAssignment) {
  Settings s;
  EXPECT_EQ(refusal_of("server.limits.recipients=7", s), "set");
  EXPECT_EQ(s.server.limits.recipients, 7);
  EXPECT_EQ(
      refusal_of("server.limits.recipient=7", s),
      "--set server.limits.recipient: no such option; did you mean server.limits.recipients?");
  EXPECT_EQ(refusal_of("name", s),
            "--set name: no value; write NAME=VALUE such as server.data=/var/mail");
}

TEST(SetOption, NamesRowsByIndexAndByName) {
  Settings s;
  EXPECT_EQ(refusal_of("listener.port=2525", s), "set");
  EXPECT_EQ(s.listeners[0].port, 2525);
  s.listeners.push_back({.port = 465, .name = "secure"});
  EXPECT_EQ(refusal_of("listener.1.port=1465", s), "set");
  EXPECT_EQ(s.listeners[1].port, 1465);
  EXPECT_EQ(refusal_of("listener.secure.tls=required", s), "set");
  EXPECT_EQ(s.listeners[1].tls, Tls::required);
  EXPECT_EQ(s.listeners[0].tls, Tls::offered);
  EXPECT_THAT(refusal_of("listener.port=1", s), StartsWith("--set listener.port: no such option; "
                                                           "did you mean listener."));
  EXPECT_THAT(refusal_of("listener.2.port=1", s), StartsWith("--set listener.2.port: no such"));
}

TEST(Show, LoadsBackAndMarksWhatDiffers) {
  Settings s;
  s.name = "say \"hi\"\n\\";
  s.server.limits.recipients = 7;
  s.listeners.push_back({"::", 465, Tls::required, {}});
  const auto text = show(declaration(), s);
  EXPECT_THAT(text, HasSubstr("recipients = 7  # default 1000\n"));
  EXPECT_THAT(text, HasSubstr("max_message_size = \"35MiB\"\n"));
  EXPECT_THAT(text, HasSubstr("# password is not set\n"));
  Settings back;
  ASSERT_TRUE(load_toml(text, "shown", declaration(), back)) << text;
  EXPECT_EQ(back.name, s.name);
  EXPECT_EQ(show(declaration(), back), text);
}

TEST(Row24, AConfiguredSecretIsNeverPrinted) {
  Settings s;
  s.server.password = Secret{"hunter2"};
  EXPECT_THAT(show(declaration(), s), HasSubstr("# password is set (not shown)\n"));
  s.service = "https://a.example/b";
  EXPECT_THAT(show(declaration(), s), HasSubstr("service = \"https://a.example/b\""));
  for (const auto* url : {"https://u:hunter2@a.example/b", "https://u:hunter2@x@a.example",
                          "u:hunter2@a.example", "https://hunter2@a.example"}) {
    s.service = url;
    EXPECT_THAT(show(declaration(), s),
                HasSubstr("# service is set (not shown: it has a login)\n"));
    EXPECT_THAT(show(declaration(), s), Not(HasSubstr("hunter2")));
  }
  EXPECT_THAT(show(declaration(), s), Not(HasSubstr("hunter2")));
  Section<Server> narrow;
  narrow.option("password", &Server::password, "").one_of({"a", "b"});
  Server server;
  const auto refused = load_toml("password = \"hunter2\"", "p", narrow, server);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.errors.front().text(), Not(HasSubstr("hunter2")));
}

TEST(Reference, HasARowForEachOption) {
  const auto page = reference(declaration());
  EXPECT_THAT(page,
              HasSubstr("| `recipients` | an integer, 1 to 10000 | `1000` | "
                        "`POSTROAD_SERVER_LIMITS_RECIPIENTS` | Recipients of one message. |\n"));
  EXPECT_THAT(page, HasSubstr("## `[[listener]]`\n\nA port that accepts mail.\n"));
  EXPECT_THAT(
      page,
      HasSubstr("| `tls` | never, offered, required | `\"offered\"` | none | When TLS is used. |"));
  EXPECT_THAT(page, HasSubstr("| `password` | a string | not set | `POSTROAD_SERVER_PASSWORD` | "
                              "Opens \\| the door. |"));
}

}  // namespace
}  // namespace postroad::config
