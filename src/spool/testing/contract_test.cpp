// The contract of spool.hpp: the same tests for both engines.
#include <gtest/gtest.h>

#include "spool/journal/journal.hpp"
#include "spool/memory.hpp"
#include "spool/testing/test_disk.hpp"
#include "spool/testing/workload.hpp"

namespace postroad::spool {
namespace {

using workload::bytes;
using workload::envelope;

struct Engines {
  std::string name;
  std::function<std::unique_ptr<Spool>()> make;
};

std::unique_ptr<Spool> make_journal() {
  const TestDisk disk;
  JournalOptions options;
  options.segment_size = 64 << 10;
  options.chunk_size = 4096;
  auto journal = open_journal(disk.open(), options, 1700000000000);
  return std::move(journal.value());
}

class Contract : public testing::TestWithParam<Engines> {
 protected:
  std::unique_ptr<Spool> spool_ = GetParam().make();
};

TEST_P(Contract, ReturnsStoredMessages) {
  for (const std::size_t size : {0U, 1U, 4095U, 4096U, 4097U, 8192U, 20000U, 200000U}) {
    const auto put = workload::put(*spool_, bytes(size, size), envelope(size, 3));
    ASSERT_TRUE(put.result) << put.result.error();
    EXPECT_EQ(workload::read(*spool_, put.id).value(), bytes(size, size));
    EXPECT_EQ(spool_->envelope(put.id).value(), envelope(size, 3));
    EXPECT_EQ(spool_->size(put.id).value(), size);
  }
}

TEST_P(Contract, PutsBytesInFrontOfAMessageOfAnySize) {
  const std::string head = "Authentication-Results: here; none\r\n";
  for (const std::size_t size : {0U, 1U, 4095U, 4096U, 4097U, 20000U, 200000U}) {
    const auto put = workload::put(*spool_, bytes(size, size), envelope(size, 3), 1000,
                                   {"Received: late\r\n", head});
    ASSERT_TRUE(put.result) << put.result.error();
    const auto whole = head + "Received: late\r\n" + bytes(size, size);
    EXPECT_EQ(workload::read(*spool_, put.id).value(), whole);
    EXPECT_EQ(spool_->size(put.id).value(), whole.size());
    EXPECT_EQ(spool_->envelope(put.id).value(), envelope(size, 3));
  }
}

TEST_P(Contract, ListsOldestFirstWithSizes) {
  std::vector<QueueId> ids;
  for (std::uint64_t i = 0; i < 5; ++i) {
    ids.push_back(workload::put(*spool_, bytes(i, 100 * i), envelope(i)).id);
  }
  const auto list = spool_->list();
  ASSERT_EQ(list.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(list[i].id, ids[i]);
    EXPECT_EQ(list[i].size, 100 * i);
  }
  std::vector<QueueId> paged;
  for (auto page = spool_->list_after({}, 2); !page.empty();
       page = spool_->list_after(page.back().id, 2)) {
    EXPECT_LE(page.size(), 2U);
    for (const auto& one : page) paged.push_back(one.id);
  }
  EXPECT_EQ(paged, ids);
  EXPECT_EQ(spool_->statistics().messages, 5U);
  EXPECT_EQ(spool_->statistics().bytes, 1000U);
  EXPECT_EQ(spool_->statistics().commits, 5U);
}

TEST_P(Contract, DestroyedWithoutCommitLeavesNothing) {
  {
    auto incoming = spool_->begin();
    ASSERT_TRUE((*incoming)->append(bytes(1, 50000)));
  }
  EXPECT_TRUE(spool_->list().empty());
  ASSERT_TRUE(workload::put(*spool_, "a", envelope(1)).result);
  EXPECT_EQ(spool_->list().size(), 1U);
}

TEST_P(Contract, KeepsTheLatestOutcomeOfEachRecipient) {
  const auto id = workload::put(*spool_, "text", envelope(1, 3)).id;
  ASSERT_TRUE(workload::record(*spool_, id,
                               {workload::delivered(0), {2, State::pending, 1, 99, "451 later"}}));
  ASSERT_TRUE(workload::record(*spool_, id, {{2, State::refused, 2, 0, "550 no"}}));
  ASSERT_TRUE(workload::record(*spool_, id, {{2, State::refused, 2, 0, "550 no"}}));
  const auto now = spool_->envelope(id).value();
  EXPECT_EQ(now.recipients[0].state, State::delivered);
  EXPECT_EQ(now.recipients[1].state, State::pending);
  EXPECT_EQ(now.recipients[1].attempts, 0U);
  EXPECT_EQ(now.recipients[2].state, State::refused);
  EXPECT_EQ(now.recipients[2].attempts, 2U);
  EXPECT_EQ(now.recipients[2].note, "550 no");
}

TEST_P(Contract, AnOutcomeWithoutDoneIsVisibleAtOnce) {
  const auto id = workload::put(*spool_, "text", envelope(1)).id;
  spool_->record(id, {workload::delivered(0)});
  EXPECT_EQ(spool_->envelope(id).value().recipients[0].state, State::delivered);
  spool_->remove(id);
  EXPECT_TRUE(spool_->list().empty());
  EXPECT_EQ(spool_->statistics().messages, 0U);
  EXPECT_EQ(spool_->envelope(id).error().fault, Fault::not_found);
}

TEST_P(Contract, RemovingTwiceIsAllowed) {
  const auto id = workload::put(*spool_, "text", envelope(1)).id;
  EXPECT_TRUE(workload::remove(*spool_, id));
  EXPECT_TRUE(workload::remove(*spool_, id));
  EXPECT_EQ(workload::read(*spool_, id).error().fault, Fault::not_found);
  EXPECT_EQ(workload::record(*spool_, id, {workload::delivered(0)}).error().fault,
            Fault::not_found);
}

TEST_P(Contract, ARemovedMessageCanBeReadToItsEnd) {
  const auto id = workload::put(*spool_, bytes(7, 30000), envelope(1)).id;
  auto reader = spool_->read(id);
  ASSERT_TRUE(reader);
  std::string got(*(*reader)->next());
  ASSERT_TRUE(workload::remove(*spool_, id));
  for (std::uint64_t i = 0; i < 20; ++i) {
    const auto other = workload::put(*spool_, bytes(i, 30000), envelope(i)).id;
    ASSERT_TRUE(workload::remove(*spool_, other));
  }
  for (auto part = (*reader)->next(); part && !part->empty(); part = (*reader)->next())
    got += *part;
  EXPECT_EQ(got, bytes(7, 30000));
}

TEST_P(Contract, TheListenerIsCalledBeforeDone) {
  std::vector<std::string> events;
  auto spool = GetParam().make();
  spool->on_committed([&](QueueId id) { events.push_back("listener " + id.text()); });
  auto incoming = spool->begin().value();
  workload::Answer answer;
  incoming->commit(envelope(1), [&, done = answer.done()](Result<void> result) {
    events.emplace_back("done");
    done(std::move(result));
  });
  ASSERT_TRUE(answer.wait());
  EXPECT_EQ(events, (std::vector<std::string>{"listener " + incoming->id().text(), "done"}));
}

TEST_P(Contract, WhenReadyCallsBackOnce) {
  auto incoming = spool_->begin().value();
  std::promise<void> called;
  incoming->when_ready([&] { called.set_value(); });
  called.get_future().get();
}

INSTANTIATE_TEST_SUITE_P(Both, Contract,
                         testing::Values(Engines{"Memory", [] { return make_memory_spool(); }},
                                         Engines{"Journal", make_journal}),
                         [](const auto& parameter) { return parameter.param.name; });

TEST(QueueIdText, IsShortAndRoundTrips) {
  for (const std::uint64_t value :
       std::vector<std::uint64_t>{0, 1, 31, 32, 1700000000000000, UINT64_MAX - 1, UINT64_MAX}) {
    const auto text = QueueId{value}.text();
    EXPECT_LE(text.size(), 13U);
    EXPECT_EQ(text.find_first_of("ILOU"), std::string::npos);
    EXPECT_EQ(QueueId::parse(text).value().value, value);
  }
  EXPECT_EQ(QueueId::parse("1k").value(), QueueId::parse("1K").value());
  for (const auto* wrong :
       {"", "I", "L0", "O", "U", "1 2", "G000000000000", "00000000000000", "../x"}) {
    EXPECT_EQ(QueueId::parse(wrong).error().fault, Fault::input) << wrong;
  }
}

}  // namespace
}  // namespace postroad::spool
