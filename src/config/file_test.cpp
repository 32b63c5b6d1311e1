// A made-up declaration through every door: file, environment, --set, show, reference. The
// sentences are compared whole: wording is part of what is promised. Not here: units
// (units_test.cpp), command lines (command_test.cpp).
#include "config/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "config/override.hpp"
#include "config/show.hpp"

namespace postroad::config {
namespace {

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
};
struct Server {
  Size max_message_size{35 << 20};
  bool smtputf8 = true;
  std::vector<std::string> networks{"127.0.0.0/8"};
  std::filesystem::path spool = "/var/spool/postroad";
  Secret password;
  Limits limits;
};
struct Settings {
  std::string name;
  Server server;
  std::vector<Listener> listeners{Listener{}};
};

Section<Settings> declaration() {
  Section<Limits> limits;
  limits.option("recipients", &Limits::recipients, "Recipients of one mail.").between(1, 10'000);
  limits.option("command", &Limits::command, "Wait for a command.")
      .between(std::chrono::seconds{1}, std::chrono::hours{1});
  Section<Listener> listener;
  listener.option("address", &Listener::address, "Where it listens.");
  listener.option("port", &Listener::port, "Its port.");
  listener.option("tls", &Listener::tls,
                  {{"never", Tls::never}, {"offered", Tls::offered}, {"required", Tls::required}},
                  "When TLS is used.");
  Section<Server> server;
  server.option("max_message_size", &Server::max_message_size, "Largest mail taken.")
      .between(Size{1000}, Size{1 << 30});
  server.option("smtputf8", &Server::smtputf8, "Whether SMTPUTF8 is offered.");
  server.option("networks", &Server::networks, "Who may relay.");
  server.option("spool", &Server::spool, "Where mail is kept.");
  server.option("password", &Server::password, "Opens | the door.");
  server.table("limits", &Server::limits, "What one client may do.", limits);
  Section<Settings> root;
  root.option("name", &Settings::name, "The host's name.");
  root.table("server", &Settings::server, "What the server takes.", server);
  root.tables("listener", &Settings::listeners, "A port that takes mail.", listener);
  return root;
}

std::string fault_of(std::string_view text) {
  Settings settings;
  const auto loaded = load_toml(text, "p.toml", declaration(), settings);
  return loaded ? "loaded" : loaded.error().text();
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
  ASSERT_TRUE(loaded) << loaded.error();
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
      {"nmae = \"x\"", "p.toml:1:1: unknown nmae; did you mean name?"},
      {"[server]\nmax_mesage_size = 1",
       "p.toml:2:1: unknown server.max_mesage_size; did you mean max_message_size?"},
      {"[sever]\n", "p.toml:1:2: unknown sever; did you mean server?"},
      {"[[listener]]\nzzzzzz = 1",
       "p.toml:2:1: unknown listener.zzzzzz; listener holds address, port, tls"},
      {"name = 5", "p.toml:1:8: name: a whole number does not fit here: write text, in quotes"},
      {"[server]\nsmtputf8 = \"yes\"",
       "p.toml:2:12: server.smtputf8: text does not fit here: write true or false"},
      {"[server]\nnetworks = \"a\"",
       "p.toml:2:12: server.networks: text does not fit here: write a list of texts, as [\"a\", "
       "\"b\"]"},
      {"[server]\nnetworks = [1]",
       "p.toml:2:12: server.networks: a whole number does not fit here: write a list of texts, as "
       "[\"a\", \"b\"]"},
      {"[server.limits]\nrecipients = 1.5",
       "p.toml:2:14: server.limits.recipients: a fraction does not fit here: write a whole number, "
       "1 to 10000"},
      {"[server.limits]\nrecipients = 0",
       "p.toml:2:14: server.limits.recipients = 0: out of bounds: write a whole number, 1 to "
       "10000"},
      {"[[listener]]\nport = 70000",
       "p.toml:2:8: listener.port = 70000: out of bounds: write a whole number, 0 to 65535"},
      {"[server.limits]\ncommand = \"2h\"",
       "p.toml:2:11: server.limits.command = 2h: out of bounds: write a time such as 30s, 1s to "
       "1h"},
      {"[server]\nmax_message_size = \"1kB\"\n[server.limits]\ncommand = 30",
       "p.toml:4:11: server.limits.command = 30: a time without its unit: write a whole number and "
       "a unit, such as 30s, "
       "5min or 1h30min; units are ms, s, min, h, d, w"},
      {"[[listener]]\ntls = \"requird\"",
       "p.toml:2:7: listener.tls = requird: not one of its words: did you mean \"required\"? write "
       "never, offered, "
       "required"},
      {"[server]\npassword = 1234",
       "p.toml:2:12: server.password: a whole number does not fit here: write text, in quotes"},
      {"server = 1", "p.toml:1:10: server is a table: write [server] and its keys below"},
      {"[listener]\nport = 1",
       "p.toml:1:1: listener may stand several times: write [[listener]] and its keys below"},
  };
  for (const auto& c : cases) EXPECT_EQ(fault_of(c.text), c.sentence);
  EXPECT_THAT(fault_of("[server]\nmax_message_size = \"35 MB\""),
              StartsWith("p.toml:2:20: server.max_message_size = 35 MB: not a size: write a whole "
                         "number and a unit"));
  EXPECT_THAT(fault_of("name = \n"), StartsWith("p.toml:1:8: not TOML: "));
}

TEST(File, ReportsAllFaultsTogetherAndAppliesNothing) {
  Settings s;
  const auto loaded = load_toml("name = \"new\"\nx1 = 1\nx2 = 2\n[server]\nsmtputf8 = 1\n",
                                "p.toml", declaration(), s);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().text(), HasSubstr("; p.toml:3:1: unknown x2"));
  EXPECT_THAT(loaded.error().text(), HasSubstr("; p.toml:5:12: server.smtputf8"));
  EXPECT_EQ(s.name, "");
  std::string many;
  for (int i = 0; i < 30; ++i) many += "key" + std::to_string(100 + i) + " = 1\n";
  EXPECT_THAT(fault_of(many), testing::EndsWith("; and 10 more"));
}

TEST(Environment, OverridesScalarsAndLists) {
  const std::map<std::string, std::string> variables{
      {"POSTROAD_NAME", "mx"},
      {"POSTROAD_SERVER_MAX_MESSAGE_SIZE", "1MiB"},
      {"POSTROAD_SERVER_NETWORKS", "::1, 10.0.0.0/8"},
      {"POSTROAD_SERVER_LIMITS_COMMAND", "5s"}};
  const auto lookup = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  Settings s;
  ASSERT_TRUE(load_environment(lookup, declaration(), s));
  EXPECT_EQ(s.name, "mx");
  EXPECT_EQ(s.server.max_message_size, Size{1 << 20});
  EXPECT_EQ(s.server.networks, (std::vector<std::string>{"::1", "10.0.0.0/8"}));
  EXPECT_EQ(s.server.limits.command, std::chrono::seconds{5});
}

TEST(Environment, NamesTheVariableThatIsWrong) {
  const auto lookup = [](const std::string& name) -> std::optional<std::string> {
    return name == "POSTROAD_SERVER_SMTPUTF8" ? std::optional<std::string>("yes") : std::nullopt;
  };
  Settings s;
  const auto loaded = load_environment(lookup, declaration(), s);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().text(),
            "POSTROAD_SERVER_SMTPUTF8: yes: not a switch: write true or false");
}

TEST(SetOption, TakesOneAssignment) {
  Settings s;
  const auto root = declaration();
  EXPECT_TRUE(set_option("server.limits.recipients=7", root, s));
  EXPECT_EQ(s.server.limits.recipients, 7);
  EXPECT_EQ(
      set_option("server.limits.recipient=7", root, s).error().text(),
      "server.limits.recipient: no option of that name; did you mean server.limits.recipients?");
  EXPECT_THAT(set_option("name", root, s).error().text(), StartsWith("name: no value given"));
}

TEST(Show, LoadsBackAndMarksWhatDiffers) {
  Settings s;
  s.name = "say \"hi\"\n\\";
  s.server.limits.recipients = 7;
  s.listeners.push_back({"::", 465, Tls::required});
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
  EXPECT_THAT(show(declaration(), s), Not(HasSubstr("hunter2")));
  Section<Server> narrow;
  narrow.option("password", &Server::password, "").one_of({"a", "b"});
  Server server;
  const auto refused = load_toml("password = \"hunter2\"", "p", narrow, server);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), Not(HasSubstr("hunter2")));
}

TEST(Reference, HasARowForEachOption) {
  const auto page = reference(declaration());
  EXPECT_THAT(page, HasSubstr("| `recipients` | a whole number, 1 to 10000 | `1000` | "
                              "`POSTROAD_SERVER_LIMITS_RECIPIENTS` | Recipients of one mail. |\n"));
  EXPECT_THAT(page, HasSubstr("## `[[listener]]`\n\nA port that takes mail.\n"));
  EXPECT_THAT(
      page,
      HasSubstr("| `tls` | never, offered, required | `\"offered\"` | none | When TLS is used. |"));
  EXPECT_THAT(
      page,
      HasSubstr(
          "| `password` | text | not set | `POSTROAD_SERVER_PASSWORD` | Opens \\| the door. |"));
}

}  // namespace
}  // namespace postroad::config
