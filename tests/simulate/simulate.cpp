// A relay in virtual time: the real queue (dispatcher, schedule, sites, settlement, reports) over a
// simulated disk, DNS and exchangers, for fourteen days per seed.
//
//   simulate [SEEDS [FIRST]]     prints what it did; exit code 1 with the seed of each finding
//   simulate --writes [SEEDS [FIRST]]   each seed once per write of its journal, and once more: the
//                                process ends before the write, or behind it
//
// It checks that every recipient of an accepted message ends delivered or reported to its sender,
// that nothing is delivered twice unless a crash or a lost reply excuses it, that no failure is
// reported twice, that no site gets more than its limits, that a message is in one attempt per
// recipient, and that a site in good health is not kept waiting by others.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "simulation.hpp"

namespace postroad::simulate {

namespace {

void end_at_each_write(std::uint64_t seed, Totals& totals) {
  std::uint64_t writes = 0;
  {
    Totals once;
    const auto simulation = std::make_unique<Simulation>(seed, once);
    simulation->run();
    writes = simulation->spool.writes();
  }
  for (std::uint64_t write = 1; write <= writes; ++write) {
    for (const bool is_on_disk : {false, true}) {
      const auto simulation = std::make_unique<Simulation>(seed, totals);
      simulation->crash_at(write, is_on_disk);
      simulation->run();
    }
  }
}

}  // namespace

int main_of(int count, char** words) {
  const bool at_writes = count > 1 && std::string_view(words[1]) == "--writes";
  if (at_writes) {
    --count;
    ++words;
  }
  const auto seeds = count > 1 ? std::strtoull(words[1], nullptr, 10) : at_writes ? 1 : 200;
  const auto first = count > 2 ? std::strtoull(words[2], nullptr, 10) : 1;
  if (seeds == 0) {
    std::fprintf(stderr, "usage: simulate [--writes] [SEEDS [FIRST]], whole numbers above 0\n");
    return 64;
  }
  Totals totals;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    if (at_writes) {
      end_at_each_write(seed, totals);
      continue;
    }
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
