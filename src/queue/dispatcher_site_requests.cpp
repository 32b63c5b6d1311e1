// Requests of operators about sites, and what is known of sites; see dispatcher.hpp.
#include <algorithm>

#include "queue/dispatcher.hpp"

namespace postroad::queue {

void Dispatcher::find_sites(std::function<void(std::vector<SiteFacts>)> found) {
  if (!post([&](Inbox& inbox) { inbox.site_searches.push_back(found); })) found({});
}

void Dispatcher::request_sites(SiteRequest what, std::vector<std::string> names,
                               std::function<void()> done) {
  const auto put = [&](Inbox& inbox) {
    inbox.asked_of_sites.push_back({what, std::move(names), done});
  };
  if (!post(put)) done();
}

void Dispatcher::remember(const std::vector<SiteFacts>& sites) {
  for (const auto& site : sites) {
    if (site.is_held) held_sites_.insert(site.name);
    if (site.limit > 0) learnt_limits_[site.name] = site.limit;
  }
}

void Dispatcher::serve_site_request(const SiteAsked& asked) {
  for (const auto& name : asked.names) {
    const auto line = lines_.find(name);
    auto* site = line == lines_.end() ? nullptr : &line->second.site;
    switch (asked.what) {
      case SiteRequest::hold:
        held_sites_.insert(name);
        if (site != nullptr) site->hold(true);
        break;
      case SiteRequest::release:
        held_sites_.erase(name);
        if (site != nullptr) site->hold(false);
        if (site != nullptr) site->end_pause();
        break;
      case SiteRequest::reset:
        learnt_limits_.erase(name);
        if (site == nullptr) break;
        site->forget();
        tell_state(name, line->second);
        break;
    }
    if (site != nullptr && site->has_waiting()) waiting_lines_.emplace(name, &line->second);
  }
  tell(asked.done);
}

std::vector<SiteFacts> Dispatcher::sites_now() const {
  std::vector<SiteFacts> found;
  for (const auto& [name, line] : lines_) {
    const auto& site = line.site;
    SiteFacts facts{.name = name,
                    .is_held = site.is_held(),
                    .is_down = site.is_down(),
                    .reason = site.reason(),
                    .under_way = site.in_flight(),
                    .waiting = site.waiting(),
                    .limit = site.limit(),
                    .most = site.limits().most,
                    .is_learnt = !site.is_down() && site.limit() != site.limits().initial};
    if (site.paused_until() > now_.steady)
      facts.left = std::chrono::ceil<std::chrono::milliseconds>(site.paused_until() - now_.steady);
    found.push_back(std::move(facts));
  }
  for (const auto& name : held_sites_)
    if (!lines_.contains(name)) found.push_back({.name = name, .is_held = true});
  for (const auto& [name, limit] : learnt_limits_) {
    const auto is_same = [&](const SiteFacts& one) { return one.name == name; };
    const auto known = std::find_if(found.begin(), found.end(), is_same);
    if (known == found.end())
      found.push_back({.name = name, .limit = limit, .is_learnt = true});
    else if (known->limit == 0)
      *known = {.name = name, .is_held = known->is_held, .limit = limit, .is_learnt = true};
  }
  std::sort(found.begin(), found.end(),
            [](const SiteFacts& a, const SiteFacts& b) { return a.name < b.name; });
  return found;
}

}  // namespace postroad::queue
