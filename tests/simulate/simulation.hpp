// One simulated server and its checks; see simulate.cpp. The plan of a seed is in plan.cpp, the
// rest in simulation.cpp.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "queue/dispatcher.hpp"
#include "sim_spool.hpp"
#include "world.hpp"

namespace postroad::simulate {

using queue::Attempt;
using queue::Carrier;
using queue::Dispatcher;
using queue::Part;
using spool::QueueId;

constexpr std::int64_t begin_of_time = 1'800'000'000'000;
constexpr Span whole = 14 * 24h;
constexpr Span patience = 45min;  // for a recipient of a site in good health

inline std::string domain_of(const std::string& address) {
  return address.substr(address.find('@') + 1);
}

struct Totals {
  std::uint64_t messages = 0, attempts = 0, deliveries = 0, bounces = 0, crashes = 0, seeds = 0;
  std::uint64_t findings = 0;
};

class Simulation;

class SimCarrier final : public Carrier, public std::enable_shared_from_this<SimCarrier> {
 public:
  explicit SimCarrier(Simulation& simulation) : simulation_(simulation) {}
  [[nodiscard]] std::size_t limit() const override { return 1000; }
  [[nodiscard]] queue::SiteLimits site_limits(const std::string& site) const override;
  void find_site(const std::string& destination, std::function<void()> found) override;
  void carry(const Part& part, Done done) override;
  void begin_stop() override;
  void stop(std::chrono::steady_clock::time_point) override {}
  std::map<std::string, std::int64_t> under_way;  // attempts, by site

 private:
  Simulation& simulation_;
};

class SimRoutes final : public queue::Routes {
 public:
  explicit SimRoutes(Simulation& simulation)
      : simulation_(simulation), carrier_(std::make_shared<SimCarrier>(simulation)) {}
  [[nodiscard]] queue::Route route(const spool::Envelope& envelope, const queue::Handling&,
                                   std::uint32_t recipient) const override;

 private:
  Simulation& simulation_;
  std::shared_ptr<Carrier> carrier_;
};

class SimReporter final : public queue::Reporter {
 public:
  explicit SimReporter(Simulation& simulation) : simulation_(simulation) {}
  [[nodiscard]] std::vector<queue::OwedReport> owed(const spool::Envelope& envelope,
                                                    const queue::Handling& handling,
                                                    std::int64_t wall, Span age) const override {
    return queue::owed_reports(envelope, handling, {}, wall, age);
  }
  void report(const Part& part, std::vector<queue::OwedReport> owed, Done done) override;

 private:
  Simulation& simulation_;
};

// One attempt at one host.
struct Session {
  QueueId id;
  std::vector<std::uint32_t> recipients;  // of the part
  std::vector<std::string> addresses;     // the same
  Attempt attempt;
  Carrier::Done done;
  std::shared_ptr<SimCarrier> carrier;
  std::string site_name;
  Site* site = nullptr;  // whose session it is, once it is open
  bool has_sent_dot = false;
  bool has_ended = false;
};
using SessionPointer = std::shared_ptr<Session>;

// The life of one recipient of an accepted message.
struct Fate {
  std::string address;
  Span arrived{0};
  std::int64_t deliveries = 0;
  std::int64_t excuses = 0;
  std::int64_t failures_reported = 0;
  bool was_greylisted = false;
  bool was_held = false;
  std::optional<Span> first_delivery{};
};

class Simulation final : public queue::DispatcherObserver {
 public:
  Simulation(std::uint64_t seed, Totals& totals)
      : seed_(seed), totals_(totals), chance(seed), world(World::make(chance)) {}
  void run();
  /// The process ends at this write of the spool, counted from 1: when it was asked for, or when it
  /// is on disk and no caller knows.
  void crash_at(std::uint64_t write, bool is_on_disk);
  void finding(const std::string& text);

  struct Known {
    std::string site;
    Span until{0};
  };

  void begin_session(const Part& part, Carrier::Done done, std::shared_ptr<SimCarrier> carrier);
  void end_session(const SessionPointer& session);
  void failed(const std::string& reason) override { finding("an exception: " + reason); }

 private:
  using Key = std::pair<std::uint64_t, std::uint32_t>;
  void start_process();
  void crash();
  void plan_messages();
  void plan_operator();
  void put_message();
  void drive();
  void send_dot(const SessionPointer& session);
  void judge(Session& session, Site& site);
  void check_begin(const Session& session);
  void check_end();
  [[nodiscard]] queue::DispatcherSettings settings();

  const std::uint64_t seed_;
  Totals& totals_;
  std::string at_write_;  // for findings

 public:
  Chance chance;
  World world;
  Timeline timeline;
  std::map<std::string, Known> known;  // by domain
  SimSpool spool{[this](std::function<void()> done) {
    timeline.after(chance.span(1ms, 50ms), std::move(done));
  }};
  std::map<Key, Fate> fates;

 private:
  std::optional<Dispatcher> dispatcher_;
  std::uint64_t process_ = 0;
  std::vector<SessionPointer> sessions_;
  std::map<std::string, std::vector<Span>> begun_;  // attempts of sites with a rate
  std::set<std::string> held_sites_;
  std::set<std::string> sites_ever_held_;
  std::set<std::string> moved_domains_;
  std::map<std::string, Span> moved_lately_;
  std::vector<QueueId> accepted_;
};

}  // namespace postroad::simulate
