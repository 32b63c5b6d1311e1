// Sessions whose policies answer at once, later on the session's thread, later from another thread,
// or never; and which policy of a chain wins. docs/design/13-session-policy.md.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "policy_support.hpp"

namespace postroad::loopback {
namespace {

using When = ScriptedPolicy::When;
using Plan = ScriptedPolicy::Plan;
using std::chrono::milliseconds;

server::ListenerSettings listener() {
  server::ListenerSettings settings;
  settings.smtp.auth = true;
  settings.smtp.allow_auth_in_clear = true;
  settings.smtp.vrfy = true;
  settings.smtp.expn = true;
  settings.smtp.extensions.chunking = true;
  return settings;
}

/// A session up to the command of one step, which is `last`.
struct Dialogue {
  std::string hook;
  std::vector<std::string> before;
  std::string last;
  Reply refusal;  // of the policy
  std::string late = "451 4.3.0 a policy check did not answer in time, try again later";
  bool is_in_message = false;  // a transaction is under way
};

const std::string ehlo = "EHLO client.example";
const std::string mail = "MAIL FROM:<a@client.example>";
const std::string rcpt = "RCPT TO:<b@here.example>";
const std::string text = "Subject: hello\r\n\r\ntext\r\n.";

const std::vector<Dialogue>& dialogues() {
  static const Reply no{550, {5, 7, 1}, "no"};
  const std::string late = Dialogue{}.late;
  static const std::vector<Dialogue> all{
      {"connect",
       {},
       "",
       {554, {5, 7, 1}, "no"},
       "421 4.3.0 a policy check did not answer in time, try again later"},
      {"helo", {}, ehlo, no},
      {"mail", {ehlo}, mail, no},
      {"rcpt", {ehlo, mail}, rcpt, no, late, true},
      {"data", {ehlo, mail, rcpt}, "DATA", no, late, true},
      {"body", {ehlo, mail, rcpt, "DATA"}, text, no, late, true},
      {"message", {ehlo, mail, rcpt, "DATA"}, text, no, late, true},
      {"vrfy", {ehlo}, "VRFY ann", no},
      {"expn", {ehlo}, "EXPN staff", no},
      {"auth",
       {ehlo},
       "AUTH PLAIN AGEAYg==",
       {535, {5, 7, 8}, "no"},
       "454 4.7.0 logins cannot be checked now, try again later"},
  };
  return all;
}

/// Runs the session up to the step; the reply to the step itself is not read yet.
void come_to(Typist& client, const Dialogue& dialogue) {
  if (dialogue.last.empty()) return;
  ASSERT_TRUE(client.reply().starts_with("220"));
  for (const auto& line : dialogue.before) ASSERT_LT(client.say(line).substr(0, 1), "4") << line;
  client.type(dialogue.last + "\r\n");
}

class EachStep : public testing::TestWithParam<Dialogue> {
 protected:
  std::shared_ptr<ScriptedPolicy> policy(When when, Reply reply) {
    return std::make_shared<ScriptedPolicy>(
        std::map<std::string, Plan>{{GetParam().hook, {when, std::move(reply), {}}}});
  }
  [[nodiscard]] std::string refusal() const { return GetParam().refusal.one_line(); }
};

TEST_P(EachStep, IsRefusedAtOnce) {
  PolicyServer server({policy(When::at_once, GetParam().refusal)}, listener());
  Typist client(server.port);
  come_to(client, GetParam());
  EXPECT_EQ(client.reply(), refusal());
  EXPECT_TRUE(server.store.arrived().empty());
}

TEST_P(EachStep, IsRefusedLaterByAnotherThread) {
  const auto scripted = policy(When::held, GetParam().refusal);
  PolicyServer server({scripted}, listener());
  Typist client(server.port);
  come_to(client, GetParam());
  ASSERT_TRUE(scripted->wait_for_held());
  EXPECT_FALSE(client.has_reply(milliseconds(0)));
  scripted->release();
  EXPECT_EQ(client.reply(), refusal());
  EXPECT_TRUE(server.store.arrived().empty());
}

TEST_P(EachStep, IsAllowedLaterBySessionsOwnThread) {
  // The second session is served while the first waits; its VRFY releases the first one's answer.
  if (GetParam().hook == "vrfy" || GetParam().hook == "connect" || GetParam().hook == "helo")
    GTEST_SKIP() << "the second session would wait too";
  const auto scripted = policy(When::held, {});
  PolicyServer server({scripted}, listener());
  Typist client(server.port);
  come_to(client, GetParam());
  ASSERT_TRUE(scripted->wait_for_held());
  Typist other(server.port);
  ASSERT_TRUE(other.reply().starts_with("220"));
  ASSERT_TRUE(other.say(ehlo).starts_with("250"));
  ASSERT_FALSE(client.has_reply(milliseconds(0)));
  ASSERT_TRUE(other.say("VRFY release").starts_with("252"));
  const auto reply = client.reply();
  const auto expected = GetParam().hook == "auth"   ? "535"
                        : GetParam().hook == "data" ? "354"
                                                    : "25";
  EXPECT_TRUE(reply.starts_with(expected)) << reply;
}

TEST_P(EachStep, IsAllowedLaterByAnotherThread) {
  const auto scripted = policy(When::held, {});
  PolicyServer server({scripted}, listener());
  Typist client(server.port);
  come_to(client, GetParam());
  ASSERT_TRUE(scripted->wait_for_held());
  scripted->release();
  const auto reply = client.reply();
  const auto& hook = GetParam().hook;
  const auto* expected = hook == "auth" ? "535" : hook == "data" ? "354" : "2";
  EXPECT_TRUE(reply.starts_with(expected)) << reply;
  EXPECT_EQ(server.store.arrived().size(), hook == "body" || hook == "message" ? 1U : 0U);
}

TEST_P(EachStep, IsRefusedWhenNobodyAnswersInTime) {
  const auto scripted = policy(When::held, {});
  auto settings = listener();
  settings.policy_timeout = milliseconds(20);
  PolicyServer server({scripted}, settings);
  Typist client(server.port);
  come_to(client, GetParam());
  EXPECT_EQ(client.reply(), GetParam().late);
  EXPECT_FALSE(server.lines.wait_for({"policy.timed_out"}).empty());
  scripted->release();  // too late: ignored
  EXPECT_TRUE(server.store.arrived().empty());
}

TEST_P(EachStep, IsRefusedWhenTheAnswerIsDropped) {
  PolicyServer server({policy(When::dropped, {})}, listener());
  Typist client(server.port);
  come_to(client, GetParam());
  EXPECT_EQ(client.reply(), "451 4.3.0 a policy check failed, try again later");
}

TEST_P(EachStep, EndsTheSessionAndNoOtherWhenThePolicyThrows) {
  for (const auto when : {When::throws, When::throws_other}) {
    const auto scripted = policy(when, {});
    PolicyServer server({scripted}, listener());
    Typist client(server.port);
    come_to(client, GetParam());
    EXPECT_EQ(client.reply(), "");
    EXPECT_TRUE(client.is_at_end());
    const auto threw = when == When::throws ? "the policy of " + GetParam().hook + " threw this"
                                            : "unknown exception";
    // At connect there is no session yet.
    const bool is_connect = GetParam().last.empty();
    EXPECT_NE(server.lines.wait_for({is_connect ? "accept.failed" : "session.failed", threw}), "");
    if (!is_connect) {
      EXPECT_NE(server.lines.wait_for({"session.closed", "\"ending\":\"failed\""}), "");
      EXPECT_TRUE(Typist(server.port).reply().starts_with("220")) << "the listener goes on";
    }
    EXPECT_TRUE(scripted->wait_for("closed"));
    EXPECT_TRUE(server.server.wait_until_empty(milliseconds(20'000)));
    EXPECT_TRUE(server.store.arrived().empty());
  }
}

TEST_P(EachStep, IsNotWaitedForByAStopUnlessAMessageIsUnderWay) {
  const auto scripted = policy(When::held, {});
  PolicyServer server({scripted}, listener());
  Typist client(server.port);
  come_to(client, GetParam());
  ASSERT_TRUE(scripted->wait_for_held());
  server.server.begin_stop();
  if (GetParam().is_in_message) {
    EXPECT_FALSE(client.has_reply(milliseconds(0)));
    scripted->release();
    EXPECT_TRUE(client.reply().starts_with(GetParam().hook == "data" ? "354" : "250"));
    return;
  }
  EXPECT_EQ(client.reply(), "421 4.3.2 mail.test.example service shutting down, try again later");
  EXPECT_TRUE(client.is_at_end());
  EXPECT_NE(server.lines.wait_for({"session.closed", "\"ending\":\"stopped\""}), "");
  EXPECT_TRUE(scripted->wait_for("closed"));
  EXPECT_EQ(server.lines.count("policy.timed_out"), 0U);
  EXPECT_EQ(server.lines.count("login.unchecked"), 0U);
  EXPECT_EQ(server.lines.count("client.limited"), 0U);
  scripted->release();  // ignored
}

TEST_P(EachStep, IsStoppedWhileItWaits) {
  const auto scripted = policy(When::held, {});
  {
    PolicyServer server({scripted}, listener());
    Typist client(server.port);
    come_to(client, GetParam());
    ASSERT_TRUE(scripted->wait_for_held());
    server.server.stop(milliseconds(0));
    EXPECT_TRUE(scripted->wait_for("closed"));
  }
  scripted->release();  // the session, the server and its loop are gone
}

TEST_P(EachStep, IsLeftByItsClientWhileItWaits) {
  const auto scripted = policy(When::held, {});
  PolicyServer server({scripted}, listener());
  Typist client(server.port);
  come_to(client, GetParam());
  ASSERT_TRUE(scripted->wait_for_held());
  client.vanish();
  scripted->release();
  EXPECT_TRUE(scripted->wait_for("closed"));
  EXPECT_TRUE(server.server.wait_until_empty(milliseconds(20'000)));
}

INSTANTIATE_TEST_SUITE_P(Policy, EachStep, testing::ValuesIn(dialogues()),
                         [](const auto& one) { return one.param.hook; });

TEST(Policy, PipelinedCommandsWaitBehindTheOneThatIsAsked) {
  const auto scripted =
      std::make_shared<ScriptedPolicy>(std::map<std::string, Plan>{{"mail", {When::held, {}, {}}}});
  PolicyServer server({scripted}, listener());
  Typist client(server.port);
  ASSERT_TRUE(client.reply().starts_with("220"));
  ASSERT_TRUE(client.say(ehlo).starts_with("250"));
  client.type(mail + "\r\n" + rcpt + "\r\nDATA\r\n");
  ASSERT_TRUE(scripted->wait_for_held());
  EXPECT_EQ(scripted->asked().back(), "mail");
  scripted->release();
  EXPECT_EQ(client.reply(), "250 2.1.0 Ok");
  EXPECT_EQ(client.reply(), "250 2.1.5 Ok");
  EXPECT_TRUE(client.reply().starts_with("354"));
  EXPECT_TRUE(client.say(text).starts_with("250"));
}

TEST(Policy, AStopLetsTheMessageUnderWayEnd) {
  const auto scripted = std::make_shared<ScriptedPolicy>(
      std::map<std::string, Plan>{{"message", {When::held, {}, {}}}});
  PolicyServer server({scripted}, listener());
  Typist client(server.port);
  ASSERT_TRUE(client.reply().starts_with("220"));
  for (const auto& line : {ehlo, mail, rcpt, std::string("DATA")}) (void)client.say(line);
  client.type(text + "\r\n");
  ASSERT_TRUE(scripted->wait_for_held());
  server.server.begin_stop();
  EXPECT_FALSE(client.has_reply(milliseconds(0)));
  scripted->release();
  EXPECT_EQ(client.reply(), "250 2.0.0 Ok: queued as TEST");
  EXPECT_TRUE(client.reply().starts_with("421"));
  EXPECT_EQ(server.store.arrived().size(), 1U);
}

TEST(Policy, EveryHookSeesTheSessionAsItStands) {
  const auto scripted = std::make_shared<ScriptedPolicy>(
      std::map<std::string, Plan>{{"auth", {When::at_once, server::login_accepted(), {}}}});
  PolicyServer server({scripted}, listener());
  Typist client(server.port);
  ASSERT_TRUE(client.reply().starts_with("220"));
  for (const auto& line : {ehlo, std::string("AUTH PLAIN AGEAYg=="), mail, rcpt,
                           std::string("DATA"), text, std::string("QUIT")})
    (void)client.say(line);
  ASSERT_TRUE(scripted->wait_for("closed"));
  const std::vector<std::string> hooks{"connect", "helo", "auth",    "mail",
                                       "rcpt",    "data", "message", "closed"};
  EXPECT_EQ(scripted->asked(), hooks);
  const auto place = " [127.0.0.1]:" + std::to_string(server.port) + " mail.test.example helo=";
  const auto at_connect = scripted->seen("connect");
  EXPECT_TRUE(at_connect.starts_with("[127.0.0.1]:")) << at_connect;
  EXPECT_NE(at_connect.find(" 127.0.0.1 "), std::string::npos) << at_connect;
  EXPECT_TRUE(at_connect.ends_with(place + " login= SMTP tls=")) << at_connect;
  const auto at_end = scripted->seen("message");
  EXPECT_TRUE(at_end.ends_with(place + "client.example login=a ESMTPA tls=")) << at_end;
  EXPECT_EQ(scripted->seen("closed"), at_end);
}

TEST(PolicyChain, AsksInOrderUntilTheFirstRefusal) {
  const Plan held{When::held, {}, {}};
  const auto first = std::make_shared<ScriptedPolicy>(std::map<std::string, Plan>{{"rcpt", held}});
  const auto second = std::make_shared<ScriptedPolicy>(
      std::map<std::string, Plan>{{"rcpt", {When::held, {550, {5, 1, 1}, "second says no"}, {}}}});
  const auto third = std::make_shared<ScriptedPolicy>();
  PolicyServer server({first, second, third}, listener());
  Typist client(server.port);
  ASSERT_TRUE(client.reply().starts_with("220"));
  for (const auto& line : {ehlo, mail}) (void)client.say(line);
  client.type(rcpt + "\r\n");
  ASSERT_TRUE(first->wait_for_held());
  EXPECT_EQ(second->asked().back(), "mail") << "asked before the first has answered";
  first->release();
  ASSERT_TRUE(second->wait_for_held());
  second->release();
  EXPECT_EQ(client.reply(), "550 5.1.1 second says no");
  EXPECT_EQ(third->asked().back(), "mail") << "asked though another one refused";
}

TEST(PolicyChain, ThePolicyThatKnowsAnAddressOrAUserDecides) {
  const auto silent = std::make_shared<ScriptedPolicy>();
  const auto knows = std::make_shared<ScriptedPolicy>(std::map<std::string, Plan>{
      {"vrfy", {When::at_once, {250, {2, 1, 5}, "<ann@here.example>"}, {}}},
      {"auth", {When::held, server::login_accepted(), {}}}});
  const auto last = std::make_shared<ScriptedPolicy>(
      std::map<std::string, Plan>{{"vrfy", {When::at_once, {550, {5, 1, 1}, "never asked"}, {}}},
                                  {"auth", {When::at_once, server::login_refused(), {}}}});
  PolicyServer server({silent, knows, last}, listener());
  Typist client(server.port);
  ASSERT_TRUE(client.reply().starts_with("220"));
  (void)client.say(ehlo);
  EXPECT_EQ(client.say("VRFY ann"), "250 2.1.5 <ann@here.example>");
  client.type("AUTH PLAIN AGEAYg==\r\n");
  ASSERT_TRUE(knows->wait_for_held());
  knows->release();
  EXPECT_EQ(client.reply(), "235 2.7.0 Authentication successful");
}

TEST(PolicyChain, FieldsOfALaterPolicyStandInFrontOfThoseOfAnEarlierOne) {
  const auto first = std::make_shared<ScriptedPolicy>(std::map<std::string, Plan>{
      {"message", {When::held, {}, {"First: 1\r\n", {{"SCORE", "3"}}}}}});
  const auto second = std::make_shared<ScriptedPolicy>(std::map<std::string, Plan>{
      {"message", {When::at_once, {}, {"Second: 2\r\n", {{"SEEN", ""}}}}}});
  PolicyServer server({first, second}, listener());
  Typist client(server.port);
  ASSERT_TRUE(client.reply().starts_with("220"));
  for (const auto& line : {ehlo, mail, rcpt, std::string("DATA")}) (void)client.say(line);
  client.type(text + "\r\n");
  ASSERT_TRUE(first->wait_for_held());
  first->release();
  EXPECT_TRUE(client.reply().starts_with("250"));
  const auto arrived = server.store.arrived();
  ASSERT_EQ(arrived.size(), 1U);
  EXPECT_EQ(arrived[0].bytes, "Second: 2\r\nFirst: 1\r\nSubject: hello\r\n\r\ntext\r\n");
  const std::vector<std::pair<std::string, std::string>> options{{"SCORE", "3"}, {"SEEN", ""}};
  EXPECT_EQ(arrived[0].options, options);
}

// A policy that waits for something may do so in a coroutine on the session's thread.
class CoroutinePolicy final : public server::SessionPolicy {
 public:
  void mail(const server::SessionInfo& info, const smtp::Transaction&,
            server::Answer answer) override {
    boost::asio::co_spawn(info.executor, run(std::this_thread::get_id(), std::move(answer)),
                          boost::asio::detached);
  }

 private:
  static boost::asio::awaitable<void> run(std::thread::id asked_on, server::Answer answer) {
    co_await boost::asio::post(boost::asio::use_awaitable);
    const bool is_same = std::this_thread::get_id() == asked_on;
    answer({550, {5, 7, 1}, is_same ? "the same thread" : "another thread"});
  }
};

TEST(Policy, MayRunCoroutinesOnTheSessionsThread) {
  PolicyServer server({std::make_shared<CoroutinePolicy>()}, listener());
  Typist client(server.port);
  ASSERT_TRUE(client.reply().starts_with("220"));
  ASSERT_TRUE(client.say(ehlo).starts_with("250"));
  EXPECT_EQ(client.say(mail), "550 5.7.1 the same thread");
}

}  // namespace
}  // namespace postroad::loopback
