// See site_names.hpp.
#include "relay/mx/site_names.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "crypto/digest.hpp"
#include "mail/address/mailbox.hpp"
#include "relay/routes/route_table.hpp"

namespace postroad::relay::mx {

namespace {

constexpr std::string_view prefix = "mx:";
constexpr std::string_view host_prefix = "mx:";
constexpr std::size_t longest_name = 200;
constexpr std::size_t most_known = 50'000;
constexpr std::chrono::seconds shortest{
    60};  // a record without a lifetime makes no loop of queries
constexpr std::chrono::seconds longest{3600};

// The domain that all names share, with its dot: at least two labels, and not all of a name.
std::string shared_domain(const std::set<std::string>& names) {
  auto shared = *names.begin();
  for (const auto& name : names) {
    while (!shared.empty() && (name == shared || !('.' + name).ends_with('.' + shared))) {
      const auto dot = shared.find('.');
      shared = dot == std::string::npos ? std::string() : shared.substr(dot + 1);
    }
  }
  return shared.find('.') == std::string::npos ? std::string() : '.' + shared;
}

bool is_below(const std::string& pattern, const std::string& name) {
  return pattern.starts_with('.') ? name.ends_with(pattern) : name == pattern;
}

}  // namespace

std::string name_of_hosts(const std::vector<Host>& hosts) {
  std::set<std::string> names;
  for (const auto& host : hosts) names.insert(host.name);
  if (names.empty()) return {};
  if (names.size() == 1) return *names.begin();
  const auto domain = shared_domain(names);
  std::string text;
  for (const auto& name : names)
    text += (text.empty() ? "" : "|") + name.substr(0, name.size() - domain.size());
  text = '(' + text + ')' + domain;
  if (text.size() <= longest_name) return text;
  return text.substr(0, longest_name - 17) + '~' +
         crypto::hex(crypto::digest(crypto::Digest::sha256, text)).substr(0, 16);
}

Result<GroupMatch> GroupMatch::make(const std::vector<std::string>& entries) {
  GroupMatch made;
  for (const auto& entry : entries) {
    const bool is_host = entry.starts_with(host_prefix);
    const auto rest = std::string_view(entry).substr(is_host ? host_prefix.size() : 0);
    const bool has_dot = rest.starts_with('.');
    const auto name = canonical_domain(rest.substr(has_dot ? 1 : 0));
    if (!mail::is_domain(name))
      return fail(Fault::input, '\'' + printable(entry, 80) + '\'',
                  "not in one of the forms example.org, .example.org, mx:mx.example.org and "
                  "mx:.example.org");
    (is_host ? made.hosts_ : made.domains_).push_back((has_dot ? "." : "") + name);
  }
  return made;
}

bool GroupMatch::has_domain(const std::string& domain) const {
  return std::any_of(domains_.begin(), domains_.end(),
                     [&](const std::string& pattern) { return is_below(pattern, domain); });
}

bool GroupMatch::has_hosts(const std::vector<Host>& hosts) const {
  const auto is_ours = [&](const Host& host) {
    return std::any_of(hosts_.begin(), hosts_.end(),
                       [&](const std::string& pattern) { return is_below(pattern, host.name); });
  };
  return !hosts.empty() && std::all_of(hosts.begin(), hosts.end(), is_ours);
}

std::string site_of_group(const std::string& name) { return std::string(prefix) + name; }

const NamedGroup* SiteNames::group_of(const std::string& domain) const {
  for (const auto& group : groups_)
    if (group.match.has_domain(domain)) return &group;
  return nullptr;
}

SiteNames::Known SiteNames::find(const std::string& domain, Time now) const {
  if (const auto* const group = group_of(domain)) return {site_of_group(group->name), true};
  if (domain.starts_with('[')) return {std::string(prefix) + domain, true};
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(domain);
  if (found == known_.end()) return {std::string(prefix) + domain, false};
  return {found->second.site, now < found->second.until};
}

void SiteNames::learn(const std::string& domain, const Hosts& hosts, std::chrono::seconds ttl,
                      Time now) {
  auto name = name_of_hosts(hosts.hosts);
  const auto group = std::find_if(groups_.begin(), groups_.end(), [&](const NamedGroup& one) {
    return one.match.has_hosts(hosts.hosts);
  });
  if (group != groups_.end()) name = group->name;
  const std::lock_guard lock(mutex_);
  if (known_.size() >= most_known && !known_.contains(domain)) make_room(now);
  auto& entry = known_[domain];
  if (!name.empty()) entry.site = std::string(prefix) + name;
  if (entry.site.empty()) entry.site = std::string(prefix) + domain;
  entry.until = now + (name.empty() ? shortest : std::clamp(ttl, shortest, longest));
}

void SiteNames::make_room(Time now) {
  std::erase_if(known_, [now](const auto& one) { return one.second.until <= now; });
  if (known_.size() >= most_known) known_.clear();  // they are looked up again
}

}  // namespace postroad::relay::mx
