// Hosts and families that failed lately, so that the next message begins with something else.
// Thread rule: one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>

#include "relay/mx/exchangers.hpp"

namespace postroad::relay::mx {

/// Names.
class FailedLately final {
 public:
  explicit FailedLately(std::chrono::minutes memory) : memory_(memory) {}
  void add(const std::string& host) {
    if (hosts_.size() >= most) hosts_.clear();  // only the order of the hosts depends on it
    hosts_[host] = std::chrono::steady_clock::now() + memory_;
  }
  void remove(const std::string& host) { hosts_.erase(host); }
  [[nodiscard]] bool has(const std::string& host) const {
    const auto found = hosts_.find(host);
    return found != hosts_.end() && std::chrono::steady_clock::now() < found->second;
  }

 private:
  static constexpr std::size_t most = 10'000;
  std::chrono::minutes memory_;
  std::unordered_map<std::string, std::chrono::steady_clock::time_point> hosts_;
};

/// The domains whose IPv6 addresses failed lately: an address of the other family won the race.
class SlowIpv6 final {
 public:
  /// `used`: "[192.0.2.1]:25", the address that replied.
  void note(const std::string& domain, const Exchanger& exchanger, const std::string& used) {
    const bool has_both = exchanger.addresses.size() > 1 &&
                          exchanger.addresses[0].is_v6() != exchanger.addresses[1].is_v6();
    if (!has_both || used.empty()) return;
    if (used.starts_with("[IPv6:")) return sites_.remove(domain);
    if (exchanger.addresses.front().is_v6()) sites_.add(domain);
  }
  [[nodiscard]] bool has(const std::string& domain) const { return sites_.has(domain); }

 private:
  FailedLately sites_{std::chrono::minutes(10)};
};

}  // namespace postroad::relay::mx
