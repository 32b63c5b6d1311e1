// An outbox that does not retry unknown outcomes, until the program or its next start says so.
#include "outbox_fixture.hpp"

namespace postroad {
namespace {

struct OutboxUnknown : OutboxTest {
  OutboxOptions parking() const {
    auto made = options(server.url());
    made.retry_unknown = false;
    return made;
  }
  // A message whose outcome is unknown; the relay takes the next one.
  std::string submit_unknown(Outbox& outbox) {
    server.at(Stage::end_of_data).keep_and_cut();
    const auto id = outbox.submit(mail("b@y.example"), "order-1");
    EXPECT_TRUE(id && outbox.wait(*id, patience));
    EXPECT_EQ(outbox.status(*id)->recipients[0].outcome, Outcome::unknown);
    server.at(Stage::end_of_data).accept();
    return *id;
  }
  void expect_sent_again(Outbox& outbox, const std::string& id) const {
    ASSERT_TRUE(outbox.wait(id, patience));
    const auto status = outbox.status(id);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->recipients[0].outcome, Outcome::accepted);
    EXPECT_EQ(server.received().size(), 2U);
  }

  testing::Server server;
};

TEST_F(OutboxUnknown, TheProgramReleasesThem) {
  const auto outbox = open(parking());
  const auto id = submit_unknown(*outbox);
  outbox->flush();
  EXPECT_FALSE(server.wait_for(2, 100ms)) << "only messages that wait for an attempt are due";
  outbox->set_retry_unknown(true);
  expect_sent_again(*outbox, id);
  const auto again = outbox->submit(mail("b@y.example"), "order-1");
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, id) << "the key is remembered";
}

TEST_F(OutboxUnknown, AndParksTheNextOnesAgain) {
  const auto outbox = open(options(server.url()));
  outbox->set_retry_unknown(false);
  submit_unknown(*outbox);
  EXPECT_FALSE(server.wait_for(2, 100ms));
}

TEST_F(OutboxUnknown, AStartThatRetriesReleasesThoseBefore) {
  auto outbox = open(parking());
  const auto id = submit_unknown(*outbox);
  outbox.reset();
  outbox = open(options(server.url()));
  expect_sent_again(*outbox, id);
}

}  // namespace
}  // namespace postroad
