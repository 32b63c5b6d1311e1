// The site of a domain: which domains are served by the same hosts, so that they share one limit
// and one line (a provider's thousand domains are one destination). Learnt from MX answers; kept
// while they are valid. Not here: the queries (mx_carrier.hpp), limits (queue/schedule.hpp).
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "relay/mx/exchangers.hpp"

namespace postroad::relay::mx {

/// The name of the hosts that serve a site, whose names are sorted: rolled up where they share a
/// domain, "(mx1|mx2).example.org". Empty for no hosts. Always with a dot, so that it is no
/// group's. A long one is cut and ends with a digest.
std::string name_of_hosts(const std::vector<std::string>& names);

/// The conditions by which a domain belongs to a group that an operator has named; one is enough.
class GroupMatch final {
 public:
  /// `example.org`, `.example.org` (all subdomains); `mx:mx.example.org`, `mx:.example.org`: all
  /// hosts of the domain have this name, or one below. Error: Fault::input with the entry that has
  /// none of these forms.
  static Result<GroupMatch> make(const std::vector<std::string>& entries);
  [[nodiscard]] bool has_domain(const std::string& domain) const;
  [[nodiscard]] bool has_hosts(const std::vector<std::string>& names) const;
  friend bool operator==(const GroupMatch&, const GroupMatch&) = default;

 private:
  std::vector<std::string> domains_;
  std::vector<std::string> hosts_;
};

/// "mx:" and the name.
std::string site_of_group(const std::string& name);

struct NamedGroup {
  std::string name;
  GroupMatch match;
  friend bool operator==(const NamedGroup&, const NamedGroup&) = default;
};

/// Thread rule: any thread.
class SiteNames final {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// The first group that matches names the site.
  explicit SiteNames(std::vector<NamedGroup> groups) : groups_(std::move(groups)) {}

  struct Known {
    std::string site;  ///< "mx:…"; where nothing is known, that of the domain alone
    bool is_current = false;
    bool is_known = false;  ///< the DNS said so once
  };
  /// `domain` is canonical (canonical_domain), or an address literal with its brackets.
  [[nodiscard]] Known find(const std::string& domain, Time now) const;
  /// The answer about the MX records of the domain. Where it names no host, the site stays what it
  /// was: an attempt says what is wrong.
  void learn(const std::string& domain, const std::vector<std::string>& names,
             std::chrono::seconds ttl, Time now);
  /// The site of a domain with these hosts.
  [[nodiscard]] std::string site_of(const std::string& domain,
                                    const std::vector<std::string>& names) const;

 private:
  struct Entry {
    std::string site;
    Time until;
  };
  [[nodiscard]] const NamedGroup* group_of(const std::string& domain) const;
  void make_room(Time now);

  std::vector<NamedGroup> groups_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> known_;
};

}  // namespace postroad::relay::mx
