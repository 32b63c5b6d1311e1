// The outside of a simulated server: hosts that serve domains, with outages, limits and tempers of
// their own, and a clock. All chance is by the seed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "queue/carrier.hpp"

namespace postroad::simulate {

using namespace std::chrono_literals;
using Span = std::chrono::milliseconds;  // also a time since the begin of the simulation

class Chance final {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}
  /// From `least` to `most`.
  std::int64_t number(std::int64_t least, std::int64_t most) {
    return least +
           static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(most - least + 1));
  }
  Span span(Span least, Span most) { return Span(number(least.count(), most.count())); }
  bool is(int percent) { return number(1, 100) <= percent; }

 private:
  std::mt19937_64 engine_;
};

/// Virtual time: what is to happen, in order.
class Timeline final {
 public:
  [[nodiscard]] Span now() const { return now_; }
  void after(Span delay, std::function<void()> what) {
    events_.push({now_ + delay, ++last_, std::move(what)});
  }
  [[nodiscard]] bool is_empty() const { return events_.empty(); }
  [[nodiscard]] Span next() const { return events_.top().at; }
  void advance(Span to) { now_ = std::max(now_, to); }
  /// The next one, at its time.
  void run_next() {
    auto event = events_.top();
    events_.pop();
    advance(event.at);
    event.what();
  }

 private:
  struct Event {
    Span at;
    std::uint64_t order;
    std::function<void()> what;
    friend bool operator>(const Event& one, const Event& other) {
      return std::tie(one.at, one.order) > std::tie(other.at, other.order);
    }
  };
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  Span now_{0};
  std::uint64_t last_ = 0;
};

/// The hosts of one site.
struct Site {
  std::string name;
  queue::SiteLimits limits;   // as the server has them configured
  std::int64_t bears = 1000;  // sessions at once; more get 421
  std::vector<std::pair<Span, Span>> outages;
  bool greylists = false;
  bool asks_for_pauses = false;
  int refused_percent = 0;           // of the recipients, for ever
  int cut_percent = 0;               // of the sessions: after the final dot
  std::int64_t most_recipients = 0;  // of a transaction; 0: any number
  std::int64_t sessions = 0;         // now

  [[nodiscard]] bool is_out(Span now) const;
  /// Nothing about it delays a message.
  [[nodiscard]] bool is_healthy() const {
    return bears >= 1000 && outages.empty() && !greylists && !asks_for_pauses && cut_percent == 0 &&
           limits.rate.count == 0;
  }
};

struct World {
  std::vector<Site> sites;
  std::map<std::string, std::size_t> domains;  // to sites
  static World make(Chance& chance);
};

}  // namespace postroad::simulate
