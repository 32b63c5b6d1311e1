// Requests of operators about sites, and what is known of sites; see dispatcher.hpp.
#include <map>

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
    if ((site.limit > 0 || site.waits_until > 0) && learnt_.size() < most_learnt)
      learnt_[site.name] = {site.limit, site.waits_until};
  }
}

void Dispatcher::keep_learnt(const std::string& name, const Site& site) {
  const bool is_learnt = !site.is_down() && site.limit() != site.limits().initial;
  if (is_learnt && learnt_.size() < most_learnt) learnt_[name] = {site.limit(), 0};
}

// The recipients that are not at a site that an operator holds. The message is noted there for the
// others.
std::vector<std::uint32_t> Dispatcher::without_held_sites(spool::QueueId id,
                                                          const spool::Envelope& envelope,
                                                          std::vector<std::uint32_t> recipients) {
  if (held_sites_.empty()) return recipients;
  const auto handling = handling_of(envelope);
  std::erase_if(recipients, [&](std::uint32_t at) {
    const auto found = held_sites_.find(routes_->route(envelope, handling, at).site);
    if (found != held_sites_.end()) found->second.insert(id.value);
    return found != held_sites_.end();
  });
  return recipients;
}

// The messages in its line go on without their recipients there.
void Dispatcher::hold_site(const std::string& name) {
  held_sites_.try_emplace(name);
  const auto line = lines_.find(name);
  if (line == lines_.end()) return;
  waiting_lines_.erase(name);
  while (const auto id = line->second.site.line().next()) {
    if (const auto found = in_line_.find(id->value); found != in_line_.end()) in_line_.erase(found);
    run_step(*id, [&] { part_ended(*id, nullptr); });
  }
}

// The end of an attempt, or of a line, says when a message that is there is due.
void Dispatcher::unpark(const std::unordered_set<std::uint64_t>& ids) {
  schedule_.take_out(ids);
  for (const auto id : ids)
    if (!active_.contains(id) && !in_line_.contains(id)) schedule_.add(spool::QueueId{id});
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
