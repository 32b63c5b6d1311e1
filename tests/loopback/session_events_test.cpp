// Log lines and charges for sessions and messages that end abnormally.
#include <gtest/gtest.h>

#include "policy_support.hpp"

namespace postroad::loopback {
namespace {

server::ListenerSettings implicit_tls() {
  server::ListenerSettings settings;
  settings.smtp.tls = smtp::TlsMode::implicit;
  const auto& server = Certificates::get().server;
  settings.tls =
      net::TlsContext::server({.certificate = server, .key = server, .client_ca = {}}).value();
  return settings;
}

TEST(SessionEvents, EveryOpenedSessionIsClosedWhenImplicitTlsFails) {
  PolicyServer server({}, implicit_tls());
  Typist client(server.port);
  client.type("EHLO in.plaintext\r\n");
  EXPECT_NE(server.lines.wait_for({"session.closed", "\"ending\":\"failed\""}), "");
  EXPECT_EQ(server.lines.count("session.opened"), 1U);
  EXPECT_EQ(server.lines.count("tls.failed"), 1U);
}

TEST(SessionEvents, EveryOpenedSessionIsClosedWhenTheClientLeavesBeforeTls) {
  PolicyServer server({}, implicit_tls());
  Typist(server.port).vanish();
  EXPECT_NE(server.lines.wait_for({"session.closed", "\"ending\":\"closed_by_peer\""}), "");
}

TEST(SessionEvents, AFailedHandshakeIsChargedAsAnError) {
  server::GuardSettings limits;
  limits.client[static_cast<std::size_t>(server::Counted::errors)] = {1, std::chrono::hours(1)};
  PolicyServer server({}, implicit_tls(), limits);
  Typist client(server.port);
  client.type("EHLO in.plaintext\r\n");
  ASSERT_NE(server.lines.wait_for({"session.closed"}), "");
  Typist next(server.port);
  EXPECT_NE(server.lines.wait_for({"client.limited", "\"limit\":\"errors\""}), "");
}

// A policy may be linked with a library that throws anything.
TEST(SessionEvents, EveryOpenedSessionIsClosedWhateverIsThrown) {
  const auto policy = std::make_shared<ScriptedPolicy>(std::map<std::string, ScriptedPolicy::Plan>{
      {"message", {ScriptedPolicy::When::throws_other}}});
  PolicyServer server({policy});
  Typist client(server.port);
  (void)client.reply();
  for (const auto* line :
       {"EHLO client.example", "MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>", "DATA"})
    (void)client.say(line);
  client.type("Subject: x\r\n\r\nbody\r\n.\r\n");
  EXPECT_NE(server.lines.wait_for({"session.closed", "\"ending\":\"failed\""}), "");
  EXPECT_EQ(server.lines.count("session.failed"), 1U);
  EXPECT_EQ(server.lines.count("message.abandoned"), 1U);
  EXPECT_TRUE(policy->wait_for("closed"));
  EXPECT_TRUE(server.server.wait_until_empty(std::chrono::seconds(20)));
}

class Abandoned : public testing::Test {
 protected:
  Abandoned() {
    server::ListenerSettings settings;
    settings.smtp.extensions.chunking = true;
    server_ = std::make_unique<PolicyServer>(server::PolicyChain{}, settings);
    client_ = std::make_unique<Typist>(server_->port);
    (void)client_->reply();
    for (const auto* line :
         {"EHLO client.example", "MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>"})
      (void)client_->say(line);
  }
  void expect_abandoned(const std::string& reason) {
    EXPECT_NE(server_->lines.wait_for({"message.abandoned", "<a@b.example>", reason}), "");
    EXPECT_EQ(server_->lines.count("message.refused"), 0U);
    EXPECT_EQ(server_->lines.count("\"reply\":\"0"), 0U);
    EXPECT_TRUE(server_->store.arrived().empty());
  }
  std::unique_ptr<PolicyServer> server_;
  std::unique_ptr<Typist> client_;
};

TEST_F(Abandoned, AMessageInChunksThatIsResetIsLoggedAsThat) {
  ASSERT_TRUE(client_->say("BDAT 6\r\nabcd").starts_with("250"));
  ASSERT_TRUE(client_->say("RSET").starts_with("250"));
  expect_abandoned("client");
}

TEST_F(Abandoned, AMessageThatIsCutOffIsLoggedAsThat) {
  ASSERT_TRUE(client_->say("DATA").starts_with("354"));
  client_->type("Subject: half a mess");
  client_->vanish();
  expect_abandoned("the session ended before the message did");
}

}  // namespace
}  // namespace postroad::loopback
