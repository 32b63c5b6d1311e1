// See report_limit.hpp.
#include "relay/reports/report_limit.hpp"

#include "base/text.hpp"

namespace postroad::relay {

ReportLimit::Decision ReportLimit::count(const std::string& address, std::size_t most, Time now) {
  if (most == 0) return Decision::send;
  const std::lock_guard lock(mutex_);
  if (counts_.size() >= most_addresses) forget_old(now);
  auto& count = counts_.try_emplace(lower(address), Count{now}).first->second;
  if (now - count.began >= window) count = {now};
  if (count.sent >= most) return Decision::suppress;
  return ++count.sent == most ? Decision::send_last : Decision::send;
}

void ReportLimit::uncount(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(lower(address));
  if (found != counts_.end() && found->second.sent > 0) --found->second.sent;
}

void ReportLimit::forget_old(Time now) {
  std::erase_if(counts_, [now](const auto& one) { return now - one.second.began >= window; });
  if (counts_.size() >= most_addresses) counts_.clear();
}

}  // namespace postroad::relay
