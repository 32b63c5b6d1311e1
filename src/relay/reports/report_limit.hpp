// How many notifications one address gets in an hour: a list of bad addresses, or a forged sender,
// must not fill a mailbox. Time is an argument.
// Thread rule: any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

namespace postroad::relay {

class ReportLimit final {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class Decision : std::uint8_t {
    send,
    send_last,  ///< the last one in this hour
    suppress,
  };
  /// Counts one more for this address. `most` of them are sent in an hour; 0: all.
  Decision count(const std::string& address, std::size_t most, Time now);
  /// One that was counted was not stored.
  void uncount(const std::string& address);

  static constexpr std::chrono::hours window{1};

 private:
  static constexpr std::size_t most_addresses = 10'000;  // beyond, all counts begin again
  struct Count {
    Time began;
    std::size_t sent = 0;
  };
  void forget_old(Time now);
  std::mutex mutex_;
  std::unordered_map<std::string, Count> counts_;
};

}  // namespace postroad::relay
