// How a stop ends sessions of the server machine: at once where no message is under way.
#include "proto/smtp/server/server_machine_fixture.hpp"

namespace postroad::smtp {
namespace {

TEST(Stop, AnIdleSessionGets421) {
  SessionUnderTest session;
  session.settle();
  session.feed("HELO client.example\r\n");
  session.machine.stop();
  session.machine.failed(fail(Fault::cancelled, {}, "woken"));
  EXPECT_EQ(session.settle().wish, Wish::done);
  EXPECT_EQ(session.count("421 4.3.2"), 1U);
  EXPECT_EQ(session.machine.ending(), Ending::stopped);
}

// The words of the mechanism, or the password, may never come.
TEST(Stop, AnUnansweredAuthGets421) {
  ServerOptions options;
  options.auth = options.allow_auth_in_clear = true;
  for (const auto* lines : {"AUTH LOGIN\r\n", "AUTH LOGIN\r\ndGVzdA==\r\n", "AUTH LOGIN\r\nhalf"}) {
    SessionUnderTest session(options);
    session.settle();
    session.feed("EHLO client.example\r\n");
    ASSERT_EQ(session.feed(lines).wish, Wish::receive);
    session.machine.stop();
    session.machine.failed(fail(Fault::cancelled, {}, "woken"));
    EXPECT_EQ(session.settle().wish, Wish::done) << lines;
    EXPECT_TRUE(session.said.ends_with("service shutting down, try again later\r\n"))
        << session.said;
    EXPECT_EQ(session.count("421 4.3.2"), 1U);
    EXPECT_EQ(session.machine.ending(), Ending::stopped);
  }
}

// The driver's handshake is cancelled; a second one would wait as long as the first.
TEST(Stop, AHandshakeIsNotBegunAgain) {
  ServerOptions options;
  options.tls = TlsMode::offered;
  for (const bool has_begun : {false, true}) {
    SessionUnderTest session(options);
    session.settle();
    session.feed("EHLO client.example\r\n");
    session.held = "STARTTLS\r\n";
    session.machine.received(session.held);
    const auto ready = session.machine.next(session.now);
    ASSERT_EQ(ready.wish, Wish::send);
    session.machine.sent(ready.bytes.size());
    if (has_begun) {
      ASSERT_EQ(session.machine.next(session.now).wish, Wish::start_tls);
    }
    session.machine.stop();
    if (has_begun) session.machine.failed(fail(Fault::cancelled, {}, "woken"));
    EXPECT_EQ(session.machine.next(session.now).wish, Wish::done);
    EXPECT_EQ(session.machine.ending(), Ending::stopped);
  }
}

TEST(Stop, AQuestionOutsideATransactionIsWithdrawn) {
  for (const auto* command : {"", "EHLO client.example\r\n", "MAIL FROM:<a@x.example>\r\n",
                              "VRFY ann\r\n", "EXPN staff\r\n", "AUTH PLAIN AGEAYg==\r\n"}) {
    ServerOptions options;
    options.vrfy = options.expn = options.auth = options.allow_auth_in_clear = true;
    SessionUnderTest session(options);
    if (const std::string_view line = command; !line.empty()) {
      session.settle();
      if (!line.starts_with("EHLO")) session.feed("EHLO client.example\r\n");
      session.machine.received(line);
    }
    ASSERT_EQ(session.machine.next(session.now).wish, Wish::consult) << command;
    EXPECT_FALSE(session.machine.is_stopped());
    session.machine.stop();
    ASSERT_TRUE(session.machine.is_stopped()) << command;
    session.said.clear();
    session.machine.withdraw_question();
    EXPECT_EQ(session.settle().wish, Wish::done);
    EXPECT_TRUE(session.said.starts_with("421 4.3.2")) << session.said;
    EXPECT_EQ(session.machine.ending(), Ending::stopped);
  }
}

TEST(Stop, AQuestionOfATransactionIsAwaited) {
  SessionUnderTest session;
  session.settle();
  session.feed("HELO client.example\r\nMAIL FROM:<a@x.example>\r\n");
  session.machine.received("RCPT TO:<b@y.example>\r\n");
  ASSERT_EQ(session.machine.next(session.now).wish, Wish::consult);
  session.machine.stop();
  EXPECT_FALSE(session.machine.is_stopped());
}

TEST(Stop, AMessageInProgressIsFinishedFirst) {
  SessionUnderTest session;
  session.begin_text();
  session.machine.stop();
  session.machine.failed(fail(Fault::cancelled, {}, "woken"));
  ASSERT_EQ(session.feed("text\r\n").wish, Wish::receive);
  EXPECT_EQ(session.feed(".\r\n").wish, Wish::done);
  EXPECT_EQ(session.count("250 2.0.0 Ok"), 1U);
  EXPECT_EQ(session.count("421 4.3.2"), 1U);
  EXPECT_EQ(session.kept, 6U);
}

}  // namespace
}  // namespace postroad::smtp
