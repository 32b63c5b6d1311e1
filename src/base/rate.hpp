// A count per time, as limits are written: `600/h`. Parsing and printing: config/units.hpp.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace postroad {

/// At most `count` within `per`, all at once or spread; count 0: none is counted, no limit.
struct Rate {
  std::uint64_t count = 0;
  std::chrono::milliseconds per{1000};
  friend auto operator<=>(const Rate&, const Rate&) = default;
};

}  // namespace postroad
