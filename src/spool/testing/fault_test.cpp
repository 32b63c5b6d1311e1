// The promise of the 250 on a disk that fails: each call of a run fails in turn, once or from then
// on. After the crash that follows, every accepted message is there, complete, and no refused one
// is.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "spool/journal/journal.hpp"
#include "spool/testing/test_disk.hpp"
#include "spool/testing/workload.hpp"

namespace postroad::spool {
namespace {

constexpr std::int64_t now = 1'700'000'000'000;

JournalOptions small() {
  JournalOptions options;
  options.segment_size = 8 << 10;
  options.chunk_size = 512;
  options.pending_limit = 4096;
  return options;
}

enum class Fate { kept, maybe, gone };

/// The state that each message must have after a restart.
class Ledger final {
 public:
  /// A refusal is certain only if the disk accepts another write that records it: a message that
  /// reached a disk which then refuses everything may exist after the next start. The opposite
  /// never happens.
  explicit Ledger(TestDisk& disk, bool refused_may_stay = false)
      : disk_(disk), refused_(refused_may_stay ? Fate::maybe : Fate::gone) {}

  /// False if the disk refuses even the start.
  bool open() {
    auto spool = open_journal(disk_.open(), small(), now);
    if (!spool) return false;
    spool_ = std::move(*spool);
    return true;
  }

  void put(std::uint64_t seed, std::size_t size) {
    const auto put = workload::put_with_head(*spool_, seed, size, workload::envelope(seed, 2));
    if (put.id.value == 0) return;
    lines_[put.id] = {put.result ? Fate::kept : refused_, seed, size, {}};
    kept_ += put.result ? 1 : 0;
  }

  void outcome(QueueId id, const OutcomeRecord& outcome) {
    auto& line = lines_.at(id);
    if (workload::record(*spool_, id, {outcome})) {
      line.certain[outcome.recipient] = outcome.state;
    } else {
      line.certain.erase(outcome.recipient);
    }
  }

  void remove(QueueId id) {
    auto& line = lines_.at(id);
    line.fate = workload::remove(*spool_, id) ? Fate::gone : Fate::maybe;
  }

  /// A removal that no caller waits for: a crash may undo it.
  void remove_lazily(QueueId id) {
    spool_->remove(id);
    lines_.at(id).fate = Fate::maybe;
  }

  [[nodiscard]] std::vector<QueueId> kept() const {
    std::vector<QueueId> ids;
    for (const auto& [id, line] : lines_) {
      if (line.fate == Fate::kept) ids.push_back(id);
    }
    return ids;
  }
  [[nodiscard]] int accepted() const { return kept_; }
  [[nodiscard]] Spool& spool() { return *spool_; }

  void crash(TestDisk::Loss loss) {
    disk_.crash(loss);
    spool_.reset();
    disk_.fail({});
    ASSERT_TRUE(open());
    check();
  }

  void close() { spool_.reset(); }

  void check() {
    for (auto& [id, line] : lines_) {
      auto bytes = workload::read(*spool_, id);
      if (line.fate == Fate::gone) {
        EXPECT_FALSE(bytes) << "message " << line.seed << " came back";
        continue;
      }
      // It was not acknowledged: it may be gone, or listed without a part that did not reach the
      // disk.
      if (line.fate == Fate::maybe && !bytes) {
        if (bytes.error().fault == Fault::not_found) line.fate = Fate::gone;
        continue;
      }
      line.fate = Fate::kept;
      ASSERT_TRUE(bytes) << "message " << line.seed << " is lost: " << bytes.error();
      EXPECT_EQ(*bytes, workload::bytes(line.seed, line.size)) << "message " << line.seed;
      const auto envelope = spool_->envelope(id);
      ASSERT_TRUE(envelope) << envelope.error();
      EXPECT_EQ(envelope->reverse_path, workload::envelope(line.seed, 2).reverse_path);
      for (const auto& [recipient, state] : line.certain) {
        EXPECT_EQ(envelope->recipients[recipient].state, state) << "message " << line.seed;
      }
    }
    for (const auto& summary : spool_->list()) {
      EXPECT_TRUE(lines_.contains(summary.id)) << "a message that was never stored";
    }
  }

 private:
  struct Line {
    Fate fate = Fate::kept;
    std::uint64_t seed = 0;
    std::size_t size = 0;
    std::map<std::uint32_t, State> certain;
  };
  TestDisk& disk_;
  Fate refused_;
  std::unique_ptr<Spool> spool_;
  std::map<QueueId, Line> lines_;
  int kept_ = 0;
};

/// Fills several segments, with removals and outcomes in between, so that segments are deleted and
/// messages are carried forward.
void work(Ledger& ledger) {
  for (std::uint64_t i = 0; i < 14; ++i) {
    ledger.put(i, i % 4 == 3 ? 3000 : 300 * (i % 3));
    const auto kept = ledger.kept();
    if (kept.empty()) continue;
    if (i % 3 == 1) ledger.outcome(kept.front(), workload::delivered(i % 2));
    if (i % 5 == 2) ledger.remove(kept.back());
    if (i % 7 == 5) ledger.remove_lazily(kept[kept.size() / 2]);
  }
}

std::uint64_t calls_of_a_clean_run() {
  TestDisk disk;
  Ledger ledger(disk);
  disk.fail({});
  EXPECT_TRUE(ledger.open());
  work(ledger);
  EXPECT_EQ(ledger.accepted(), 14);
  ledger.close();
  return disk.calls();
}

struct How {
  std::string name;
  Fault fault;
  bool sticky;
  bool partial;
  TestDisk::Loss loss;
};

class EveryCall : public testing::TestWithParam<How> {};

TEST_P(EveryCall, ThatFailsLosesNoAcceptedMessage) {
  const auto& how = GetParam();
  const auto calls = calls_of_a_clean_run();
  ASSERT_GT(calls, 40U);
  for (std::uint64_t call = 1; call <= calls; ++call) {
    SCOPED_TRACE("call " + std::to_string(call));
    TestDisk disk(call);
    Ledger ledger(disk, how.sticky);
    disk.fail({call, how.fault, how.sticky, how.partial});
    if (ledger.open()) work(ledger);
    ASSERT_NO_FATAL_FAILURE(ledger.crash(how.loss));
    ledger.put(99, 700);  // it still accepts messages
    EXPECT_GE(ledger.accepted(), 1);
    ASSERT_NO_FATAL_FAILURE(ledger.crash(TestDisk::Loss::all));
    if (testing::Test::HasFailure()) break;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Row38, EveryCall,
    testing::Values(How{"IoOnceAllLost", Fault::io, false, false, TestDisk::Loss::all},
                    How{"IoOnceTorn", Fault::io, false, true, TestDisk::Loss::random},
                    How{"IoOnceNothingLost", Fault::io, false, true, TestDisk::Loss::none},
                    How{"IoForEverTorn", Fault::io, true, true, TestDisk::Loss::random},
                    How{"FullOnceTorn", Fault::full, false, true, TestDisk::Loss::random},
                    How{"FullForEverNothingLost", Fault::full, true, true, TestDisk::Loss::none}),
    [](const auto& parameter) { return parameter.param.name; });

TEST(Row38, ACrashAtAnyMomentKeepsEveryPromise) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TestDisk disk(seed);
    Ledger ledger(disk);
    ASSERT_TRUE(ledger.open());
    std::mt19937_64 random(seed);
    for (int life = 0; life < 4; ++life) {
      for (auto steps = random() % 20; steps > 0; --steps) {
        ledger.put(random(), random() % 4000);
        const auto kept = ledger.kept();
        if (kept.empty()) continue;
        const auto id = kept[random() % kept.size()];
        const auto choice = random() % 6;
        if (choice == 0) ledger.outcome(id, workload::delivered(random() % 2));
        if (choice == 1) ledger.remove(id);
        if (choice == 2) ledger.remove_lazily(id);
      }
      const auto loss = random() % 3;
      ASSERT_NO_FATAL_FAILURE(ledger.crash(loss == 0   ? TestDisk::Loss::all
                                           : loss == 1 ? TestDisk::Loss::none
                                                       : TestDisk::Loss::random));
    }
    if (testing::Test::HasFailure()) break;
  }
}

/// Blocks the first caller until it is opened.
class Gate final {
 public:
  void pass() {
    if (!std::exchange(first_, false)) return;
    reached_.set_value();
    opened_.get_future().wait();
  }
  void wait_until_reached() { reached_.get_future().wait(); }
  void open() { opened_.set_value(); }

 private:
  bool first_ = true;
  std::promise<void> reached_, opened_;
};

TEST(Row38, NoReplyBeforeTheSync) {
  TestDisk disk;
  Gate gate;
  auto spool = open_journal(disk.open(), {}, now).value();
  disk.before_sync([&] { gate.pass(); });
  auto incoming = spool->begin().value();
  ASSERT_TRUE(incoming->append("text"));
  workload::Answer answer;
  incoming->commit(workload::envelope(1), answer.done());
  gate.wait_until_reached();
  EXPECT_FALSE(answer.is_there());
  EXPECT_TRUE(spool->list().empty());
  gate.open();
  EXPECT_TRUE(answer.wait());
}

TEST(GroupCommit, AllReadyMessagesShareOneSync) {
  TestDisk disk;
  Gate gate;
  auto spool = open_journal(disk.open(), {}, now).value();
  disk.before_sync([&] { gate.pass(); });
  constexpr int many = 50;
  std::vector<workload::Answer> answers(many + 1);
  std::vector<std::unique_ptr<Incoming>> incoming;
  const auto before = disk.syncs();
  for (int i = 0; i <= many; ++i) {
    incoming.push_back(spool->begin().value());
    incoming.back()->commit(workload::envelope(1), answers[i].done());
    if (i == 0) gate.wait_until_reached();  // the first is alone; the others collect behind it
  }
  gate.open();
  for (auto& answer : answers) ASSERT_TRUE(answer.wait());
  EXPECT_EQ(disk.syncs() - before, 2U);
  EXPECT_EQ(spool->statistics().commits, many + 1U);
}

TEST(OutcomeDelay, IsAtMostFiftyMilliseconds) {
  EXPECT_LE(JournalOptions{}.outcome_delay, std::chrono::milliseconds(50));
}

TEST(OutcomeDelay, EndsWithAWriteThatNoCallerAskedFor) {
  TestDisk disk;
  auto options = small();
  options.outcome_delay = std::chrono::milliseconds(1);
  std::promise<void> synced;
  std::atomic<bool> is_recording = false;
  auto spool = open_journal(disk.open(), options, now).value();
  disk.before_sync([&] {
    if (is_recording.exchange(false)) synced.set_value();
  });
  const auto id = workload::put(*spool, "text", workload::envelope(1)).id;
  is_recording = true;
  spool->record(id, {workload::delivered(0)});
  EXPECT_EQ(synced.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST(OutcomeDelay, IsCutShortByTheNextSync) {
  TestDisk disk;
  auto options = small();
  options.outcome_delay = std::chrono::hours(1);
  auto spool = open_journal(disk.open(), options, now).value();
  const auto id = workload::put(*spool, "text", workload::envelope(1)).id;
  const auto before = disk.syncs();
  spool->record(id, {workload::delivered(0)});
  ASSERT_TRUE(workload::put(*spool, "other", workload::envelope(2)).result);
  EXPECT_EQ(disk.syncs() - before, 1U);
  disk.crash(TestDisk::Loss::all);
  spool = open_journal(disk.open(), options, now).value();
  EXPECT_EQ(spool->envelope(id).value().recipients[0].state, State::delivered);
}

class LazyOutcome : public testing::Test {
 protected:
  LazyOutcome() {
    options_ = small();
    options_.outcome_delay = std::chrono::hours(1);  // a put takes them along, nothing else does
    spool_ = open_journal(disk_.open(), options_, now).value();
    for (auto& id : ids_) id = workload::put(*spool_, "text", workload::envelope(1)).id;
  }
  Result<void> put() { return workload::put(*spool_, "other", workload::envelope(2)).result; }
  void expect_recorded() {
    EXPECT_EQ(spool_->envelope(ids_[0]).value().recipients[0].state, State::delivered);
    EXPECT_EQ(spool_->envelope(ids_[1]).error().fault, Fault::not_found);
  }

  TestDisk disk_;
  JournalOptions options_;
  std::unique_ptr<Spool> spool_;
  std::array<QueueId, 2> ids_;
};

TEST_F(LazyOutcome, OfAFailedBatchStaysVisibleAndIsWrittenAgain) {
  disk_.fail({1, Fault::io, true, true});
  spool_->record(ids_[0], {workload::delivered(0)});
  spool_->remove(ids_[1]);
  for (int failures = 0; failures < 3; ++failures) {
    EXPECT_FALSE(put());
    expect_recorded();
  }
  disk_.fail({});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!put() && std::chrono::steady_clock::now() < deadline) {
  }
  disk_.crash(TestDisk::Loss::all);
  spool_ = open_journal(disk_.open(), options_, now).value();
  expect_recorded();
}

TEST_F(LazyOutcome, OfAFailedBatchIsNotRetriedWithoutAPause) {
  disk_.fail({1, Fault::io, true, true});
  for (int i = 0; i < 5000; ++i) spool_->record(ids_[0], {workload::delivered(0)});
  EXPECT_FALSE(put());
  // The attempt that failed makes a few more calls. The next attempt is due in an hour.
  constexpr std::uint64_t calls_of_an_attempt = 8;
  const auto before = disk_.calls();
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  while (std::chrono::steady_clock::now() < end && disk_.calls() - before <= calls_of_an_attempt)
    std::this_thread::yield();
  EXPECT_LE(disk_.calls() - before, calls_of_an_attempt);
}

TEST(Row39, AFullDiskIsReportedAndEndsWhenThereIsSpace) {
  TestDisk disk;
  auto spool = open_journal(disk.open(), small(), now).value();
  const auto first = workload::put(*spool, workload::bytes(1, 900), workload::envelope(1));
  ASSERT_TRUE(first.result);
  disk.fail({1, Fault::full, true, true});
  const auto refused = workload::put(*spool, workload::bytes(2, 900), workload::envelope(2));
  ASSERT_FALSE(refused.result);
  EXPECT_EQ(refused.result.error().fault, Fault::full);
  EXPECT_EQ(workload::read(*spool, first.id).value(), workload::bytes(1, 900));
  disk.fail({});
  // The first message after it makes the writer check again; no restart is needed.
  Result<void> taken = fail(Fault::full, {}, {});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!taken && std::chrono::steady_clock::now() < deadline)
    taken = workload::put(*spool, workload::bytes(3, 900), workload::envelope(3)).result;
  EXPECT_TRUE(taken);
  EXPECT_EQ(spool->list().size(), 2U);
}

TEST(Row39, TheReserveStaysFree) {
  TestDisk disk;
  auto options = small();
  options.reserve = 1 << 20;
  auto spool = open_journal(disk.open(), options, now).value();
  disk.set_available((1 << 20) - 1);
  EXPECT_EQ(spool->begin().error().fault, Fault::full);
  disk.set_available(2 << 20);
  EXPECT_TRUE(spool->begin());
}

}  // namespace
}  // namespace postroad::spool
