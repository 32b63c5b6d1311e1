// A relay in virtual time: the real queue (dispatcher, schedule, sites, settlement, reports) over a
// simulated disk, DNS and exchangers, for fourteen days per seed.
//
//   simulate [SEEDS [FIRST]]     prints what it did; exit code 1 with the seed of each finding
//
// It checks that every recipient of an accepted message ends delivered or reported to its sender,
// that nothing is delivered twice unless a crash or a lost reply excuses it, that no failure is
// reported twice, that no site gets more than its limits, that a message is in one attempt per
// recipient, and that a site in good health is not kept waiting by others.
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "simulation.hpp"

namespace postroad::simulate {

int main_of(int count, char** words) {
  const auto seeds = count > 1 ? std::strtoull(words[1], nullptr, 10) : 200;
  const auto first = count > 2 ? std::strtoull(words[2], nullptr, 10) : 1;
  if (seeds == 0) {
    std::fprintf(stderr, "usage: simulate [SEEDS [FIRST]], whole numbers above 0\n");
    return 64;
  }
  Totals totals;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const auto simulation = std::make_unique<Simulation>(seed, totals);
    simulation->run();
  }
  std::printf(
      "%llu seeds: %llu messages, %llu attempts, %llu deliveries, %llu failures reported, "
      "%llu crashes; %llu findings\n",
      static_cast<unsigned long long>(totals.seeds),
      static_cast<unsigned long long>(totals.messages),
      static_cast<unsigned long long>(totals.attempts),
      static_cast<unsigned long long>(totals.deliveries),
      static_cast<unsigned long long>(totals.bounces),
      static_cast<unsigned long long>(totals.crashes),
      static_cast<unsigned long long>(totals.findings));
  return totals.findings == 0 ? 0 : 1;
}

}  // namespace postroad::simulate

int main(int count, char** words) { return postroad::simulate::main_of(count, words); }
