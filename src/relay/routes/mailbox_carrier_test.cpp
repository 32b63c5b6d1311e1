// Delivery to mailboxes on a real disk that refuses a write: a quota concerns one mailbox, a full
// disk all. The C library's write() is replaced here, as no test can set a quota.
#include "relay/routes/mailbox_carrier.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <future>

#include "spool/memory.hpp"

namespace {
std::atomic<int> refusal{0};         // errno of each write; 0: they work
std::function<void()> before_write;  // set while no thread writes
}  // namespace

extern "C" [[gnu::visibility("default")]] ssize_t write(int file, const void* bytes,
                                                        std::size_t count) {
  if (before_write) before_write();
  if (const int number = refusal) {
    errno = number;
    return -1;
  }
  return ::syscall(SYS_write, file, bytes, count);
}

namespace postroad::relay {
namespace {

struct MailboxCarrierTest : ::testing::Test {
  MailboxCarrierTest() {
    std::string pattern = testing::TempDir() + "postroad-carrier-XXXXXX";
    root = ::mkdtemp(pattern.data());
    maildirs.emplace(Maildirs::open((root / "mail").string()).value());
    carrier.emplace(*spool, *maildirs, "host", 1);
    part = make_part();
  }
  queue::Part make_part() const {
    queue::Part made;
    auto incoming = spool->begin();
    EXPECT_TRUE((*incoming)->append("Subject: hi\r\n\r\nhello\r\n"));
    made.id = (*incoming)->id();
    made.envelope.recipients.emplace_back().address = "ann@here.example";
    made.recipients = {0};
    (*incoming)->commit(made.envelope, {});
    return made;
  }
  ~MailboxCarrierTest() override {
    refusal = 0;
    carrier.reset();
    before_write = {};
    std::filesystem::remove_all(root);
  }
  queue::Attempt deliver(int number) {
    refusal = number;
    std::promise<queue::Attempt> ended;
    carrier->carry(part, [&](queue::Attempt attempt) { ended.set_value(std::move(attempt)); });
    auto attempt = ended.get_future().get();
    refusal = 0;
    return attempt;
  }
  [[nodiscard]] std::size_t count_new() const {
    const auto folder = root / "mail/ann@here.example/new";
    if (!std::filesystem::exists(folder)) return 0;
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
  }
  std::filesystem::path root;
  std::unique_ptr<spool::Spool> spool = spool::make_memory_spool();
  std::optional<Maildirs> maildirs;
  std::optional<MailboxCarrier> carrier;
  queue::Part part;
};

TEST_F(MailboxCarrierTest, AMailboxOverItsQuotaIsNoTroubleOfTheOthers) {
  const auto attempt = deliver(EDQUOT);
  EXPECT_EQ(attempt.recipients.at(0).outcome, Outcome::deferred);
  EXPECT_NE(attempt.recipients[0].note.find("quota"), std::string::npos)
      << attempt.recipients[0].note;
  EXPECT_FALSE(attempt.site_failure) << *attempt.site_failure;
  EXPECT_EQ(deliver(0).recipients.at(0).outcome, Outcome::accepted);
}

TEST_F(MailboxCarrierTest, AFullDiskIsEverybodysTrouble) {
  const auto attempt = deliver(ENOSPC);
  EXPECT_EQ(attempt.recipients.at(0).outcome, Outcome::deferred);
  EXPECT_TRUE(attempt.site_failure);
}

// The folder of all mailboxes cannot be written either.
TEST_F(MailboxCarrierTest, ADiskThatIsReadOnlyOrFailsIsEverybodysTrouble) {
  for (const int number : {EROFS, EIO}) {
    const auto attempt = deliver(number);
    EXPECT_EQ(attempt.recipients.at(0).outcome, Outcome::deferred);
    EXPECT_TRUE(attempt.site_failure) << number;
  }
  EXPECT_EQ(deliver(0).recipients.at(0).outcome, Outcome::accepted);
}

TEST_F(MailboxCarrierTest, AFullDiskIsRememberedAsOneThatLacksRoom) {
  (void)deliver(EIO);
  EXPECT_FALSE(carrier->lacked_room());
  (void)deliver(ENOSPC);
  EXPECT_TRUE(carrier->lacked_room());
}

// A reader that empties `new`, and a crash before the outcomes are recorded, together deliver a
// message twice: the time between must be short (bug 31).
TEST_F(MailboxCarrierTest, NoMessageOfABatchIsSeenBeforeAllAreWritten) {
  std::promise<void> begun;
  std::promise<void> both_wait;
  std::atomic<bool> is_first{true};
  std::vector<std::size_t> seen;
  before_write = [&] {
    if (is_first.exchange(false)) {
      begun.set_value();
      both_wait.get_future().wait();
    }
    seen.push_back(count_new());
  };
  const std::vector<queue::Part> parts{make_part(), make_part(), make_part()};
  std::atomic<std::size_t> left = parts.size();
  std::promise<void> all_done;
  const auto done = [&](const queue::Attempt& attempt) {
    EXPECT_EQ(attempt.recipients.at(0).outcome, Outcome::accepted);
    if (--left == 0) all_done.set_value();
  };
  carrier->carry(parts[0], done);
  begun.get_future().wait();  // the next two are one batch
  carrier->carry(parts[1], done);
  carrier->carry(parts[2], done);
  both_wait.set_value();
  all_done.get_future().wait();
  EXPECT_EQ(count_new(), 3U);
  EXPECT_EQ(seen.front(), 0U);
  EXPECT_EQ(seen.back(), 1U) << "the last write saw the first batch and nothing of its own";
}

// Two recipients of a message may have one mailbox.
TEST_F(MailboxCarrierTest, OneMailboxOfTwoRecipientsGetsTheMessageOnce) {
  part.envelope.recipients.push_back(part.envelope.recipients.front());
  part.recipients = {0, 1};
  const auto attempt = deliver(0);
  EXPECT_EQ(attempt.recipients.at(0).outcome, Outcome::accepted);
  EXPECT_EQ(attempt.recipients.at(1).outcome, Outcome::accepted);
  EXPECT_EQ(count_new(), 1U);
}

}  // namespace
}  // namespace postroad::relay
