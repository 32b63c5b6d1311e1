// Periods: their ends, their files, and the reports that are settled.
#include "relay/tlsrpt/tally.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "relay/tlsrpt/test_session.hpp"

namespace postroad::relay::tlsrpt {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t hour = 3'600'000;
constexpr std::int64_t day = 24 * hour;
constexpr std::int64_t midnight = 20'000 * day;

class TallyTest : public testing::Test {
 protected:
  TallyTest() {
    auto name = (fs::temp_directory_path() / "postroad-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for the test");
    above = name;
    folder = above / "tlsrpt";
    start(midnight + 5 * hour);
  }
  ~TallyTest() override {
    std::error_code ignored;
    fs::remove_all(above, ignored);
  }

  // Also a restart: only the folder is left.
  void start(std::int64_t now) {
    tally.reset();
    tally.emplace(folder, now);
  }
  void count(const std::string& domain) {
    TestSession one;
    one.domain = domain;
    tally->add(one.session());
  }
  // "a.example 0-24", with the hours of the period.
  [[nodiscard]] std::vector<std::string> ended() const {
    std::vector<std::string> found;
    for (const auto& key : tally->keys())
      if (key.has_ended)
        found.push_back(key.domain + ' ' + std::to_string((key.begin - midnight) / hour) + '-' +
                        std::to_string((key.end - midnight) / hour));
    return found;
  }
  [[nodiscard]] std::uint64_t sessions(const std::string& domain) const {
    std::uint64_t sum = 0;
    for (const auto& key : tally->keys()) {
      if (key.domain != domain) continue;
      const auto report = tally->report(key);
      for (const auto& [policy, counted] : report->counts) sum += counted.successful;
    }
    return sum;
  }
  void settle_all() {
    for (const auto& key : tally->keys()) EXPECT_TRUE(tally->settle(key));
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
  }

  fs::path above;
  fs::path folder;
  std::optional<Tally> tally;
};

using Strings = std::vector<std::string>;

TEST_F(TallyTest, APeriodEndsWithItsDay) {
  count("a.example");
  EXPECT_TRUE(tally->turn(midnight + day - 1));
  EXPECT_EQ(ended(), Strings());
  EXPECT_TRUE(tally->turn(midnight + day));
  EXPECT_EQ(ended(), Strings{"a.example 0-24"});
  count("b.example");
  EXPECT_TRUE(tally->turn(midnight + 3 * day));
  EXPECT_EQ(ended(), (Strings{"a.example 0-24", "b.example 24-48"}));
}

TEST_F(TallyTest, APeriodEndsWhenItIsAskedFor) {
  EXPECT_TRUE(tally->turn(midnight + 6 * hour, true));
  EXPECT_EQ(ended(), Strings());
  count("a.example");
  EXPECT_TRUE(tally->turn(midnight + 7 * hour, true));
  count("a.example");
  EXPECT_TRUE(tally->turn(midnight + 25 * hour));
  EXPECT_EQ(ended(), (Strings{"a.example 0-7", "a.example 7-24"}));
}

TEST_F(TallyTest, ARestartKeepsTheWrittenCounts) {
  count("a.example");
  EXPECT_TRUE(tally->turn(midnight + 6 * hour));
  count("a.example");
  EXPECT_TRUE(tally->turn(midnight + 6 * hour + 1));
  start(midnight + 8 * hour);
  EXPECT_EQ(sessions("a.example"), 2U);
  count("a.example");
  EXPECT_TRUE(tally->turn(midnight + day));
  start(midnight + day + hour);
  EXPECT_EQ(ended(), Strings{"a.example 0-24"});
  EXPECT_EQ(sessions("a.example"), 3U);
}

TEST_F(TallyTest, ARestartOnAnotherDayEndsThePeriod) {
  count("a.example");
  EXPECT_TRUE(tally->turn(midnight + 6 * hour));
  start(midnight + 2 * day + hour);
  EXPECT_EQ(ended(), Strings{"a.example 0-24"});
  count("b.example");
  EXPECT_TRUE(tally->turn(midnight + 3 * day));
  EXPECT_EQ(ended(), (Strings{"a.example 0-24", "b.example 48-72"}));
}

TEST_F(TallyTest, ThePeriodAfterOneThatWasAskedForBeginsThereAfterARestart) {
  count("a.example");
  EXPECT_TRUE(tally->turn(midnight + 7 * hour, true));
  settle_all();
  start(midnight + 8 * hour);
  count("a.example");
  EXPECT_TRUE(tally->turn(midnight + day));
  EXPECT_EQ(ended(), Strings{"a.example 7-24"});
}

TEST_F(TallyTest, APeriodWithoutCountsLeavesNoFile) {
  count("a.example");
  EXPECT_TRUE(tally->turn(midnight + 7 * hour, true));
  settle_all();
  EXPECT_TRUE(tally->turn(midnight + day));
  EXPECT_EQ(files(), 1U);  // the lock
}

// Two processes wrote: the end of one is the begin of the other, not in the future.
TEST_F(TallyTest, APeriodEndsWhereTheNextBegins) {
  tally.reset();
  fs::create_directory(folder);
  for (const auto begin : {midnight, midnight + 2 * hour})
    std::ofstream(folder / std::to_string(begin))
        << "policy a.example no-policy-found a.example - -\nok 1\n";
  start(midnight + 3 * hour);
  EXPECT_EQ(ended(), Strings{"a.example 0-2"});
  EXPECT_EQ(sessions("a.example"), 2U);
}

TEST_F(TallyTest, SettledReportsStaySettled) {
  count("a.example");
  count("b.example");
  EXPECT_TRUE(tally->turn(midnight + day));
  EXPECT_TRUE(tally->settle(tally->keys().front()));
  EXPECT_EQ(ended(), Strings{"b.example 0-24"});
  start(midnight + day + hour);
  EXPECT_EQ(ended(), Strings{"b.example 0-24"});
  settle_all();
  EXPECT_EQ(files(), 1U);  // the lock
  start(midnight + day + hour);
  EXPECT_EQ(ended(), Strings());
}

TEST_F(TallyTest, TheUrisThatHaveAReportAreKept) {
  count("a.example");
  count("b.example");
  EXPECT_TRUE(tally->turn(midnight + day));
  const auto key = tally->keys().front();
  EXPECT_TRUE(tally->note_sent(key, "mailto:x@a.example"));
  start(midnight + day + hour);
  EXPECT_TRUE(tally->was_sent(key, "mailto:x@a.example"));
  EXPECT_FALSE(tally->was_sent(key, "mailto:y@a.example"));
  EXPECT_FALSE(tally->was_sent(tally->keys().back(), "mailto:x@a.example"));
}

// A hand-over: the process before writes last, and the one after takes it in.
TEST_F(TallyTest, AFolderBelongsToOneProcess) {
  count("a.example");
  EXPECT_TRUE(tally->turn(midnight + 6 * hour));
  Tally next(folder, midnight + 7 * hour);
  EXPECT_TRUE(next.keys().empty());
  TestSession one;
  one.domain = "b.example";
  next.add(one.session());
  EXPECT_TRUE(next.turn(midnight + 7 * hour));
  count("a.example");
  tally->leave();
  EXPECT_TRUE(next.turn(midnight + 8 * hour));
  tally.reset();
  EXPECT_EQ(next.keys().size(), 2U);
  const auto report = next.report(next.keys().front());
  EXPECT_EQ(report->counts.begin()->second.successful, 2U);
}

TEST_F(TallyTest, CountsWhatFindsNoRoom) {
  TestSession one;
  one.use_sts("version: STSv1\nmode: enforce\nmx: *.a.example\nmax_age: 1\n");
  for (int i = 0; i < 3000; ++i) {
    one.policy.tlsa_base = std::to_string(i);
    tally->add(one.session());
  }
  EXPECT_GT(tally->take_left_out(), 0U);
  EXPECT_EQ(tally->take_left_out(), 0U);
}

TEST_F(TallyTest, AnUnfinishedLineIsPassedOver) {
  count("a.example");
  EXPECT_TRUE(tally->turn(midnight + 6 * hour));
  std::ofstream(folder / std::to_string(midnight), std::ios::app)
      << "b.example no-policy-found b.ex";
  start(midnight + 7 * hour);
  EXPECT_EQ(sessions("a.example"), 1U);
  EXPECT_EQ(sessions("b.ex"), 0U);
  count("a.example");
  EXPECT_TRUE(tally->turn(midnight + 8 * hour));
  start(midnight + 9 * hour);
  EXPECT_EQ(sessions("a.example"), 2U);
}

TEST_F(TallyTest, ADiskThatRefusesLosesNothing) {
  std::ofstream(folder) << "a file in the place of the folder";
  count("a.example");
  const auto kept = tally->turn(midnight + 6 * hour);
  ASSERT_FALSE(kept);
  EXPECT_NE(kept.error().text().find(folder.string()), std::string::npos);
  fs::remove(folder);
  EXPECT_TRUE(tally->turn(midnight + 7 * hour));
  start(midnight + 8 * hour);
  EXPECT_EQ(sessions("a.example"), 1U);
}

TEST_F(TallyTest, AFileWithManyLinesForTheSameCountsIsWrittenAnew) {
  for (int i = 0; i < 40'000; ++i) {
    count("a.example");
    ASSERT_TRUE(tally->turn(midnight + 6 * hour));
  }
  EXPECT_LT(fs::file_size(folder / std::to_string(midnight)), 1'100'000U);
  start(midnight + 7 * hour);
  EXPECT_EQ(sessions("a.example"), 40'000U);
}

}  // namespace
}  // namespace postroad::relay::tlsrpt
