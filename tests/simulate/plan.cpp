// The events of a seed: messages, crashes, reloads, requests of operators,
// changes of the DNS. See simulation.hpp.
#include "simulation.hpp"

namespace postroad::simulate {

void Simulation::put_message() {
  spool::Envelope envelope;
  const auto some_domain = [this] {
    auto at = world.domains.begin();
    std::advance(at, chance.number(0, static_cast<std::int64_t>(world.domains.size()) - 1));
    return at->first;
  };
  envelope.reverse_path = "sender" + std::to_string(chance.number(0, 3)) + '@' + some_domain();
  envelope.arrived = begin_of_time + timeline.now().count();
  for (auto left = chance.is(70) ? 1 : chance.number(2, 8); left > 0; --left)
    envelope.recipients.emplace_back().address =
        "r" + std::to_string(envelope.recipients.size()) + '@' + some_domain();
  const auto arrived = timeline.now();
  const auto id = std::make_shared<QueueId>();
  const auto recipients = envelope.recipients;
  *id = spool.put(std::move(envelope), [this, id, recipients, arrived] {
    accepted_.push_back(*id);
    ++totals_.messages;
    for (std::uint32_t i = 0; i < recipients.size(); ++i)
      fates[{id->value, i}] = {.address = recipients[i].address, .arrived = arrived};
  });
}

void Simulation::plan_messages() {
  for (auto left = chance.number(5, 60); left > 0; --left) {
    const auto together = chance.is(10) ? chance.number(10, 60) : 1;
    timeline.after(chance.span(0ms, 24h), [this, together] {
      for (std::int64_t i = 0; i < together; ++i) put_message();
    });
  }
}

void Simulation::plan_operator() {
  for (auto left = chance.number(0, 4); left > 0; --left)
    timeline.after(chance.span(0ms, 30h), [this] { crash(); });
  for (auto left = chance.number(0, 2); left > 0; --left)
    timeline.after(chance.span(0ms, 30h), [this] {
      dispatcher_->change(std::make_shared<SimRoutes>(*this), settings());
      begun_.clear();
    });
  for (auto left = chance.number(0, 2); left > 0; --left)
    timeline.after(chance.span(0ms, 30h), [this] {
      const auto& name = world
                             .sites[static_cast<std::size_t>(chance.number(
                                 0, static_cast<std::int64_t>(world.sites.size()) - 1))]
                             .name;
      held_sites_.insert(name);
      sites_ever_held_.insert(name);
      dispatcher_->request_sites(queue::SiteRequest::hold, {name}, [] {});
      timeline.after(chance.span(1s, 12h), [this, name] {
        held_sites_.erase(name);
        dispatcher_->request_sites(queue::SiteRequest::release, {name}, [] {});
      });
    });
  // The MX records of a domain change.
  for (auto left = chance.number(0, 2); left > 0; --left)
    timeline.after(chance.span(0ms, 30h), [this] {
      auto at = world.domains.begin();
      std::advance(at, chance.number(0, static_cast<std::int64_t>(world.domains.size()) - 1));
      at->second = static_cast<std::size_t>(
          chance.number(0, static_cast<std::int64_t>(world.sites.size()) - 1));
      moved_domains_.insert(at->first);
      if (const auto one = known.find(at->first); one != known.end()) one->second.until = 0ms;
    });
  for (auto left = chance.number(0, 3); left > 0; --left)
    timeline.after(chance.span(0ms, 30h), [this] {
      std::vector<QueueId> ids;
      for (const auto id : accepted_)
        if (chance.is(30)) ids.push_back(id);
      for (auto& [key, fate] : fates) fate.was_held = true;
      dispatcher_->request(queue::Request::hold, ids, [](std::size_t) {});
      // Until the release is on disk, whatever crashes come between.
      timeline.after(chance.span(0ms, 12h), [this, ids] {
        dispatcher_->request(queue::Request::release, ids, [](std::size_t) {});
      });
    });
  for (auto left = chance.number(0, 2); left > 0; --left)
    timeline.after(chance.span(0ms, 30h), [this] {
      dispatcher_->request(queue::Request::flush, accepted_, [](std::size_t) {});
      begun_.clear();
    });
  // A crash may come before a release is on disk.
  timeline.after(50h, [this] {
    dispatcher_->request(queue::Request::release, accepted_, [](std::size_t) {});
  });
}

}  // namespace postroad::simulate
