// Delivery to mailboxes on a real disk that refuses a write: a quota concerns one mailbox, a full
// disk all. The C library's write() is replaced here, as no test can set a quota.
#include "relay/routes/mailbox_carrier.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <future>

#include "spool/memory.hpp"

namespace {
std::atomic<int> refusal{0};  // errno of each write; 0: they work
}  // namespace

extern "C" [[gnu::visibility("default")]] ssize_t write(int file, const void* bytes,
                                                        std::size_t count) {
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
    auto incoming = spool->begin();
    EXPECT_TRUE((*incoming)->append("Subject: hi\r\n\r\nhello\r\n"));
    part.id = (*incoming)->id();
    part.envelope.recipients.emplace_back().address = "ann@here.example";
    part.recipients = {0};
    (*incoming)->commit(part.envelope, {});
  }
  ~MailboxCarrierTest() override {
    refusal = 0;
    carrier.reset();
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

}  // namespace
}  // namespace postroad::relay
