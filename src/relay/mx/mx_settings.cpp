// See mx_settings.hpp.
#include "relay/mx/mx_settings.hpp"

#include <algorithm>

namespace postroad::relay::mx {

namespace {

const MxGroup* find_group(const std::vector<MxGroup>& groups, const std::string& site) {
  const auto name = split_site(site).site;
  const auto is_it = [&](const MxGroup& one) { return site_of_group(one.group.name) == name; };
  const auto found = std::find_if(groups.begin(), groups.end(), is_it);
  return found == groups.end() ? nullptr : &*found;
}

}  // namespace

MxLimits MxSettings::limits_of(const std::string& site) const {
  auto made = limits;
  if (const auto* found = find_group(groups, site)) {
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

tls::Level MxSettings::level_of(const std::string& site) const {
  const auto* found = find_group(groups, site);
  return found == nullptr ? tls.level : found->tls.value_or(tls.level);
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
