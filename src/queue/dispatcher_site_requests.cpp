// Requests of operators about sites, and what is known of sites; see dispatcher.hpp.
#include <algorithm>
#include <map>
#include <set>

#include "queue/dispatcher.hpp"

namespace postroad::queue {

namespace {

constexpr std::size_t most_learnt = 10'000;  // limits of sites that are not in use

}  // namespace

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
    if (site.is_held) held_sites_.try_emplace(site.name);
    const bool has_room = learnt_.size() < most_learnt || learnt_.contains(site.name);
    if (site.waits_until > 0 || (site.limit > 0 && has_room))
      learnt_[site.name] = {site.limit, site.waits_until, site.reason};
  }
}

void Dispatcher::keep_learnt(const std::string& name, const Site& site) {
  const bool is_learnt = !site.is_down() && site.limit() != site.limits().initial;
  if (is_learnt && learnt_.size() < most_learnt) learnt_[name] = {site.limit(), 0, {}};
}

// The recipients that wait neither in a line nor at a site that an operator holds, where the
// message is noted.
std::vector<std::uint32_t> Dispatcher::free_of(spool::QueueId id, const spool::Envelope& envelope,
                                               std::vector<std::uint32_t> recipients) {
  if (held_sites_.empty() && !in_line_.contains(id.value)) return recipients;
  const auto handling = handling_of(envelope);
  std::erase_if(recipients, [&](std::uint32_t at) {
    const auto site = routes_->route(envelope, handling, at).site;
    const auto found = held_sites_.find(site);
    if (found == held_sites_.end()) return is_in_line(id, site);
    found->second.insert(id.value);
    return true;
  });
  return recipients;
}

bool Dispatcher::is_in_line(spool::QueueId id, const std::string& site) const {
  const auto line = lines_.find(site);
  const auto [first, last] = in_line_.equal_range(id.value);
  return line != lines_.end() &&
         std::any_of(first, last, [&](const auto& one) { return one.second == &line->second; });
}

void Dispatcher::leave_line(spool::QueueId id, const Line& line) {
  const auto [first, last] = in_line_.equal_range(id.value);
  const auto found =
      std::find_if(first, last, [&](const auto& one) { return one.second == &line; });
  if (found != last) in_line_.erase(found);
}

// The messages in its line go on without their recipients there.
void Dispatcher::hold_site(const std::string& name) {
  held_sites_.try_emplace(name);
  const auto line = lines_.find(name);
  if (line == lines_.end()) return;
  waiting_lines_.erase(name);
  while (const auto id = line->second.site.line().next()) {
    leave_line(*id, line->second);
    run_step(*id, [&] { part_ended(*id, nullptr); });
  }
}

// The end of an attempt says when a message that is there is due.
void Dispatcher::unpark(const std::unordered_set<std::uint64_t>& ids) {
  schedule_.take_out(ids);
  // In their order: the oldest first.
  for (const auto id : std::set<std::uint64_t>(ids.begin(), ids.end())) {
    entries_.erase(id);
    if (!active_.contains(id) && note_entry({id}, now_.steady)) schedule_.add({id});
  }
}

void Dispatcher::unpark_all() {
  std::unordered_set<std::uint64_t> ids;
  for (auto& [name, parked] : held_sites_) {
    ids.insert(parked.begin(), parked.end());
    parked.clear();
  }
  if (!ids.empty()) unpark(ids);
}

void Dispatcher::serve_site_request(const SiteAsked& asked) {
  for (const auto& name : asked.names) {
    const auto line = lines_.find(name);
    if (asked.what == SiteRequest::hold) {
      hold_site(name);
    } else if (asked.what == SiteRequest::release) {
      if (line != lines_.end()) line->second.site.end_pause();
      if (line != lines_.end()) line->second.site.end_wait();
      if (const auto learnt = learnt_.find(name); learnt != learnt_.end())
        learnt->second.waits_until = 0;
      if (const auto held = held_sites_.extract(name)) unpark(held.mapped());
    } else {
      learnt_.erase(name);
      if (line == lines_.end()) continue;
      line->second.site.forget();
      tell_state(name, line->second);
    }
  }
  wake_all_lines();
  tell(asked.done);
}

SiteFacts Dispatcher::facts_of(const std::string& name, const Site& site) const {
  SiteFacts facts{.name = name,
                  .is_down = site.is_down(),
                  .reason = site.reason(),
                  .under_way = site.in_flight(),
                  .waiting = site.line().size(),
                  .limit = site.limit(),
                  .most = site.limits().most,
                  .rate = site.limits().rate,
                  .is_learnt = !site.is_down() && site.limit() != site.limits().initial};
  if (site.paused_until() > now_.steady)
    facts.left = std::chrono::ceil<std::chrono::milliseconds>(site.paused_until() - now_.steady);
  if (site.waits_until() > now_.steady)
    facts.waits_until =
        now_.wall +
        std::chrono::ceil<std::chrono::milliseconds>(site.waits_until() - now_.steady).count();
  if (site.next_token() > now_.steady)
    facts.next_token =
        std::chrono::ceil<std::chrono::milliseconds>(site.next_token() - now_.steady);
  return facts;
}

std::vector<SiteFacts> Dispatcher::sites_now() const {
  std::map<std::string, SiteFacts> found;
  for (const auto& [name, learnt] : learnt_) {
    if (learnt.limit == 0 && learnt.waits_until <= now_.wall) continue;
    const std::chrono::milliseconds left(std::max<WallTime>(learnt.waits_until - now_.wall, 0));
    found[name] = {.name = name,
                   .reason = learnt.reason,
                   .left = left,
                   .waits_until = learnt.waits_until,
                   .limit = learnt.limit,
                   .is_learnt = learnt.limit > 0};
  }
  for (const auto& [name, line] : lines_) found[name] = facts_of(name, line.site);
  for (const auto& [name, parked] : held_sites_) {
    auto& site = found.try_emplace(name, SiteFacts{.name = name}).first->second;
    site.is_held = true;
    site.waiting += parked.size();
  }
  std::vector<SiteFacts> sites;
  sites.reserve(found.size());
  for (auto& [name, site] : found) sites.push_back(std::move(site));
  return sites;
}

}  // namespace postroad::queue
