// The number of messages after which a host ends a connection (421 in place of the next one), so
// that the client ends it first. Learnt when the host did so twice at the same number: once may be
// a restart. Thread rule: one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>

namespace postroad::relay::mx {

class LearntCounts final {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// The host ended a connection that had carried so many messages.
  void note(const std::string& host, std::size_t messages, Time now) {
    if (hosts_.size() >= most && !hosts_.contains(host)) hosts_.clear();  // they are learnt again
    auto& known = hosts_[host];
    known.is_sure = known.messages == messages;
    known.messages = messages;
    known.until = now + memory;
  }
  /// The smaller one of the number that was learnt and `limit`.
  [[nodiscard]] std::size_t limit(const std::string& host, std::size_t limit, Time now) const {
    const auto found = hosts_.find(host);
    const bool is_known =
        found != hosts_.end() && found->second.is_sure && now < found->second.until;
    return is_known && found->second.messages < limit ? found->second.messages : limit;
  }

 private:
  static constexpr std::size_t most = 10'000;
  static constexpr std::chrono::hours memory{24};
  struct Known {
    std::size_t messages = 0;
    bool is_sure = false;
    Time until{};
  };
  std::unordered_map<std::string, Known> hosts_;
};

}  // namespace postroad::relay::mx
