// See site_names.hpp.
#include "relay/mx/site_names.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "crypto/digest.hpp"
#include "mail/address/mailbox.hpp"
#include "relay/routes/route_table.hpp"

namespace postroad::relay::mx {

namespace {

constexpr std::string_view prefix = "mx:";  // of a site, and of a pattern for hosts
constexpr std::size_t longest_name = 200;
constexpr std::size_t most_known = 50'000;
constexpr std::chrono::seconds shortest{
    60};  // a record without a lifetime makes no loop of queries
constexpr std::chrono::seconds longest{3600};

// The domain that all names share, with its dot: at least two labels, and not all of a name.
std::string shared_domain(const std::vector<std::string>& names) {
  auto shared = names.front();
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

// A name of one label gets the final dot, which no group has.
std::string with_dot(const std::string& name) {
  return name.find('.') == std::string::npos ? name + '.' : name;
}

}  // namespace

std::string name_of_hosts(const std::vector<std::string>& names) {
  if (names.empty()) return {};
  if (names.size() == 1) return with_dot(names.front());
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
    const bool is_host = entry.starts_with(prefix);
    const auto rest = std::string_view(entry).substr(is_host ? prefix.size() : 0);
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

bool GroupMatch::has_hosts(const std::vector<std::string>& names) const {
  const auto is_ours = [&](const std::string& name) {
    return std::any_of(hosts_.begin(), hosts_.end(),
                       [&](const std::string& pattern) { return is_below(pattern, name); });
  };
  return !names.empty() && std::all_of(names.begin(), names.end(), is_ours);
}

std::string site_of_group(const std::string& name) { return std::string(prefix) + name; }

const NamedGroup* SiteNames::group_of(const std::string& domain) const {
  for (const auto& group : groups_)
    if (group.match.has_domain(domain)) return &group;
  return nullptr;
}

std::string SiteNames::site_of(const std::string& domain,
                               const std::vector<std::string>& names) const {
  if (const auto* const group = group_of(domain)) return site_of_group(group->name);
  const auto is_it = [&](const NamedGroup& one) { return one.match.has_hosts(names); };
  const auto found = std::find_if(groups_.begin(), groups_.end(), is_it);
  if (found != groups_.end()) return site_of_group(found->name);
  return std::string(prefix) + (names.empty() ? with_dot(domain) : name_of_hosts(names));
}

SiteNames::Known SiteNames::find(const std::string& domain, Time now) const {
  if (group_of(domain) != nullptr || domain.starts_with('['))
    return {site_of(domain, {}), true, true};
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(domain);
  if (found == known_.end()) return {site_of(domain, {}), false, false};
  const auto& entry = found->second;
  return {entry.site.empty() ? site_of(domain, {}) : entry.site, now < entry.until,
          !entry.site.empty()};
}

void SiteNames::learn(const std::string& domain, const std::vector<std::string>& names,
                      std::chrono::seconds ttl, Time now) {
  const std::lock_guard lock(mutex_);
  if (known_.size() >= most_known && !known_.contains(domain)) make_room(now);
  auto& entry = known_[domain];
  if (!names.empty()) entry.site = site_of(domain, names);
  entry.until = now + (names.empty() ? shortest : std::clamp(ttl, shortest, longest));
}

void SiteNames::make_room(Time now) {
  std::erase_if(known_, [now](const auto& one) { return one.second.until <= now; });
  if (known_.size() >= most_known) known_.clear();  // they are looked up again
}

}  // namespace postroad::relay::mx
