// From a session into the spool: what a policy adds at the end of a message.
#include "relay/intake.hpp"

#include <gtest/gtest.h>

#include "queue/handling.hpp"
#include "spool/memory.hpp"

namespace postroad::relay {
namespace {

struct IntakeTest : ::testing::Test {
  std::unique_ptr<spool::Spool> spool = spool::make_memory_spool();
  Intake intake{*spool, std::make_shared<const Directory>(
                            Directory::make({{"here.example"}, {"ann"}, {}, ""}).value())};

  spool::QueueId take(const std::string& message, server::Additions additions) {
    server::SessionInfo info;
    info.client = "[192.0.2.1]:4711";
    info.helo = "client.example";
    info.host = "mail.here.example";
    smtp::Transaction transaction;
    transaction.reverse_path = Mailbox{"a", "client.example"};
    transaction.recipients.push_back(Mailbox{"ann", "here.example"});
    auto opened = intake.open(info, transaction);
    EXPECT_TRUE(opened.sink);
    EXPECT_TRUE(opened.sink->append(message));
    const auto id = spool::QueueId::parse(opened.sink->id());
    Reply reply;
    opened.sink->commit(std::move(additions), [&](Reply said) { reply = std::move(said); });
    EXPECT_EQ(reply.code, 250) << reply.text;
    return *id;
  }
  std::string bytes(spool::QueueId id) {
    auto reader = spool->read(id);
    EXPECT_TRUE(reader);
    std::string all;
    for (auto chunk = (*reader)->next(); chunk && !chunk->empty(); chunk = (*reader)->next())
      all += *chunk;
    return all;
  }
};

TEST_F(IntakeTest, EightBitBytesInFieldsThatAPolicyAddsAreNoticed) {
  const std::string message = "Subject: a\r\n\r\ntext\r\n";
  const auto plain = take(message, {"X-Checked: yes\r\n", {}});
  EXPECT_FALSE(queue::handling_of(*spool->envelope(plain)).undeclared_8bit);
  const auto with = take(message, {"X-Checked: gepr\xc3\xbc"
                                   "ft\r\n",
                                   {}});
  EXPECT_TRUE(queue::handling_of(*spool->envelope(with)).undeclared_8bit);
  EXPECT_TRUE(
      bytes(with).starts_with("X-Checked: gepr\xc3\xbc"
                              "ft\r\nReceived: "));
}

TEST_F(IntakeTest, OptionsOfAPolicyAreKeptAndChangeNoHandling) {
  const std::string message = "Subject: a\r\n\r\ntext\r\n";
  const auto without = take(message, {});
  const auto with =
      take(message, {{}, {{"KEY", "k"}, {"KEPT-HERE", ""}, {"MAIL", " MT-PRIORITY=9"}}});
  const auto envelope = *spool->envelope(with);
  EXPECT_EQ(queue::handling_of(envelope), queue::handling_of(*spool->envelope(without)));
  const decltype(envelope.options) options{
      {"POLICY.KEY", "k"}, {"POLICY.KEPT-HERE", ""}, {"POLICY.MAIL", " MT-PRIORITY=9"}};
  EXPECT_EQ(envelope.options, options);
}

}  // namespace
}  // namespace postroad::relay
