// The server machine where a transcript cannot show it: deadlines by a clock of the test, memory
// for bytes and replies, secret bytes. Sessions are in tests/transcripts/. Row24, Row32,
// Row43 and Row44 are rows of tests/transcripts/guards.md: secrets in traces, unbounded input,
// deadlines that a byte moves, unread replies.
#include "proto/smtp/server/server_machine_fixture.hpp"

namespace postroad::smtp {
namespace {
TEST(Row43, OneByteAMinuteGainsNothing) {
  SessionUnderTest session;
  const auto deadline = session.settle().deadline;
  EXPECT_EQ(deadline, session.now + session.options.limits.command);
  for (const char c : std::string_view("HELO client.exampl")) {
    session.now += seconds(10);
    EXPECT_EQ(session.feed(std::string(1, c)).deadline, deadline);
  }
  EXPECT_EQ(session.feed("e\r\n").deadline, session.now + session.options.limits.command)
      << "a whole command begins a new wait";
}

TEST(Row43, AnEndlessLineGainsNothing) {
  SessionUnderTest session;
  const auto deadline = session.settle().deadline;
  for (int i = 0; i < 100; ++i) {
    session.now += seconds(1);
    EXPECT_EQ(session.feed(std::string(1000, 'x')).deadline, deadline);
  }
}

TEST(Row43, AResponseOfAuthHasTheDeadlineOfACommand) {
  ServerOptions options;
  options.auth = options.allow_auth_in_clear = true;
  SessionUnderTest session(options);
  session.settle();
  session.feed("EHLO client.example\r\n");
  const auto deadline = session.feed("AUTH LOGIN\r\n").deadline;
  for (const char c : std::string_view("dGVzdA==")) {
    session.now += seconds(10);
    EXPECT_EQ(session.feed(std::string(1, c)).deadline, deadline);
  }
}

TEST(Row43, AMessageHasADeadlinePerBlockAndOneInAll) {
  ServerOptions options;
  options.limits.data_block_size = 1000;
  options.limits.data_block = minutes(3);
  options.limits.transaction = minutes(10);
  SessionUnderTest session(options);
  session.begin_text();
  const auto begun = session.now;
  auto deadline = session.feed("x").deadline;
  EXPECT_EQ(deadline, begun + minutes(3));
  for (int i = 0; i < 100; ++i) {
    session.now += seconds(1);
    EXPECT_EQ(session.feed("x").deadline, deadline) << "a byte moved the block's deadline";
  }
  deadline = session.feed(std::string(1000, 'x')).deadline;
  EXPECT_EQ(deadline, session.now + minutes(3)) << "a whole block begins a new wait";
  for (int i = 0; i < 20; ++i) {
    session.now += minutes(1);
    deadline = session.feed(std::string(2000, 'x')).deadline;
    EXPECT_LE(deadline, begun + minutes(10)) << "the whole text has its own deadline";
  }
}

TEST(Row43, ATransactionHasADeadlineFromItsMailOn) {
  ServerOptions options;
  options.limits.command = minutes(5);
  options.limits.transaction = minutes(10);
  SessionUnderTest session(options);
  session.settle();
  session.feed("HELO client.example\r\n");
  session.now += minutes(4);
  EXPECT_EQ(session.feed("NOOP\r\n").deadline, session.now + minutes(5)) << "nothing is under way";
  session.feed("MAIL FROM:<a@x.example>\r\n");
  const auto begun = session.now;
  for (int i = 1; i <= 3; ++i) {
    session.now += minutes(3);
    EXPECT_EQ(session.feed("RCPT TO:<b@y.example>\r\n").deadline,
              std::min(session.now + minutes(5), begun + minutes(10)))
        << "one recipient every few minutes";
  }
  EXPECT_EQ(session.feed("DATA\r\n").deadline, begun + minutes(10)) << "the text is part of it";
  EXPECT_EQ(session.feed("x\r\n.\r\n").deadline, session.now + minutes(5)) << "it has ended";
  session.feed("MAIL FROM:<a@x.example>\r\n");
  EXPECT_EQ(session.feed("RSET\r\n").deadline, session.now + minutes(5));
}

TEST(Deadlines, OfABlockStandStillWhileThePolicyTakesItsTime) {
  ServerOptions options;
  options.limits.data_block = minutes(3);
  SessionUnderTest session(options);
  session.begin_text();
  const auto deadline = session.now + minutes(3);
  session.answer_takes = minutes(2);
  for (int i = 1; i <= 5; ++i)
    EXPECT_EQ(session.feed("x").deadline, deadline + i * minutes(2)) << "after part " << i;
  session.answer_takes = seconds(0);
  session.now += seconds(1);
  EXPECT_EQ(session.feed("x").deadline, deadline + minutes(10)) << "a byte moved it";
}

TEST(Deadlines, OfAChunkStandStillToo) {
  ServerOptions options;
  options.extensions.chunking = true;
  options.limits.data_block = minutes(3);
  SessionUnderTest session(options);
  session.settle();
  session.feed("EHLO client.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n");
  const auto deadline = session.feed("BDAT 100 LAST\r\n").deadline;
  session.answer_takes = minutes(5);
  EXPECT_EQ(session.feed("x").deadline, deadline + minutes(5));
}

TEST(Deadlines, OfATransactionStandStillWhileAnyAnswerIsAwaited) {
  ServerOptions options;
  options.limits.command = minutes(5);
  options.limits.transaction = minutes(6);
  SessionUnderTest session(options);
  session.settle();
  session.feed("HELO client.example\r\nMAIL FROM:<a@x.example>\r\n");
  const auto end = session.now + minutes(6);
  session.answer_takes = minutes(10);
  const auto deadline = session.feed("RCPT TO:<b@y.example>\r\n").deadline;  // `feed` moves `now`
  EXPECT_EQ(deadline, session.now + minutes(5));
  session.answer_takes = seconds(0);
  session.now += minutes(4);
  EXPECT_EQ(session.feed("RCPT TO:<c@y.example>\r\n").deadline, end + minutes(10));
}

TEST(Row43, APeerThatReadsOneByteAMinuteGainsNothing) {
  SessionUnderTest session;
  session.settle();
  session.held = "HELP\r\n";
  session.machine.received(session.held);
  auto action = session.machine.next(session.now);
  ASSERT_EQ(action.wish, Wish::send);
  const auto deadline = action.deadline;
  EXPECT_EQ(deadline, session.now + session.options.limits.send);
  for (int i = 0; i < 10; ++i) {
    session.now += seconds(5);
    session.machine.sent(1);
    action = session.machine.next(session.now);
    ASSERT_EQ(action.wish, Wish::send);
    EXPECT_EQ(action.deadline, deadline);
  }
}

TEST(Row43, ATimeoutIsReportedAndEndsTheSession) {
  SessionUnderTest session;
  session.settle();
  session.machine.failed(fail(Fault::timeout, {}, "time"));
  EXPECT_EQ(session.settle().wish, Wish::done);
  EXPECT_EQ(session.machine.ending(), Ending::timeout);
  EXPECT_EQ(session.count("421 4.4.2"), 1U);
  session.machine.failed(fail(Fault::timeout, {}, "time"));
  EXPECT_EQ(session.settle().wish, Wish::done);
}

TEST(Row44, UnreadRepliesStopReading) {
  ServerOptions options;
  options.limits.replies = 500;
  SessionUnderTest session(options);
  session.settle();
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "HELP\r\n";
  session.feed(many);
  EXPECT_EQ(session.count("214 2.0.0 HELP <command>"), 1000U);
  EXPECT_LT(session.largest, options.limits.replies + 300) << "the limit and one reply";
}

TEST(Row44, NothingIsReadWhileRepliesWait) {
  ServerOptions options;
  options.limits.replies = 500;
  SessionUnderTest session(options);
  session.settle();
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "HELP\r\n";
  session.machine.received(many);
  for (int i = 0; i < 2000; ++i) {
    const auto action = session.machine.next(session.now);
    ASSERT_EQ(action.wish, Wish::send) << "the machine asks for bytes though replies wait";
    ASSERT_LT(action.bytes.size(), options.limits.replies + 300);
    session.machine.sent(1);
  }
}

TEST(Row44, ADeclaredSizeReservesNothing) {
  ServerOptions options;
  options.limits.message_size = std::uint64_t{1} << 62;
  SessionUnderTest session(options);
  session.settle();
  session.feed("EHLO client.example\r\nMAIL FROM:<a@x.example> SIZE=" +
               std::to_string(std::uint64_t{1} << 61) + "\r\n");
  EXPECT_TRUE(session.said.ends_with("250 2.1.0 Ok\r\n")) << session.said;
}

TEST(Row32, NothingIsKeptOfALineWithoutEnd) {
  SessionUnderTest session;
  session.settle();
  for (int i = 0; i < 2000; ++i)
    ASSERT_EQ(session.feed(std::string(5000, 'x')).wish, Wish::receive);
  session.feed("\r\nNOOP\r\n");
  EXPECT_EQ(session.count("500 5.5.2 command line too long"), 1U);
  EXPECT_EQ(session.count("250 2.0.0 Ok"), 1U);
}

TEST(Row32, ThousandsOfRecipientsEndAtTheLimit) {
  ServerOptions options;
  options.limits.errors = 100000;
  SessionUnderTest session(options);
  session.settle();
  session.feed("HELO client.example\r\nMAIL FROM:<a@x.example>\r\n");
  for (int i = 0; i < 3000; ++i) session.feed("RCPT TO:<b" + std::to_string(i) + "@y.example>\r\n");
  EXPECT_EQ(session.machine.transaction().recipients.size(), 1000U);
  EXPECT_EQ(session.count("452 4.5.3"), 2000U);
}

TEST(Row32, ThousandsOfBadCommandsEndTheSession) {
  SessionUnderTest session;
  session.settle();
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "X\r\n";
  EXPECT_EQ(session.feed(many).wish, Wish::done);
  EXPECT_EQ(session.count("500 5.5.2 command not recognized: X"),
            session.options.limits.errors + 1);
  EXPECT_EQ(session.machine.ending(), Ending::too_many_errors);
}

TEST(Row32, ARefusedMessageIsReadAndNotKept) {
  ServerOptions options;
  options.limits.message_size = 10000;
  SessionUnderTest session(options);
  session.begin_text();
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(session.feed(std::string(998, 'x') + "\r\n").wish, Wish::receive);
  EXPECT_LE(session.kept, options.limits.message_size);
  session.feed(".\r\n");
  EXPECT_EQ(session.count("552 5.3.4"), 1U);
}

TEST(FutureRelease, HoldUntilIsJudgedByTheTimeOfMail) {
  ServerOptions options;
  options.extensions.future_release = true;
  options.extensions.longest_hold = std::chrono::hours(1);
  SessionUnderTest session(options);
  session.wall = std::chrono::sys_days(std::chrono::year(2026) / 11 / 28);
  session.settle();
  session.feed("EHLO client.example\r\n");
  const std::string mail = "MAIL FROM:<a@x.example> HOLDUNTIL=2026-11-28T01:30:00Z\r\n";
  session.feed(mail);
  EXPECT_EQ(session.count("501 5.5.4"), 1U) << session.said;
  session.now += minutes(31);
  session.feed(mail);
  EXPECT_TRUE(session.said.ends_with("250 2.1.0 Ok\r\n")) << session.said;
}

TEST(Bdat, AnAbandonedMessageHasItsReason) {
  ServerOptions options;
  options.extensions.chunking = true;
  SessionUnderTest session(options);
  session.settle();
  session.feed("EHLO client.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n");
  session.feed("BDAT 4\r\ntextRSET\r\n");
  EXPECT_EQ(session.reason, "abandoned by the client with RSET");
}

TEST(Row24, TheBytesOfAnExchangeAreSecret) {
  ServerOptions options;
  options.auth = options.allow_auth_in_clear = true;
  SessionUnderTest session(options);
  session.settle();
  EXPECT_FALSE(session.feed("EHLO client.example\r\n").secret);
  EXPECT_TRUE(session.feed("AUTH LOGIN\r\n").secret);
  EXPECT_TRUE(session.feed("dGVzdA==\r\n").secret);
  EXPECT_FALSE(session.feed("c2VjcmV0\r\n").secret);
  EXPECT_EQ(session.machine.login(), "test");
}

}  // namespace
}  // namespace postroad::smtp
