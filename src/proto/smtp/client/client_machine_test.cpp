// The client machine where a transcript cannot show it: deadlines by a clock of the test, secret
// bytes, connections after an error. Sessions are in tests/transcripts/. Row14, Row24 and Row43 are
// rows of tests/transcripts/guards.md: late replies, secrets in traces, deadlines for each read.
#include "proto/smtp/client/client_machine.hpp"

#include <gtest/gtest.h>

namespace postroad::smtp {
namespace {

using proto::Action;
using proto::Time;
using proto::Wish;
using std::chrono::seconds;

// A driver whose clock is `now`; every message is "text".
struct Conversation {
  explicit Conversation(ClientOptions options) : machine(std::move(options)) {}

  // Grants everything until the machine wants a reply, or is done.
  Action settle() {
    for (;;) {
      const auto action = machine.next(now);
      switch (action.wish) {
        case Wish::send:
          (action.secret ? secret : open) += action.bytes;
          machine.sent(action.bytes.size());
          break;
        case Wish::consult:
          if (!std::exchange(body_given, true))
            machine.body("text\r\n");
          else
            machine.body_end();
          break;
        case Wish::start_tls:
          machine.tls_up({"TLSv1.3", "test", true});
          break;
        case Wish::receive:
        case Wish::done:
          return action;
      }
    }
  }

  Action feed(std::string bytes) {
    held = std::move(bytes);
    machine.received(held);
    return settle();
  }

  void begin(std::string_view capabilities = "") {
    machine.open();
    settle();
    feed("220 mx.example\r\n");
    ASSERT_EQ(feed("250-mx.example\r\n250 " + std::string(capabilities) + "\r\n").wish, Wish::done);
    ASSERT_FALSE(machine.error());
  }

  void mail() {
    body_given = false;
    machine.send({{*Mailbox::parse("a@x.example"), {*Mailbox::parse("b@y.example")}},
                  std::nullopt,
                  false,
                  false});
  }

  // A transaction up to the request for message data.
  void begin_text() {
    begin();
    mail();
    settle();
    feed("250 ok\r\n");
    feed("250 ok\r\n");
    held = "354 go\r\n";
    machine.received(held);
  }

  ClientMachine machine;
  Time now{std::chrono::hours(100)};
  std::string held;
  std::string open;
  std::string secret;
  bool body_given = false;
};

ClientOptions plain() {
  ClientOptions options;
  options.server = "mx.example:25";
  options.name = "client.example";
  return options;
}

TEST(Row43, AByteOfAReplyMovesNoDeadline) {
  Conversation conversation(plain());
  conversation.machine.open();
  const auto deadline = conversation.settle().deadline;
  EXPECT_EQ(deadline, conversation.now + ClientTimeouts{}.greeting);
  for (const char c : std::string_view("220-still here\r\n220-still\r\n220 x")) {
    conversation.now += seconds(5);
    EXPECT_EQ(conversation.feed(std::string(1, c)).deadline, deadline);
  }
  EXPECT_EQ(conversation.feed("\r\n").deadline, conversation.now + ClientTimeouts{}.command);
}

TEST(Row43, EachStageHasItsOwnTimeout) {
  Conversation conversation(plain());
  conversation.begin();
  conversation.mail();
  EXPECT_EQ(conversation.settle().deadline, conversation.now + ClientTimeouts{}.command);
  EXPECT_EQ(conversation.feed("250 ok\r\n").deadline, conversation.now + ClientTimeouts{}.command);
  EXPECT_EQ(conversation.feed("250 ok\r\n").deadline, conversation.now + ClientTimeouts{}.data);
  EXPECT_EQ(conversation.feed("354 go\r\n").deadline,
            conversation.now + ClientTimeouts{}.end_of_data);
}

TEST(Row14, ATimedOutConnectionCarriesNoOtherMessage) {
  Conversation conversation(plain());
  conversation.begin();
  conversation.mail();
  conversation.settle();
  conversation.machine.failed(fail(Fault::timeout, {}, "time"));
  EXPECT_EQ(conversation.settle().wish, Wish::done);
  EXPECT_FALSE(conversation.machine.is_usable());
  const auto said = conversation.open;
  conversation.machine.received("250 late\r\n");
  EXPECT_EQ(conversation.settle().wish, Wish::done);
  conversation.mail();
  EXPECT_EQ(conversation.settle().wish, Wish::done);
  ASSERT_TRUE(conversation.machine.error());
  EXPECT_EQ(conversation.machine.error()->fault, Fault::closed);
  EXPECT_EQ(conversation.open, said) << "something was sent on a connection that timed out";
}

TEST(Row14, AnUnsolicitedReplyMakesAnIdleConnectionUnusable) {
  Conversation conversation(plain());
  conversation.begin();
  ASSERT_TRUE(conversation.machine.is_usable());
  conversation.machine.received("421 4.4.2 idle too long\r\n");
  EXPECT_EQ(conversation.settle().wish, Wish::done);
  EXPECT_FALSE(conversation.machine.is_usable());
}

TEST(Row14, AConnectionThatClosedWhileIdleIsNotUsable) {
  Conversation conversation(plain());
  conversation.begin();
  conversation.machine.closed();
  EXPECT_FALSE(conversation.machine.is_usable());
}

TEST(Row24, OnlyLinesWithThePasswordAreSecret) {
  for (const std::string_view mechanism : {"PLAIN", "LOGIN"}) {
    auto options = plain();
    options.tls = Tls::implicit;
    options.login = sasl::Credentials{"test", {}, Secret("secret")};
    options.mechanism = mechanism;
    Conversation conversation(options);
    conversation.machine.open();
    conversation.settle();
    conversation.feed("220 mx.example\r\n");
    conversation.feed("250-mx.example\r\n250 AUTH PLAIN LOGIN\r\n");
    for (int i = 0; i < 2 && mechanism == "LOGIN"; ++i) conversation.feed("334 VXNlcm5hbWU6\r\n");
    EXPECT_EQ(conversation.feed("235 in\r\n").wish, Wish::done);
    EXPECT_FALSE(conversation.machine.error());
    EXPECT_EQ(conversation.open, "EHLO client.example\r\n");
    EXPECT_EQ(conversation.secret, mechanism == "PLAIN" ? "AUTH PLAIN AHRlc3QAc2VjcmV0\r\n"
                                                        : "AUTH LOGIN\r\ndGVzdA==\r\nc2VjcmV0\r\n");
  }
}

TEST(Row24, NoErrorTextHoldsThePassword) {
  for (const std::string_view reply :
       {"535 5.7.8 no\r\n", "421 bye\r\n", "nonsense\r\n", "334 \r\n"}) {
    auto options = plain();
    options.tls = Tls::implicit;
    options.login = sasl::Credentials{"test", {}, Secret("secret")};
    Conversation conversation(options);
    conversation.machine.open();
    conversation.settle();
    conversation.feed("220 mx.example\r\n");
    conversation.feed("250-mx.example\r\n250 AUTH PLAIN LOGIN\r\n");
    conversation.feed(std::string(reply));
    conversation.feed("535 no\r\n");
    ASSERT_TRUE(conversation.machine.error());
    const auto text = conversation.machine.error()->text();
    EXPECT_EQ(text.find("secret"), std::string::npos) << text;
    EXPECT_EQ(text.find("c2VjcmV0"), std::string::npos) << text;
    EXPECT_EQ(text.find("AHRlc3QAc2VjcmV0"), std::string::npos) << text;
  }
}

TEST(Row13, AReplyBeforeTheCloseIsReadAlsoWhenWritingFails) {
  Conversation conversation(plain());
  conversation.begin("PIPELINING");
  conversation.mail();
  ASSERT_EQ(conversation.machine.next(conversation.now).wish, Wish::send);
  conversation.machine.failed(fail(Fault::closed, {}, "broken pipe"));
  ASSERT_EQ(conversation.machine.next(conversation.now).wish, Wish::receive);
  EXPECT_EQ(conversation.feed("421 4.7.0 go away\r\n").wish, Wish::done);
  const auto& recipient = conversation.machine.report().recipients.at(0);
  EXPECT_EQ(recipient.outcome, Outcome::deferred);
  EXPECT_EQ(recipient.reply.code, 421);
  EXPECT_FALSE(conversation.machine.is_usable());
}

TEST(Row13, WritingFailsWithoutAReply) {
  Conversation conversation(plain());
  conversation.begin("PIPELINING");
  conversation.mail();
  ASSERT_EQ(conversation.machine.next(conversation.now).wish, Wish::send);
  conversation.machine.failed(fail(Fault::closed, {}, "broken pipe"));
  ASSERT_EQ(conversation.machine.next(conversation.now).wish, Wish::receive);
  conversation.machine.closed();
  EXPECT_EQ(conversation.settle().wish, Wish::done);
  ASSERT_TRUE(conversation.machine.error());
  EXPECT_EQ(conversation.machine.error()->detail, "broken pipe");
  EXPECT_EQ(conversation.machine.report().recipients.at(0).outcome, Outcome::deferred);
}

TEST(Row15, A2yzToAnIncompleteMessageMeansNothing) {
  Conversation conversation(plain());
  conversation.begin_text();
  ASSERT_EQ(conversation.machine.next(conversation.now).wish, Wish::consult);
  conversation.machine.body(std::string(40'000, 'a'));
  ASSERT_EQ(conversation.machine.next(conversation.now).wish, Wish::send);
  conversation.machine.failed(fail(Fault::closed, {}, "broken pipe"));
  EXPECT_EQ(conversation.feed("250 queued\r\n").wish, Wish::done);
  EXPECT_EQ(conversation.machine.report().recipients.at(0).outcome, Outcome::deferred);
  EXPECT_TRUE(conversation.machine.error());
}

TEST(Body, ShortPiecesAndTheEndAreOneWrite) {
  Conversation conversation(plain());
  conversation.begin_text();
  for (const auto* piece : {"one\r\n", ".two\r\n"}) {
    ASSERT_EQ(conversation.machine.next(conversation.now).wish, Wish::consult);
    conversation.machine.body(piece);
  }
  ASSERT_EQ(conversation.machine.next(conversation.now).wish, Wish::consult);
  conversation.machine.body_end();
  EXPECT_EQ(conversation.machine.next(conversation.now).bytes, "one\r\n..two\r\n.\r\n");
}

TEST(Body, AFullWriteGoesAtOnce) {
  Conversation conversation(plain());
  conversation.begin_text();
  ASSERT_EQ(conversation.machine.next(conversation.now).wish, Wish::consult);
  conversation.machine.body(std::string(40'000, 'a'));
  EXPECT_EQ(conversation.machine.next(conversation.now).bytes.size(), 40'000U);
}

TEST(Row21, ChallengesEndAtTheLimit) {
  auto options = plain();
  options.tls = Tls::implicit;
  options.login = sasl::Credentials{"test", {}, Secret("secret")};
  options.mechanism = "LOGIN";
  options.limits.challenges = 1;
  Conversation conversation(options);
  conversation.machine.open();
  conversation.settle();
  conversation.feed("220 mx.example\r\n");
  conversation.feed("250-mx.example\r\n250 AUTH LOGIN\r\n");
  conversation.feed("334 VXNlcm5hbWU6\r\n");
  conversation.feed("334 VXNlcm5hbWU6\r\n");
  EXPECT_EQ((conversation.secret + conversation.open).find("c2VjcmV0"), std::string::npos);
  EXPECT_EQ(conversation.feed("334 VXNlcm5hbWU6\r\n").wish, Wish::done);
  EXPECT_FALSE(conversation.machine.is_usable());
}

// The hint of a port with implicit TLS is for a server that sent nothing; see greeting.hpp.
TEST(ClientMachine, AServerThatBeganItsGreetingGetsNoHintOfTls) {
  const auto detail = [](std::string greeting, Fault fault, bool lmtp = false) {
    ClientOptions options;
    options.server = "mx.example:465";
    options.lmtp = lmtp;
    Conversation conversation(std::move(options));
    conversation.machine.open();
    conversation.settle();
    if (!greeting.empty()) conversation.feed(std::move(greeting));
    conversation.machine.failed(fail(fault, {}, "why"));
    return conversation.machine.error()->detail;
  };
  const std::string hint =
      "why; the port may expect TLS from the first byte: use smtps://mx.example:465";
  EXPECT_EQ(detail("", Fault::timeout), hint);
  EXPECT_EQ(detail("", Fault::closed), hint) << "as after a reset";
  EXPECT_EQ(detail("2", Fault::timeout), "why");
  EXPECT_EQ(detail("220-mx.example\r\n", Fault::closed), "why");
  EXPECT_EQ(detail("220 mx.example\r\n", Fault::timeout), "why") << "the reply to EHLO";
  EXPECT_EQ(detail("", Fault::cancelled), "why");
  EXPECT_EQ(detail("", Fault::timeout, true), "why") << "LMTP has no such port";
}

MailRequest next_mail() {
  return {{*Mailbox::parse("c@x.example"), {*Mailbox::parse("d@y.example")}},
          std::nullopt,
          false,
          false};
}

// A message up to its dot, and the commands of the next one behind it.
void announce_behind_a_message(Conversation& conversation) {
  conversation.begin("PIPELINING");
  conversation.mail();
  conversation.settle();
  conversation.held = "250 ok\r\n250 ok\r\n354 go\r\n";
  conversation.machine.received(conversation.held);
  ASSERT_EQ(conversation.machine.next(conversation.now).wish, Wish::consult);
  ASSERT_TRUE(conversation.machine.announce(next_mail()));
  conversation.settle();
}

// One write: the message, its dot, and the commands of the next one.
TEST(Announce, TheNextMessageGoesBehindTheDot) {
  Conversation conversation(plain());
  conversation.begin("PIPELINING");
  conversation.mail();
  conversation.settle();
  conversation.open.clear();
  conversation.held = "250 ok\r\n250 ok\r\n354 go\r\n";
  conversation.machine.received(conversation.held);
  ASSERT_EQ(conversation.machine.next(conversation.now).wish, Wish::consult);
  conversation.machine.body("text\r\n");
  EXPECT_TRUE(conversation.machine.announce(next_mail()));
  conversation.machine.body_end();
  const auto action = conversation.machine.next(conversation.now);
  ASSERT_EQ(action.wish, Wish::send);
  EXPECT_EQ(action.bytes,
            "text\r\n.\r\nMAIL FROM:<c@x.example>\r\nRCPT TO:<d@y.example>\r\nDATA\r\n");
  conversation.machine.sent(action.bytes.size());
  // Its replies may come together with that to the message.
  EXPECT_EQ(conversation.feed("250 kept\r\n250 ok\r\n250 ok\r\n").wish, Wish::done);
  EXPECT_FALSE(conversation.machine.error());
  EXPECT_TRUE(conversation.machine.has_announced());
  EXPECT_TRUE(conversation.machine.report().all_accepted());
  conversation.machine.send({});
  conversation.body_given = false;
  EXPECT_EQ(conversation.settle().wish, Wish::receive);
  conversation.feed("354 go\r\n");
  EXPECT_EQ(conversation.feed("250 kept\r\n").wish, Wish::done);
  EXPECT_TRUE(conversation.machine.report().all_accepted());
  EXPECT_EQ(conversation.machine.report().recipients.at(0).address.text(), "d@y.example");
  EXPECT_EQ(conversation.machine.messages(), 2U);
}

TEST(Announce, NeedsPipelining) {
  Conversation conversation(plain());
  conversation.begin_text();
  ASSERT_EQ(conversation.machine.next(conversation.now).wish, Wish::consult);
  EXPECT_FALSE(conversation.machine.announce(next_mail()));
}

TEST(Announce, AnotherOperationEndsTheConnection) {
  for (const bool quits : {false, true}) {
    Conversation conversation(plain());
    announce_behind_a_message(conversation);
    ASSERT_EQ(conversation.feed("250 kept\r\n").wish, Wish::done);
    quits ? conversation.machine.quit() : conversation.machine.command("NOOP", "");
    EXPECT_EQ(conversation.settle().wish, Wish::done);
    EXPECT_FALSE(conversation.machine.is_usable());
  }
}

TEST(Announce, ARefusedSessionDropsIt) {
  Conversation conversation(plain());
  announce_behind_a_message(conversation);
  EXPECT_EQ(conversation.feed("421 going\r\n").wish, Wish::done);
  EXPECT_FALSE(conversation.machine.has_announced());
  EXPECT_FALSE(conversation.machine.is_usable());
  conversation.machine.send(next_mail());
  EXPECT_EQ(conversation.machine.error()->fault, Fault::closed);
}

}  // namespace
}  // namespace postroad::smtp
