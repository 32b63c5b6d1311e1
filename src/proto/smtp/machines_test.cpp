// Regression tests of both machines: order of replies, unusable connections, refused names, peers
// that do not read. Sessions are in tests/transcripts/.
#include <gtest/gtest.h>

#include "proto/smtp/client/client_machine.hpp"
#include "proto/smtp/path.hpp"
#include "proto/smtp/server/server_machine.hpp"

namespace postroad::smtp {
namespace {

using proto::Time;
using proto::Wish;

std::string said;

proto::Action settle(ServerMachine& machine, Time now) {
  for (;;) {
    const auto action = machine.next(now);
    if (action.wish == Wish::send)
      said += action.bytes, machine.sent(action.bytes.size());
    else if (action.wish == Wish::consult)
      machine.answered({});
    else
      return action;
  }
}

TEST(Row43, TheFirstWaitForAMessageHasADeadlineInTheFuture) {
  ServerOptions options;
  ServerMachine machine(options);
  const Time now{std::chrono::hours(100)};
  settle(machine, now);
  machine.received(
      "HELO c.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n");
  EXPECT_EQ(settle(machine, now).deadline, now + options.limits.data_block);
}

TEST(Row44, ATimeoutOfSendingEndsWithoutAnotherWait) {
  ServerOptions options;
  ServerMachine machine(options);
  const Time now{std::chrono::hours(100)};
  settle(machine, now);
  machine.received("HELP\r\n");
  ASSERT_EQ(machine.next(now).wish, Wish::send);
  machine.sent(5);
  ASSERT_EQ(machine.next(now).wish, Wish::send);
  machine.failed(fail(Fault::timeout, {}, "time"));
  EXPECT_EQ(machine.next(now).wish, Wish::done)
      << "writes a 421 into the middle of a line, and waits for it again";
}

struct Client {
  ClientMachine machine;
  Time now{std::chrono::hours(100)};
  std::string sent, held;
  explicit Client(ClientOptions options = {}) : machine(std::move(options)) {}
  proto::Action settle() {
    for (;;) {
      const auto action = machine.next(now);
      if (action.wish == Wish::send)
        sent += action.bytes, machine.sent(action.bytes.size());
      else
        return action;
    }
  }
  proto::Action feed(std::string bytes) {
    held = std::move(bytes);
    machine.received(held);
    return settle();
  }
  void open() {
    machine.open();
    settle();
    feed("220 mx\r\n");
    feed("250 mx\r\n");
  }
  void mail() {
    machine.send({{*Mailbox::parse("a@x.example"), {*Mailbox::parse("b@y.example")}},
                  std::nullopt,
                  false,
                  false});
    settle();
  }
};

TEST(Row14, NoCommandIsSentOnAConnectionThatTimedOut) {
  for (const bool quit : {false, true}) {
    Client client;
    client.open();
    client.mail();
    client.machine.failed(fail(Fault::timeout, {}, "time"));
    const auto before = client.sent;
    quit ? client.machine.quit() : client.machine.command("NOOP", "");
    EXPECT_EQ(client.settle().wish, Wish::done);
    EXPECT_EQ(client.sent, before);
  }
}

TEST(Row11, AnExtraReplyAfterThe354LeavesNoRecipientWithoutAnOutcome) {
  Client client;
  client.open();
  client.mail();
  client.feed("250 ok\r\n");
  client.feed("250 ok\r\n");
  client.feed("354 go\r\n250 done\r\n");
  ASSERT_TRUE(client.machine.error());
  EXPECT_NE(client.machine.error()->stage, Stage::none);
  EXPECT_EQ(client.machine.report().recipients.at(0).stage, Stage::data);
}

TEST(Row14, AReplyBeforeItsCommandIsWrittenIsNone) {
  Client client;
  client.open();
  client.mail();
  client.feed("250 ok\r\n550 stale\r\n");
  ASSERT_TRUE(client.machine.error());
  EXPECT_EQ(client.machine.error()->fault, Fault::protocol);
}

TEST(Row33, SourceRouteGrammar) {
  for (std::string_view bad : {"<@one.example@two.example:a@x.example>",
                               "<@one.example,:a@x.example>", "<:a@x.example>"}) {
    EXPECT_FALSE(eat_path(bad, {})) << bad;
  }
}

TEST(Helo, ARefusedHeloKeepsTheTransactionAndTheName) {
  ServerOptions options;
  ServerMachine machine(options);
  const Time now{std::chrono::hours(100)};
  settle(machine, now);
  machine.received("EHLO good.example\r\n");
  settle(machine, now);
  machine.received("HELO bad.example\r\n");
  ASSERT_EQ(machine.next(now).wish, Wish::consult);
  machine.answered({550, {5, 7, 1}, "no"});
  settle(machine, now);
  EXPECT_EQ(machine.helo(), "good.example");
  EXPECT_TRUE(machine.is_esmtp());
}

}  // namespace
}  // namespace postroad::smtp
