// Deliveries to mailboxes on a real disk: what arrives, which failures are those of the site, and
// the stop.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <stdexcept>

#include "relay/routes/mailbox_carrier.hpp"
#include "spool/memory.hpp"

namespace postroad::relay {
namespace {

namespace fs = std::filesystem;
using queue::Attempt;

// A spool whose messages cannot be read, with an exception, or not before the test allows it.
class OddSpool final : public spool::Spool {
 public:
  Result<std::unique_ptr<spool::Incoming>> begin() override { return spool_->begin(); }
  Result<void> room(std::uint64_t bytes) override { return spool_->room(bytes); }
  Result<spool::Envelope> envelope(spool::QueueId id) override { return spool_->envelope(id); }
  Result<std::uint64_t> size(spool::QueueId id) override { return spool_->size(id); }
  Result<std::unique_ptr<spool::Reader>> read(spool::QueueId id) override {
    if (throws) throw std::bad_alloc();
    reading.set_value();
    allowed.get_future().wait();
    return spool_->read(id);
  }
  std::vector<spool::Summary> list() override { return spool_->list(); }
  void record(spool::QueueId, std::vector<spool::OutcomeRecord>, spool::Done) override {}
  std::vector<spool::Summary> list_after(spool::QueueId, std::size_t) override { return {}; }
  void commit_with(std::unique_ptr<spool::Incoming>, spool::Envelope, spool::QueueId,
                   std::vector<spool::OutcomeRecord>, spool::Done) override {}
  void remove(spool::QueueId, spool::Done) override {}
  void on_committed(std::function<void(spool::QueueId)>) override {}
  [[nodiscard]] spool::Statistics statistics() const override { return spool_->statistics(); }
  [[nodiscard]] std::vector<std::string> findings() const override { return {}; }

  bool throws = false;
  std::promise<void> reading;
  std::promise<void> allowed;

 private:
  std::unique_ptr<Spool> spool_ = spool::make_memory_spool();
};

struct MailboxDeliveries : ::testing::Test {
  MailboxDeliveries() {
    std::string pattern = testing::TempDir() + "postroad-deliveries-XXXXXX";
    folder = ::mkdtemp(pattern.data());
    maildirs.emplace(Maildirs::open((folder / "mail").string()).value());
    carrier.emplace(*spool, *maildirs, "host.example", 2);
  }
  ~MailboxDeliveries() override {
    carrier.reset();
    fs::remove_all(folder);
  }
  queue::Part put(spool::Spool& into, const std::vector<std::string>& recipients) {
    auto incoming = into.begin();
    EXPECT_TRUE((*incoming)->append("Subject: hi\r\n\r\nhello\r\n"));
    queue::Part part;
    part.id = (*incoming)->id();
    part.envelope.reverse_path = "sender@x.example";
    part.envelope.arrived = 1'800'000'000'000;
    for (const auto& address : recipients) {
      part.recipients.push_back(static_cast<std::uint32_t>(part.envelope.recipients.size()));
      part.envelope.recipients.emplace_back().address = address;
    }
    std::promise<void> kept;
    (*incoming)->commit(part.envelope, [&](const Result<void>&) { kept.set_value(); });
    kept.get_future().wait();
    return part;
  }
  Attempt deliver(const std::vector<std::string>& recipients) {
    const auto part = put(*spool, recipients);
    std::promise<Attempt> ended;
    carrier->carry(part, [&](Attempt attempt) { ended.set_value(std::move(attempt)); });
    return ended.get_future().get();
  }
  std::vector<std::string> messages(const std::string& mailbox) const {
    std::vector<std::string> found;
    std::error_code missing;
    for (const auto& file : fs::directory_iterator(folder / "mail" / mailbox / "new", missing)) {
      std::ifstream stream(file.path());
      found.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    }
    return found;
  }
  fs::path folder;
  std::unique_ptr<spool::Spool> spool = spool::make_memory_spool();
  std::optional<Maildirs> maildirs;
  std::optional<MailboxCarrier> carrier;
};

TEST_F(MailboxDeliveries, EachRecipientFindsItInItsMailbox) {
  const auto attempt = deliver({"ann@here.example", "bob@here.example"});
  ASSERT_EQ(attempt.recipients.size(), 2U);
  for (const auto& one : attempt.recipients) EXPECT_EQ(one.outcome, Outcome::accepted) << one.note;
  EXPECT_FALSE(attempt.site_failure);
  for (const std::string name : {"ann@here.example", "bob@here.example"}) {
    const auto found = messages(name);
    ASSERT_EQ(found.size(), 1U) << name;
    EXPECT_EQ(found[0], "Return-Path: <sender@x.example>\r\nDelivered-To: " + name +
                            "\r\nSubject: hi\r\n\r\nhello\r\n");
  }
}

TEST_F(MailboxDeliveries, AMailboxThatCannotBeWrittenIsNoTroubleOfTheOthers) {
  std::ofstream(folder / "mail" / "bob@here.example") << "a file";
  const auto attempt = deliver({"ann@here.example", "bob@here.example"});
  EXPECT_EQ(attempt.recipients.at(0).outcome, Outcome::accepted);
  EXPECT_EQ(attempt.recipients.at(1).outcome, Outcome::deferred);
  EXPECT_FALSE(attempt.site_failure) << *attempt.site_failure;
  EXPECT_EQ(messages("ann@here.example").size(), 1U);
}

TEST_F(MailboxDeliveries, WithoutTheFolderOfAllMailboxesNobodyGetsMail) {
  fs::remove_all(folder / "mail");
  const auto attempt = deliver({"ann@here.example"});
  EXPECT_EQ(attempt.recipients.at(0).outcome, Outcome::deferred);
  ASSERT_TRUE(attempt.site_failure);
  EXPECT_NE(attempt.site_failure->find("mail"), std::string::npos);
  EXPECT_FALSE(carrier->lacked_room());
}

TEST_F(MailboxDeliveries, AnExceptionDefersTheMessagesAndTheThreadGoesOn) {
  OddSpool odd;
  odd.throws = true;
  MailboxCarrier over_odd(odd, *maildirs, "host.example", 1);
  const auto part = put(odd, {"ann@here.example"});
  for (int i = 0; i < 3; ++i) {
    std::promise<Attempt> ended;
    over_odd.carry(part, [&](Attempt attempt) { ended.set_value(std::move(attempt)); });
    const auto attempt = ended.get_future().get();
    EXPECT_EQ(attempt.recipients.at(0).outcome, Outcome::deferred);
    EXPECT_TRUE(attempt.site_failure);
  }
}

TEST_F(MailboxDeliveries, AStopEndsWhatIsUnderWayAndReturnsTheRestUntried) {
  OddSpool slow;
  MailboxCarrier over_slow(slow, *maildirs, "host.example", 1);
  const auto first = put(slow, {"ann@here.example"});
  const auto second = put(slow, {"bob@here.example"});
  std::promise<Attempt> first_ended;
  std::promise<Attempt> second_ended;
  over_slow.carry(first, [&](Attempt attempt) { first_ended.set_value(std::move(attempt)); });
  slow.reading.get_future().wait();
  over_slow.carry(second, [&](Attempt attempt) { second_ended.set_value(std::move(attempt)); });
  over_slow.begin_stop();
  EXPECT_EQ(second_ended.get_future().get().recipients.at(0).outcome, std::nullopt);
  slow.allowed.set_value();
  EXPECT_EQ(first_ended.get_future().get().recipients.at(0).outcome, Outcome::accepted);
  over_slow.stop(std::chrono::steady_clock::now());
  EXPECT_EQ(messages("ann@here.example").size(), 1U);
  EXPECT_TRUE(messages("bob@here.example").empty());
}

TEST_F(MailboxDeliveries, ADiskWithRoomIsSeenAsOne) {
  EXPECT_TRUE(maildirs->try_write());
  EXPECT_TRUE(maildirs->has_room());
  fs::remove_all(folder / "mail");
  EXPECT_FALSE(maildirs->try_write());
}

}  // namespace
}  // namespace postroad::relay
