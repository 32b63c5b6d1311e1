// The list of sinks is replaced, never changed, so that writing holds the lock only to copy one
// pointer. Sinks are called outside the lock, several at a time. See log.hpp.
#include "observe/log.hpp"

#include <algorithm>

namespace postroad::observe {

void Log::add_sink(std::shared_ptr<Sink> sink, Level least) {
  const std::scoped_lock lock(mutex_);
  auto longer = std::make_shared<std::vector<Entry>>(*entries_);
  longer->push_back({std::move(sink), least});
  entries_ = std::move(longer);
  least_.store(std::min(least_.load(std::memory_order_relaxed), static_cast<int>(least)),
               std::memory_order_relaxed);
}

void Log::write(const Event& event) {
  const auto level = event.kind().level;
  if (!wants(level)) return;
  std::shared_ptr<const std::vector<Entry>> entries;
  {
    const std::scoped_lock lock(mutex_);
    entries = entries_;
  }
  const auto now = clock_();
  for (const auto& entry : *entries) {
    if (level >= entry.least) entry.sink->take(now, event);
  }
}

}  // namespace postroad::observe
