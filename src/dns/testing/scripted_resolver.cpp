// See scripted_resolver.hpp.
#include "dns/testing/scripted_resolver.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace postroad::dns {

ScriptedResolver::~ScriptedResolver() {
  for (const auto& query : held_) query->answer(Response::failed("the resolver was closed"));
}

void ScriptedResolver::hold() {
  const std::lock_guard lock(mutex_);
  is_holding_ = true;
}

void ScriptedResolver::release() {
  const std::lock_guard lock(mutex_);
  is_holding_ = false;
  for (const auto& query : held_) query->answer(script_.find(query->name(), query->type()));
  held_.clear();
}

std::vector<std::pair<std::string, RecordType>> ScriptedResolver::queries() const {
  const std::lock_guard lock(mutex_);
  return queries_;
}

std::size_t ScriptedResolver::count(std::string_view name, RecordType type) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(
      queries_.begin(), queries_.end(),
      [&](const auto& one) { return one.second == type && iequals(one.first, name); }));
}

void ScriptedResolver::start(std::shared_ptr<Query> query) {
  const std::lock_guard lock(mutex_);
  queries_.emplace_back(query->name(), query->type());
  if (is_holding_) {
    held_.push_back(std::move(query));
  } else {
    query->answer(script_.find(query->name(), query->type()));
  }
}

}  // namespace postroad::dns
