// See answer_cache.hpp.
#include "dns/answer_cache.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace postroad::dns {

AnswerCache::Key AnswerCache::key_of(std::string_view name, RecordType type) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return {lower(name), type};
}

std::optional<Response> AnswerCache::find(std::string_view name, RecordType type, Time now) const {
  const auto key = key_of(name, type);
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.until <= now) return std::nullopt;
  auto response = found->second.response;
  response.ttl = std::chrono::ceil<std::chrono::seconds>(found->second.until - now);
  return response;
}

void AnswerCache::add(std::string_view name, RecordType type, const Response& response, Time now) {
  const bool is_failure =
      response.status == Status::temporary_failure || response.status == Status::bogus;
  std::size_t size = 0;
  for (const auto& data : response.data) size += data.size();
  if (is_failure || response.ttl.count() <= 0 || size > largest) return;
  auto key = key_of(name, type);
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= most && !entries_.contains(key)) {
    std::erase_if(entries_, [now](const auto& one) { return one.second.until <= now; });
    if (entries_.size() >= most) entries_.clear();
  }
  entries_[std::move(key)] = {response, now + std::min(response.ttl, longest)};
}

}  // namespace postroad::dns
