// Each program of the pages send, compose, outcomes, send-many, threads and coroutines, run against
// a test server.
#include <gmock/gmock.h>

#include <atomic>
#include <postroad/testing.hpp>

#include "run_program.hpp"

namespace {

using guide::run;
using postroad::Stage;
using postroad::testing::Act;
using postroad::testing::Encryption;
using postroad::testing::Server;
using testing::HasSubstr;
using testing::Not;

// Runs a program that sends one message, and returns the message.
std::string send_one(const std::string& program) {
  Server server;
  const auto done = run(program, {server.url()});
  EXPECT_EQ(done.exit_code, 0) << done.output;
  EXPECT_EQ(server.received().size(), 1U);
  return server.received().empty() ? "" : server.received()[0].bytes;
}

TEST(Send, SendsToAllRecipientsWithoutBccInTheHeader) {
  Server server;
  const auto done = run("send_first", {server.url()});
  EXPECT_EQ(done.exit_code, 0) << done.output;
  EXPECT_THAT(done.output, HasSubstr("other@example.net accepted 250"));
  ASSERT_EQ(server.received().size(), 1U);
  EXPECT_EQ(server.received()[0].envelope.recipients.size(), 3U);
  EXPECT_THAT(server.received()[0].bytes, Not(HasSubstr("archive@")));
}

TEST(Send, LogsInUnderTls) {
  Server server({.encryption = Encryption::starttls, .extensions = {"AUTH"}});
  server.add_user("me", "secret");
  const auto done =
      run("send_login", {server.url()},
          {.environment = {{"MAIL_PASSWORD", "secret"}, {"SSL_CERT_FILE", server.ca_file()}}});
  EXPECT_EQ(done.exit_code, 0) << done.output;
  EXPECT_THAT(done.output, HasSubstr("logged in at 127.0.0.1:"));
}

TEST(Send, SendsACompleteMessage) {
  EXPECT_THAT(send_one("send_raw"), HasSubstr("Subject: hi\r\n"));
}

TEST(Send, SendsToTheEnvelope) {
  Server server({.extensions = {"DSN"}});
  const auto done = run("send_envelope", {server.url()});
  EXPECT_EQ(done.exit_code, 0) << done.output;
  ASSERT_EQ(server.received().size(), 1U);
  const auto envelope = server.received()[0].envelope;
  EXPECT_EQ(envelope.recipients[0].text(), "owner@example.net");
  EXPECT_EQ(envelope.options.envelope_id, "order-4711");
}

TEST(Compose, EmbedsTheImage) {
  const auto message = send_one("compose_image");
  EXPECT_THAT(message, HasSubstr("multipart/related"));
  EXPECT_THAT(message, HasSubstr("src=\"cid:"));
}

TEST(Compose, RepliesAndInvites) {
  const auto message = send_one("compose_reply");
  EXPECT_THAT(message, HasSubstr("List-Unsubscribe-Post: List-Unsubscribe=One-Click"));
  EXPECT_THAT(message, HasSubstr("method=REQUEST"));
}

TEST(Compose, ReadsTheStream) { EXPECT_THAT(send_one("compose_stream"), HasSubstr("rows.csv")); }

TEST(Compose, KeepsTheStructure) {
  EXPECT_THAT(send_one("compose_structure"), HasSubstr("From: b@example.org\r\n\r\ntwo\r\n"));
}

TEST(Compose, FillsTheTemplateAndRefusesAScript) {
  Server server;
  const auto done = run("compose_template", {server.url()});
  EXPECT_EQ(done.exit_code, 0) << done.output;
  EXPECT_THAT(done.output, HasSubstr("not filled: "));
  ASSERT_EQ(server.received().size(), 1U);
  EXPECT_THAT(server.received()[0].bytes, HasSubstr("Dear Ann &lt;3"));
}

TEST(Outcomes, RetriesTheDeferredRecipient) {
  std::atomic<int> recipients = 0;
  Server server;
  server.decide_by([&](Stage stage, std::string_view, std::uint64_t) {
    const bool first = stage == Stage::rcpt && recipients++ == 0;
    return first ? Act{Act::Kind::answer, {450, {4, 2, 1}, "try later"}} : Act{};
  });
  const auto done = run("outcomes_retry", {server.url()});
  EXPECT_EQ(done.output, "0 recipients are still deferred\n");
  EXPECT_EQ(server.received().size(), 1U);
}

TEST(Outcomes, KnowsTheUnknown) {
  Server server;
  server.at(Stage::end_of_data).keep_and_cut();
  const auto done = run("outcomes_unknown", {server.url()});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_THAT(done.output, HasSubstr("may have been delivered: 127.0.0.1:"));
  EXPECT_EQ(server.received().size(), 1U);
}

TEST(Outcomes, PrintsTheError) {
  const auto done = run("outcomes_error");
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.output, HasSubstr("127.0.0.1:1 CONNECT: "));
  EXPECT_THAT(done.output, HasSubstr("try again later"));
}

TEST(Outcomes, DeliversToNoneIfOneIsRefused) {
  Server server;
  server.at(Stage::rcpt, "bad@example.net").refuse({550, {5, 1, 1}, "no such user"});
  const auto done = run("outcomes_all_or_none", {server.url()});
  EXPECT_EQ(done.output, "you@example.net deferred\nbad@example.net refused\n");
  EXPECT_TRUE(server.received().empty());
}

TEST(SendMany, SharesThreeConnections) {
  Server server;
  EXPECT_EQ(run("many_threads", {server.url()}).output, "");
  EXPECT_EQ(server.received().size(), 8U);
  EXPECT_LE(server.sessions(), 3U);
}

TEST(SendMany, CallsBack) {
  Server server;
  EXPECT_EQ(run("many_callbacks", {server.url()}).output, "100 accepted\n");
  EXPECT_EQ(server.received().size(), 100U);
}

TEST(SendMany, FailsOverToTheSecondRelay) { send_one("many_relays"); }

TEST(SendMany, LimitsTheRate) { send_one("many_rate"); }

TEST(SendMany, ServesCallersInTurn) {
  Server server;
  EXPECT_EQ(run("many_callers", {server.url()}).output, "reset sent\n");
  EXPECT_EQ(server.received().size(), 21U);
}

TEST(SendMany, KeepsMessagesOnDisk) {
  Server server;
  EXPECT_EQ(run("many_outbox", {server.url()}).output, "every recipient has an outcome\n");
  EXPECT_EQ(server.received().size(), 1U);
}

TEST(Threads, GiveEachThreadAClient) {
  Server server;
  EXPECT_EQ(run("threads_clients", {server.url()}).output, "");
  EXPECT_EQ(server.received().size(), 10U);
  EXPECT_EQ(server.sessions(), 2U);
}

TEST(Threads, CancelACall) {
  Server server;
  server.at(Stage::data).stall();
  EXPECT_EQ(run("threads_cancel", {server.url()}).output, "cancelled\n");
}

TEST(Coroutines, Send) {
  Server server;
  EXPECT_EQ(run("coroutine_send", {server.url()}).output, "accepted\n");
}

TEST(Coroutines, UseAPool) {
  Server server;
  EXPECT_EQ(run("coroutine_pool", {server.url()}).output, "20 accepted\n");
}

TEST(Coroutines, CancelACall) {
  Server server;
  server.at(Stage::mail).stall();
  EXPECT_EQ(run("coroutine_cancel", {server.url()}).output, "too late\n");
  EXPECT_TRUE(server.received().empty());
}

}  // namespace
