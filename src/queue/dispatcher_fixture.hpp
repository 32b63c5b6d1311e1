// Shared by the tests of the dispatcher: a spool in memory or on a disk that fails, clocks that the
// test sets, and a carrier that ends attempts when it is told to. No thread but the test's own,
// except where the stop is tested.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <future>
#include <map>
#include <set>

#include "queue/dispatcher.hpp"
#include "spool/journal/journal.hpp"
#include "spool/memory.hpp"
#include "spool/testing/test_disk.hpp"

namespace postroad::queue {
using namespace std::chrono_literals;
using spool::QueueId;
using spool::State;

constexpr WallTime noon = 1'800'000'000'000;

class ScriptedCarrier final : public Carrier {
 public:
  explicit ScriptedCarrier(std::size_t limit = 100) : limit_(limit) {}
  [[nodiscard]] std::size_t limit() const override { return limit_; }
  void find_site(const std::string& destination, std::function<void()> found) override {
    searches.emplace_back(destination, std::move(found));
  }
  void carry(const Part& part, Done done) override {
    if (throws) throw std::system_error(EAGAIN, std::generic_category(), "no thread");
    seen.push_back(part);
    under_way.push_back({&part, std::move(done)});
    ++begun;
  }
  // The oldest attempts have sent their final dot.
  void begin_stop() override {
    while (under_way.size() > dots) {
      auto call = std::move(under_way.back());
      under_way.pop_back();
      call.done(same_for_all(call.part->recipients.size(), std::nullopt, "stopped"));
    }
  }
  void stop(std::chrono::steady_clock::time_point) override {
    stopped = true;
    while (!under_way.empty()) end(same(std::nullopt, "stopped"));
  }
  struct Call {
    const Part* part;
    Done done;
  };
  /// Ends the oldest attempt.
  void end(Attempt attempt) {
    auto call = std::move(under_way.front());
    under_way.pop_front();
    call.done(std::move(attempt));
  }
  Attempt same(std::optional<Outcome> outcome, const std::string& note) const {
    return same_for_all(under_way.front().part->recipients.size(), outcome, note);
  }
  void end_all(Outcome outcome, const std::string& note) {
    while (!under_way.empty()) end(same(outcome, note));
  }
  std::vector<Part> seen;
  std::deque<Call> under_way;
  std::vector<std::pair<std::string, std::function<void()>>> searches;
  std::atomic<std::size_t> begun = 0;  // attempts; a test may watch it while the dispatcher runs
  std::size_t dots = 0;
  bool stopped = false;
  bool throws = false;

 private:
  std::size_t limit_;
};

// The site of an address is its domain; "nowhere.example" has no route.
struct TestRoutes final : Routes {
  std::map<std::string, std::shared_ptr<Carrier>> carriers;
  std::map<std::string, std::string> moved;  // a domain's other site
  std::set<std::string> unknown;             // domains whose site is to be looked up
  std::set<std::string> stale;               // those of them whose site was known
  [[nodiscard]] Route route(const spool::Envelope& envelope, const Handling&,
                            std::uint32_t recipient) const override {
    const auto& address = envelope.recipients[recipient].address;
    auto site = address.substr(address.find('@') + 1);
    const auto domain = site;
    if (const auto found = moved.find(site); found != moved.end()) site = found->second;
    const auto found = carriers.find(site);
    if (found == carriers.end()) return {site, nullptr, "there is no route to " + site};
    return {site,
            found->second,
            {},
            unknown.contains(domain) ? domain : std::string(),
            stale.contains(domain)};
  }
};

struct Told final : DispatcherObserver {
  void settled(const Part& part, const spool::OutcomeRecord& record) override {
    settlements.push_back({part.envelope.recipients[record.recipient].address, record});
  }
  void attempted(QueueId, const spool::Envelope&) override { ++attempts; }
  void removed(QueueId id, const spool::Envelope&) override { gone.push_back(id.value); }
  void failed(const std::string& reason) override { failures.push_back(reason); }
  void site_changed(const std::string& site, const std::string& reason) override {
    changes.push_back(site + ": " + (reason.empty() ? "up" : reason));
  }
  void site_limited(const std::string& site, std::size_t limit, const std::string&) override {
    limits.push_back(site + ": " + std::to_string(limit));
  }
  void site_waits(const std::string& site, std::chrono::milliseconds, const std::string&) override {
    limits.push_back(site + " waits");
  }
  std::vector<std::pair<std::string, spool::OutcomeRecord>> settlements;
  std::vector<std::uint64_t> gone;
  std::vector<std::string> changes;
  std::vector<std::string> limits;
  std::vector<std::string> failures;
  int attempts = 0;
};

inline std::unique_ptr<spool::Spool> open_journal(const spool::TestDisk& disk) {
  auto opened = spool::open_journal(disk.open(), {}, noon);
  EXPECT_TRUE(opened);
  return std::move(*opened);
}

struct DispatcherTest : ::testing::Test {
  std::unique_ptr<spool::Spool> spool = spool::make_memory_spool();
  Told told;
  Now now{Time(1000h), noon};
  std::shared_ptr<TestRoutes> routes = std::make_shared<TestRoutes>();
  static constexpr auto refusal = "421 4.3.2 closing";  // what refuse_one gives as the reason
  std::shared_ptr<ScriptedCarrier> a = std::make_shared<ScriptedCarrier>();
  std::shared_ptr<ScriptedCarrier> b = std::make_shared<ScriptedCarrier>();
  DispatcherSettings settings;
  std::vector<SiteFacts> remembered;  // by an earlier process
  std::optional<Dispatcher> dispatcher;

  DispatcherTest() { routes->carriers = {{"a.example", a}, {"b.example", b}}; }

  // An attempt that the test never ended holds its carrier.
  ~DispatcherTest() override {
    for (const auto& [site, carrier] : routes->carriers)
      static_cast<ScriptedCarrier&>(*carrier).under_way.clear();
    for (const auto& carrier : {a, b}) carrier->under_way.clear();
  }

  // `a` takes so many messages at once.
  void limit_a(std::size_t limit) {
    a = std::make_shared<ScriptedCarrier>(limit);
    routes->carriers["a.example"] = a;
  }
  void begin() {
    dispatcher.emplace(*spool, told, routes, settings, [this] { return now; });
    dispatcher->remember(remembered);
  }
  QueueId put(const std::vector<std::string>& recipients, Handling handling = {},
              std::int64_t next_attempt = 0) {
    auto incoming = spool->begin();
    EXPECT_TRUE((*incoming)->append("Subject: hi\r\n\r\nhello\r\n"));
    spool::Envelope envelope;
    envelope.reverse_path = "sender@x.example";
    envelope.arrived = now.wall;
    for (const auto& address : recipients) {
      auto& one = envelope.recipients.emplace_back();
      one.address = address;
      one.next_attempt = next_attempt;
    }
    set_handling(envelope, handling);
    const auto id = (*incoming)->id();
    std::promise<bool> kept;
    (*incoming)->commit(std::move(envelope),
                        [&](const Result<void>& result) { kept.set_value(result.has_value()); });
    EXPECT_TRUE(kept.get_future().get());
    return id;
  }
  QueueId queue(const std::vector<std::string>& recipients, const Handling& handling = {},
                std::int64_t next_attempt = 0) {
    const auto id = put(recipients, handling, next_attempt);
    dispatcher->add(id);
    return id;
  }
  // Ends the oldest attempt of `a`: its destination accepts no message now.
  void refuse_one() {
    auto attempt = a->same(Outcome::deferred, refusal);
    attempt.site_failure = refusal;
    a->end(std::move(attempt));
  }
  // Both clocks go on; turns until nothing more is due at once.
  std::optional<Time> pass(std::chrono::milliseconds time = 0ms) {
    now.steady += time;
    now.wall += time.count();
    std::optional<Time> wake;
    for (int i = 0; i < 8; ++i) wake = dispatcher->turn();
    return wake;
  }
  // Another owner of the carrier than the test would be a callback: its destructor would then join
  // the thread that calls back.
  void expect_released(std::shared_ptr<ScriptedCarrier> carrier) {
    pass();
    dispatcher.reset();
    std::erase_if(routes->carriers, [&](const auto& one) { return one.second == carrier; });
    const std::weak_ptr<ScriptedCarrier> held = carrier;
    carrier.reset();
    EXPECT_TRUE(held.expired());
  }
  State state(QueueId id, std::size_t recipient = 0) {
    const auto envelope = spool->envelope(id);
    return envelope ? envelope->recipients.at(recipient).state : State::delivered;
  }
};

}  // namespace postroad::queue
