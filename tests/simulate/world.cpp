// See world.hpp.
#include "world.hpp"

#include <algorithm>

namespace postroad::simulate {

bool Site::is_out(Span now) const {
  return std::any_of(outages.begin(), outages.end(),
                     [now](const auto& one) { return one.first <= now && now < one.second; });
}

World World::make(Chance& chance) {
  World made;
  const auto count = chance.number(2, 10);
  for (std::int64_t i = 0; i < count; ++i) {
    auto& site = made.sites.emplace_back();
    site.name = "mx:site" + std::to_string(i);
    site.limits.most = static_cast<std::size_t>(chance.number(1, 20));
    site.limits.initial = std::min<std::size_t>(site.limits.most, 2);
    site.limits.failures = static_cast<std::uint32_t>(chance.number(1, 3));
    if (chance.is(15))
      site.limits.rate = {static_cast<std::uint64_t>(chance.number(1, 60)),
                          chance.is(50) ? Span(60'000) : Span(3'600'000)};
    if (chance.is(30)) site.bears = chance.number(1, 8);
    for (auto left = chance.is(40) ? chance.number(1, 4) : 0; left > 0; --left) {
      const auto begin = chance.span(0min, 48h);
      site.outages.emplace_back(begin, begin + chance.span(1s, chance.is(10) ? Span(240h) : 12h));
    }
    site.greylists = chance.is(20);
    site.asks_for_pauses = chance.is(15);
    if (chance.is(50)) site.refused_percent = static_cast<int>(chance.number(1, 40));
    if (chance.is(20)) site.cut_percent = static_cast<int>(chance.number(1, 10));
    if (chance.is(20)) site.most_recipients = chance.number(1, 3);
    for (auto left = chance.number(1, 3); left > 0; --left)
      made.domains["d" + std::to_string(made.domains.size()) + ".example"] =
          static_cast<std::size_t>(i);
  }
  return made;
}

}  // namespace postroad::simulate
