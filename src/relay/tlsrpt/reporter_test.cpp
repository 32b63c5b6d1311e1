// When reports are sent, tried again and given up: a scripted resolver, real time.
#include "relay/tlsrpt/reporter.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include "dns/testing/scripted_resolver.hpp"
#include "queue/schedule.hpp"
#include "relay/tlsrpt/test_session.hpp"

namespace postroad::relay::tlsrpt {
namespace {

using namespace std::chrono_literals;
using Kind = ReportResult::Kind;

// Passes its questions to a resolver that the test keeps.
class Shared final : public dns::Resolver {
 public:
  explicit Shared(dns::Resolver& to) : to_(to) {}

 private:
  void start(std::shared_ptr<dns::Query> query) override { pass_on(to_, std::move(query)); }
  dns::Resolver& to_;
};

class ReporterTest : public testing::Test {
 protected:
  ReporterTest() {
    settings.enabled = true;
    settings.from = {"mx.example.net", "Example", "tls@example.net"};
    settings.flush = 10ms;
    settings.pause = 10ms;
    settings.delay = 0ms;
  }

  void count(const std::string& domain) {
    TestSession one;
    one.domain = domain;
    tally.add(one.session());
  }
  void publish(const std::string& domain, const std::string& rua) {
    resolver.script().records("_smtp._tls." + domain, dns::RecordType::txt,
                              {dns::txt_data({"v=TLSRPTv1; rua=" + rua})});
  }
  void start() {
    Reporter::Parts parts;
    parts.make_resolver = [this](const auto&) -> Result<std::unique_ptr<dns::Resolver>> {
      return std::unique_ptr<dns::Resolver>(std::make_unique<Shared>(resolver));
    };
    parts.queue = [this](const Message&, const std::string& to,
                         std::chrono::milliseconds lifetime) -> Result<std::string> {
      const std::lock_guard lock(mutex);
      EXPECT_EQ(lifetime, settings.lifetime);
      if (refusals > 0) {
        --refusals;
        return fail(Fault::full, "spool", "no room");
      }
      queued.push_back(to);
      return std::string("ID");
    };
    parts.tell = [this](const ReportResult& result) {
      const std::lock_guard lock(mutex);
      told.push_back(result);
      bell.notify_all();
    };
    reporter.emplace(tally);
    reporter->change(settings, std::move(parts));
  }
  // The results of sending now.
  std::vector<ReportResult> send() {
    std::vector<ReportResult> results;
    std::promise<std::size_t> done;
    reporter->send_now([&](const ReportResult& one) { results.push_back(one); },
                       [&](std::size_t number) { done.set_value(number); });
    EXPECT_EQ(done.get_future().get(), results.size());
    return results;
  }
  void wait_for(Kind kind) {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(
        bell.wait_for(lock, 20s, [&] { return !told.empty() && told.back().kind == kind; }));
  }

  dns::ScriptedResolver resolver;
  Tally tally{{}, queue::now_ms()};
  ReporterSettings settings;
  std::mutex mutex;
  std::condition_variable bell;
  std::vector<std::string> queued;
  std::vector<ReportResult> told;
  int refusals = 0;
  std::optional<Reporter> reporter;  // last: its thread uses the others
};

TEST_F(ReporterTest, SendsNow) {
  count("a.example");
  count("b.example");
  publish("a.example", "mailto:x@a.example,mailto:y@a.example");
  start();
  auto results = send();
  ASSERT_EQ(results.size(), 3U);
  std::sort(results.begin(), results.end(),
            [](const auto& one, const auto& other) { return one.uri < other.uri; });
  EXPECT_EQ(results[0].kind, Kind::not_wanted);
  EXPECT_EQ(results[0].domain, "b.example");
  EXPECT_EQ(results[1].uri, "mailto:x@a.example");
  EXPECT_EQ(results[1].text, "queued as ID");
  EXPECT_EQ(results[2].uri, "mailto:y@a.example");
  EXPECT_TRUE(tally.keys().empty());
  EXPECT_TRUE(send().empty());
}

TEST_F(ReporterTest, TriesAgainWhatFailed) {
  count("a.example");
  publish("a.example", "mailto:x@a.example,mailto:y@a.example");
  refusals = 1;
  start();
  const auto results = send();
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].kind, Kind::put_off);
  EXPECT_NE(results[0].text.find("no room"), std::string::npos);
  EXPECT_EQ(results[1].kind, Kind::sent);
  // The end of the period is now: the next turns send the rest.
  const auto is_over = [this] { return tally.keys().empty(); };
  for (int i = 0; i < 2000 && !is_over(); ++i) (void)send();
  EXPECT_TRUE(is_over());
  EXPECT_EQ(queued, (std::vector<std::string>{"y@a.example", "x@a.example"}));
}

TEST_F(ReporterTest, AFailureOfTheDnsIsNoAnswer) {
  count("a.example");
  resolver.script().fail("_smtp._tls.a.example", dns::RecordType::txt);
  settings.pause = 1h;
  start();
  const auto results = send();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].kind, Kind::put_off);
  EXPECT_EQ(tally.keys().size(), 1U);
}

TEST_F(ReporterTest, GivesUpAtTheEndOfTheLifetime) {
  Tally::Key key{};
  count("a.example");
  publish("a.example", "mailto:x@a.example");
  ASSERT_TRUE(tally.turn(queue::now_ms() - 60'000, true));
  refusals = 1'000'000;
  settings.lifetime = 1s;
  start();
  wait_for(Kind::given_up);
  reporter.reset();
  EXPECT_TRUE(tally.keys().empty());
  EXPECT_EQ(told.back().domain, "a.example");
}

TEST_F(ReporterTest, GivesUpAnAddressThatIsNone) {
  count("a.example");
  publish("a.example", "mailto:nobody");
  start();
  const auto results = send();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].kind, Kind::given_up);
  EXPECT_TRUE(tally.keys().empty());
}

TEST_F(ReporterTest, SendsByItselfAfterTheDelay) {
  count("a.example");
  count("b.example");
  publish("a.example", "mailto:x@a.example");
  publish("b.example", "mailto:x@b.example");
  ASSERT_TRUE(tally.turn(queue::now_ms() - 1, true));
  settings.delay = 20ms;
  start();
  std::unique_lock lock(mutex);
  EXPECT_TRUE(bell.wait_for(lock, 20s, [this] { return told.size() == 2; }));
}

TEST_F(ReporterTest, SendingNowDoesNotWaitForTheDelay) {
  count("a.example");
  publish("a.example", "mailto:x@a.example");
  ASSERT_TRUE(tally.turn(queue::now_ms(), true));
  settings.delay = 1000h;
  start();
  count("b.example");
  publish("b.example", "mailto:x@b.example");
  EXPECT_EQ(send().size(), 2U);
}

TEST_F(ReporterTest, AReportThatWentOutIsNotSentAgainByTheNextReporter) {
  count("a.example");
  publish("a.example", "mailto:x@a.example,mailto:y@a.example");
  refusals = 1;
  settings.pause = 1h;
  start();
  EXPECT_EQ(send().size(), 2U);
  start();
  EXPECT_EQ(send().size(), 1U);
  EXPECT_EQ(queued, (std::vector<std::string>{"y@a.example", "x@a.example"}));
}

TEST_F(ReporterTest, SaysWhatIsWrongWithARecord) {
  count("a.example");
  count(std::string(245, 'b'));
  publish("a.example", "ftp://x");
  start();
  auto results = send();
  ASSERT_EQ(results.size(), 2U);
  std::sort(results.begin(), results.end(),
            [](const auto& one, const auto& other) { return one.domain < other.domain; });
  for (const auto& one : results) EXPECT_EQ(one.kind, Kind::not_wanted) << one.text;
  EXPECT_NE(results[0].text.find("neither a mailto:"), std::string::npos) << results[0].text;
}

TEST_F(ReporterTest, EndsWhileADnsServerIsSilent) {
  count("a.example");
  resolver.hold();
  start();
  std::promise<std::size_t> done;
  reporter->send_now({}, [&](std::size_t number) { done.set_value(number); });
  reporter.reset();
  EXPECT_EQ(done.get_future().get(), 0U);
}

}  // namespace
}  // namespace postroad::relay::tlsrpt
