// From a message that is due to its parts, one per site: the search for sites that are not known,
// then the placing. See dispatcher.hpp.
#include <algorithm>
#include <map>

#include "queue/dispatcher.hpp"

namespace postroad::queue {

// Searches for the sites of these destinations. True: the message waits, and is looked at again
// when they have ended. It waits once, and only for a destination whose site was never known.
bool Dispatcher::look_up(spool::QueueId id, bool is_flushed, const std::vector<Route>& routes) {
  const bool has_waited = lookups_.take_waited(id);
  std::map<Lookups::Key, std::shared_ptr<Carrier>> wanted;
  std::vector<Lookups::Key> keys;
  for (const auto& route : routes) {
    if (route.destination.empty()) continue;
    Lookups::Key key{route.carrier.get(), route.destination};
    if (route.is_site_known) {
      if (lookups_.begin(key)) search(key, route.carrier);
    } else if (!has_waited && wanted.emplace(key, route.carrier).second) {
      keys.push_back(std::move(key));
    }
  }
  if (keys.empty()) return false;
  for (const auto& key : lookups_.wait(id, is_flushed, keys)) search(key, wanted.at(key));
  return true;
}

void Dispatcher::search(const Lookups::Key& key, const std::shared_ptr<Carrier>& carrier) {
  know(carrier);
  try {
    carrier->find_site(key.destination,
                       [this, key] { post([&](Inbox& inbox) { inbox.found.push_back(key); }); });
  } catch (...) {
    step_failed();
    end_lookup(key);
  }
}

void Dispatcher::end_lookup(const Lookups::Key& key) {
  for (const auto& ready : lookups_.end(key)) {
    if (ready.why == Schedule::Why::flushed)
      schedule_.add_flushed(ready.id);
    else
      schedule_.add(ready.id);
  }
}

// One part per site.
void Dispatcher::dispatch(Active opened, bool is_flushed) {
  auto& part = opened.part;
  std::vector<Route> routes;
  for (const auto at : part.recipients)
    routes.push_back(routes_->route(part.envelope, part.handling, at));
  if (look_up(part.id, is_flushed, routes)) return;
  std::vector<Active> parts;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    auto& route = routes[i];
    auto found = std::find_if(parts.begin(), parts.end(),
                              [&](const Active& one) { return one.site == route.site; });
    if (found == parts.end()) {
      Active made;
      made.site = std::move(route.site);
      made.carrier = std::move(route.carrier);
      made.note = std::move(route.note);
      found = parts.insert(parts.end(), std::move(made));
    }
    found->part.recipients.push_back(part.recipients[i]);
  }
  const auto open_count = count_open(part.envelope);
  const auto id = part.id;
  const bool is_whole = parts.size() == 1 && part.recipients.size() == open_count;
  dispatching_ = id;
  for (auto& one : parts) {
    run_step(part.id, [&] {
      one.part.id = part.id;
      one.part.size = part.size;
      one.part.handling = part.handling;
      one.covers_all = one.part.recipients.size() == open_count;
      if (&one == &parts.back())
        one.part.envelope = std::move(part.envelope);
      else
        one.part.envelope = part.envelope;
      place(std::move(one));
    });
  }
  dispatching_.reset();
  // Where parts wait in lines, the message goes on for its other recipients.
  const bool is_in_line = in_line_.contains(id.value);
  run_step(id, [&] { is_whole&& is_in_line ? look_again_later(id) : part_ended(id, nullptr); });
}

}  // namespace postroad::queue
