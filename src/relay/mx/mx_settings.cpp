// See mx_settings.hpp.
#include "relay/mx/mx_settings.hpp"

#include <algorithm>

namespace postroad::relay::mx {

MxLimits MxSettings::limits_of(const std::string& site) const {
  auto made = limits;
  const auto is_it = [&](const MxGroup& one) { return site_of_group(one.group.name) == site; };
  if (const auto found = std::find_if(groups.begin(), groups.end(), is_it); found != groups.end()) {
    const auto take = [](auto value, auto& into) {
      if (value != 0) into = value;
    };
    take(found->limits.connections, made.connections);
    take(found->limits.initial, made.initial);
    take(found->limits.failures, made.failures);
    take(found->limits.messages, made.messages);
    take(found->limits.recipients, made.recipients);
    if (found->limits.rate.count != 0) made.rate = found->limits.rate;
  }
  made.initial = std::min(made.initial, made.connections);
  return made;
}

queue::SiteLimits MxSettings::site_limits(const std::string& site) const {
  const auto of = limits_of(site);
  return {of.connections, of.initial, of.failures, of.rate};
}

std::vector<NamedGroup> MxSettings::named_groups() const {
  std::vector<NamedGroup> named;
  for (const auto& one : groups) named.push_back(one.group);
  return named;
}

}  // namespace postroad::relay::mx
