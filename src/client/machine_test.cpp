// The public machine, driven by hand against a list of replies.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <postroad/machine.hpp>

namespace postroad {
namespace {

using Wish = Machine::Wish;

// A driver without a socket.
struct Wire {
  std::deque<std::string> replies;
  std::string sent{};
  std::string held{};
  Machine::Time now{};

  void drive(Machine& machine, MessageSource* source = nullptr) {
    for (;;) {
      const auto action = machine.next(now);
      switch (action.wish) {
        case Wish::send:
          sent += action.bytes;
          machine.sent(action.bytes.size());
          break;
        case Wish::receive:
          if (replies.empty()) return;
          held = std::move(replies.front());
          replies.pop_front();
          machine.received(held);
          break;
        case Wish::consult:
          machine.body_from(*source);
          break;
        case Wish::start_tls:
          machine.tls_up({.verified = true, .exporter = {}, .end_point = {}});
          sent += "[TLS]";
          break;
        case Wish::done:
          return;
      }
    }
  }
};

Message mail() {
  return Message{}.from("a@x.example").to("b@y.example").subject("hi").text(".one\n..two\n");
}
const Envelope envelope{{"a", "x.example"}, {{"b", "y.example"}}};

TEST(Machine, OneConversation) {
  Machine machine("smtp://mail.example",
                  {.tls = {.policy = Tls::never}, .helo_name = "me.example"});
  EXPECT_EQ(machine.host(), "mail.example");
  EXPECT_EQ(machine.port(), 25);
  Wire wire{{"220 hello\r\n", "250-mail.example\r\n250 PIPELINING\r\n",
             "250 ok\r\n250 ok\r\n354 go\r\n", "250 2.0.0 queued as 1\r\n", "250 ok\r\n",
             "221 bye\r\n"}};
  machine.open();
  wire.drive(machine);
  ASSERT_TRUE(machine.opened()) << machine.opened().error();
  EXPECT_EQ(machine.capabilities(), std::vector<std::string>{"PIPELINING"});
  const auto source = mail().source().value();
  machine.send(envelope, *source);
  wire.drive(machine, source.get());
  const auto report = machine.report();
  ASSERT_TRUE(report) << report.error();
  EXPECT_TRUE(report->all_accepted());
  EXPECT_TRUE(machine.is_usable());
  machine.command("NOOP");
  wire.drive(machine);
  EXPECT_EQ(machine.reply().value().code, 250);
  machine.quit();
  wire.drive(machine);
  EXPECT_FALSE(machine.is_usable());
  EXPECT_EQ(wire.sent.find("EHLO me.example\r\nMAIL FROM:<a@x.example>"), 0U) << wire.sent;
  EXPECT_NE(wire.sent.find("\r\n..one\r\n...two\r\n.\r\nNOOP\r\nQUIT\r\n"), std::string::npos)
      << wire.sent;
}

TEST(Machine, TheHandshakeComesWhereThePolicySays) {
  const std::string ehlo = "250-mail.example\r\n250 STARTTLS\r\n";
  Machine starts("smtp://mail.example", {.tls = {.policy = Tls::required}});
  Wire wire{{"220 hello\r\n", ehlo, "220 go\r\n", "250 mail.example\r\n"}};
  starts.open();
  wire.drive(starts);
  EXPECT_TRUE(starts.opened());
  EXPECT_EQ(wire.sent, "EHLO localhost\r\nSTARTTLS\r\n[TLS]EHLO localhost\r\n");

  Machine lacks("smtp://mail.example", {.tls = {.policy = Tls::required}});
  Wire plain{{"220 hello\r\n", "250 mail.example\r\n"}};
  lacks.open();
  plain.drive(lacks);
  ASSERT_FALSE(lacks.opened());
  EXPECT_EQ(lacks.error()->fault, Fault::tls_required);
}

TEST(Machine, ATemporaryRefusalOfStarttlsIsATemporaryError) {
  for (const auto& [reply, is_temporary] :
       std::map<std::string, bool>{{"454 4.7.0 TLS not available\r\n", true},
                                   {"421 4.3.2 closing\r\n", true},
                                   {"554 5.7.0 no TLS here\r\n", false}}) {
    Machine machine("smtp://mail.example", {.tls = {.policy = Tls::required}});
    Wire wire{{"220 hello\r\n", "250-mail.example\r\n250 STARTTLS\r\n", reply, "221 bye\r\n"}};
    machine.open();
    wire.drive(machine);
    ASSERT_FALSE(machine.opened()) << reply;
    EXPECT_EQ(machine.error()->is_temporary(), is_temporary) << reply;
    EXPECT_EQ(wire.sent.find("MAIL"), std::string::npos);
  }
}

TEST(Machine, AnOperationThatCannotBeginEndsAtOnce) {
  Machine wrong("http://mail.example");
  wrong.open();
  EXPECT_EQ(wrong.next({}).wish, Wish::done);
  EXPECT_EQ(wrong.opened().error().fault, Fault::input);
  EXPECT_EQ(wrong.port(), 0);

  Machine early("smtp://mail.example");
  const auto source = mail().source().value();
  early.send(envelope, *source);
  early.body("not requested");
  early.body_from(*source);
  early.body_end();
  EXPECT_EQ(early.next({}).wish, Wish::done);
  EXPECT_EQ(early.report().error().fault, Fault::closed);

  Machine tokenless("smtp://mail.example", Login::oauth("me", []() -> Result<Secret> {
                      return fail(Fault::io, "the vault", "is closed");
                    }));
  tokenless.open();
  EXPECT_EQ(tokenless.opened().error().text(), "the vault AUTH: is closed");
}

TEST(Machine, SilenceAfterTheDotIsUnknown) {
  Machine machine("smtp://mail.example", {.tls = {.policy = Tls::never}});
  Wire wire{{"220 hello\r\n", "250 mail.example\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"}};
  machine.open();
  wire.drive(machine);
  const auto source = mail().source().value();
  machine.send(envelope, *source);
  wire.drive(machine, source.get());
  EXPECT_EQ(machine.next(wire.now).deadline - wire.now, ClientOptions{}.timeouts.end_of_data);
  machine.timed_out();
  const auto report = machine.report();
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->any(Outcome::unknown));
  EXPECT_EQ(report->broken->fault, Fault::timeout);
  EXPECT_FALSE(machine.is_usable());
}

TEST(Machine, BodyIsTakenOnlyWhereItIsWishedFor) {
  Machine machine("smtp://mail.example", {.tls = {.policy = Tls::never}});
  Wire wire{{"220 hello\r\n", "250 mail.example\r\n"}};
  machine.open();
  machine.body("QUIT\r\n");
  machine.body_end();
  machine.body_failed(fail(Fault::io, "", "no"));
  wire.drive(machine);
  EXPECT_TRUE(machine.opened());
  EXPECT_EQ(wire.sent, "EHLO localhost\r\n");
}

// URL, login and options combined.
TEST(Settings, ThePortAndTlsFollowFromAll) {
  const Login login{"me", Secret("secret")};
  const struct {
    const char* url;
    bool has_login;
    Tls tls;
    int port;
    bool starts_with_tls;
  } table[] = {
      {"smtp://h", false, Tls::automatic, 25, false},
      {"smtp://h", true, Tls::automatic, 587, false},
      {"smtp://h:25", true, Tls::automatic, 25, false},
      {"smtp://me@h", false, Tls::automatic, 587, false},
      {"smtp://h", false, Tls::implicit, 465, true},
      {"smtp://h:2465", true, Tls::implicit, 2465, true},
      {"smtps://h", true, Tls::automatic, 465, true},
      {"smtps://h", true, Tls::required, 465, true},
      {"smtps://h", false, Tls::opportunistic, 465, true},
      {"lmtp://h", false, Tls::automatic, 24, false},
  };
  for (const auto& row : table) {
    const ClientOptions options{.tls = {.policy = row.tls}};
    auto machine = row.has_login ? Machine(row.url, login, options) : Machine(row.url, options);
    EXPECT_EQ(machine.port(), row.port) << row.url;
    machine.open();
    EXPECT_EQ(machine.next({}).wish == Wish::start_tls, row.starts_with_tls) << row.url;
  }
}

}  // namespace
}  // namespace postroad
