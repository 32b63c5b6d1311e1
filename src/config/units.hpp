// Values with units, as people write them in a file or after a flag: `35MiB`, `5min`. Types, so
// that bytes are never taken for seconds. Not here: which option has which unit (option.hpp).
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <postroad/result.hpp>
#include <string>
#include <string_view>

#include "base/rate.hpp"

namespace postroad::config {

/// A number of bytes, at most 2^63-1.
struct Size {
  std::uint64_t bytes = 0;
  friend auto operator<=>(const Size&, const Size&) = default;
};

/// A span of time, to the millisecond.
using Duration = std::chrono::milliseconds;

/// `35MiB`, `10kB`, `512B`, `4096`: an integer and one of B, kB, MB, GB, TB (powers of 1000) or
/// KiB, MiB, GiB, TiB (powers of 1024), in any case; bytes without a unit. Error: Fault::input,
/// `where` the text, `detail` the right form.
Result<Size> parse_size(std::string_view text);

/// `250ms`, `30s`, `5min`, `1h`, `4d`, `2w`, or several, largest first: `1h30min`. A unit is
/// required; never negative, at most 2^63-1 ms. Error: as for
/// parse_size.
Result<Duration> parse_duration(std::string_view text);

/// `600/h`, `20/10min`, `2GiB/h`: a number or a size, a slash, and a time of which a single unit
/// may lack its number; `none` for no limit. Error: as for parse_size.
Result<Rate> parse_rate(std::string_view text);

/// The shortest exact form, which parses back to the same value: `35MiB`, `10kB`, `1025`.
std::string format(Size size);
/// The same for time: `90s`, `5min`, `1d`, `0s`.
std::string format(Duration duration);
/// And for a rate: `600/h`, `none`.
std::string format(const Rate& rate);

}  // namespace postroad::config
