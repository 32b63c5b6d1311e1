// See simulation.hpp.
#include "simulation.hpp"

#include <algorithm>
#include <cstdio>

namespace postroad::simulate {

queue::SiteLimits SimCarrier::site_limits(const std::string& site) const {
  for (const auto& one : simulation_.world.sites)
    if (one.name == site) return one.limits;
  return {20, 2, 3};
}

void SimCarrier::find_site(const std::string& destination, std::function<void()> found) {
  auto& simulation = simulation_;
  const auto delay = simulation.chance.is(2) ? Span(30s) : simulation.chance.span(1ms, 2s);
  simulation.timeline.after(delay, [&simulation, destination, found = std::move(found)] {
    const auto at = simulation.world.domains.find(destination);
    if (simulation.chance.is(5)) return found();  // the DNS failed
    auto& known = simulation.known[destination];
    if (at != simulation.world.domains.end()) known.site = simulation.world.sites[at->second].name;
    known.until = simulation.timeline.now() + simulation.chance.span(1min, 1h);
    found();
  });
}

void SimCarrier::carry(const Part& part, Done done) {
  simulation_.begin_session(part, std::move(done), shared_from_this());
}

void SimCarrier::begin_stop() {}

queue::Route SimRoutes::route(const spool::Envelope& envelope, const queue::Handling&,
                              std::uint32_t recipient) const {
  const auto domain = domain_of(envelope.recipients[recipient].address);
  const auto found = simulation_.known.find(domain);
  if (found == simulation_.known.end()) return {"mx:" + domain, carrier_, {}, domain};
  const bool is_current = simulation_.timeline.now() < found->second.until;
  return {found->second.site, carrier_, {}, is_current ? std::string() : domain, true};
}

void SimReporter::report(const Part& part, std::vector<queue::OwedReport> owed, Done done) {
  auto& simulation = simulation_;
  const auto records = queue::reported(part.envelope, owed);
  const auto to = queue::report_address(part.envelope, {});
  simulation.spool.when_on_disk([&simulation, id = part.id, owed] {
    for (const auto& one : owed)
      if (one.action == ReportedRecipient::Action::failed)
        ++simulation.fates[{id.value, one.recipient}].failures_reported;
  });
  if (to.empty()) return simulation.spool.record(part.id, records, std::move(done));
  spool::Envelope bounce;
  bounce.arrived = begin_of_time + simulation.timeline.now().count();
  bounce.recipients.emplace_back().address = to;
  simulation.spool.report(std::move(bounce), part.id, records, std::move(done));
}

void Simulation::finding(const std::string& text) {
  ++totals_.findings;
  std::printf("seed %llu%s, at %.3f s: %s\n", static_cast<unsigned long long>(seed_),
              at_write_.c_str(), static_cast<double>(timeline.now().count()) / 1000, text.c_str());
}

queue::DispatcherSettings Simulation::settings() {
  queue::DispatcherSettings made;
  made.reporter = std::make_shared<SimReporter>(*this);
  return made;
}

void Simulation::start_process() {
  ++process_;
  dispatcher_.emplace(spool, *this, std::make_shared<SimRoutes>(*this), settings(), [this] {
    const auto now = timeline.now();
    return queue::Now{queue::Time(now), begin_of_time + now.count()};
  });
  std::vector<queue::SiteFacts> facts;
  for (const auto& name : held_sites_) facts.push_back({.name = name, .is_held = true});
  dispatcher_->remember(facts);
  spool.on_committed([this](QueueId id) { dispatcher_->add(id); });
  for (const auto& one : spool.list()) dispatcher_->add(one.id);
}

// A delivery that is not on disk yet may be repeated.
void Simulation::crash() {
  ++totals_.crashes;
  for (auto& [key, fate] : fates) {
    const auto* const envelope = spool.on_disk(QueueId{key.first});
    const bool is_recorded =
        envelope == nullptr || envelope->recipients[key.second].state == spool::State::delivered;
    if (!is_recorded) fate.excuses = fate.deliveries;
  }
  for (const auto& session : sessions_) {
    session->has_ended = true;
    if (session->site != nullptr) --session->site->sessions;
  }
  sessions_.clear();
  begun_.clear();
  spool.crash();
  dispatcher_.reset();
  start_process();
}

void Simulation::check_begin(const Session& session) {
  for (const auto at : session.recipients)
    for (const auto& other : sessions_)
      if (other->id == session.id &&
          std::count(other->recipients.begin(), other->recipients.end(), at) > 0)
        finding("message " + session.id.text() + " has two attempts for one recipient at once");
  const auto limits = session.carrier->site_limits(session.site_name);
  if (session.carrier->under_way[session.site_name] > static_cast<std::int64_t>(limits.most))
    finding(session.site_name + " gets more than its " + std::to_string(limits.most) +
            " messages at once");
  if (limits.rate.count == 0) return;
  auto& begun = begun_[session.site_name];
  std::erase_if(begun, [&](Span at) { return at + limits.rate.per <= timeline.now(); });
  begun.push_back(timeline.now());
  if (begun.size() > limits.rate.count + 1)
    finding(session.site_name + " gets more than its rate of " + std::to_string(limits.rate.count));
}

void Simulation::begin_session(const Part& part, Carrier::Done done,
                               std::shared_ptr<SimCarrier> carrier) {
  ++totals_.attempts;
  auto session = std::make_shared<Session>();
  session->id = part.id;
  session->done = std::move(done);
  session->carrier = std::move(carrier);
  for (const auto at : part.recipients) {
    session->recipients.push_back(at);
    session->addresses.push_back(part.envelope.recipients[at].address);
  }
  const auto domain = domain_of(session->addresses.front());
  session->site_name = part.site;
  ++session->carrier->under_way[session->site_name];
  check_begin(*session);
  sessions_.push_back(session);
  auto& site = world.sites[world.domains.at(domain)];
  // As MxCarrier: the hosts are others than those by which the message waited.
  if (site.name != part.site) {
    known[domain] = {site.name, timeline.now() + 1min};
    if (moved_lately_[domain] <= timeline.now()) {
      moved_lately_[domain] = timeline.now() + 1min;
      session->attempt = queue::same_for_all(session->recipients.size(), {}, "moved");
      session->attempt.is_elsewhere = true;
      return timeline.after(1ms, [this, session] { end_session(session); });
    }
    session->attempt.is_elsewhere = true;
  }
  const auto fail = [&](const std::string& why, Span after, bool is_throttle, Span pause) {
    session->attempt = queue::same_for_all(session->recipients.size(), Outcome::deferred, why);
    if (is_throttle) session->attempt.throttle = queue::Throttle{why, pause};
    if (pause.count() == 0) session->attempt.site_failure = why;
    timeline.after(after, [this, session] { end_session(session); });
  };
  if (site.is_out(timeline.now()))
    return fail("4.4.1 no answer", chance.span(1ms, 30s), false, 0ms);
  if (site.sessions >= site.bears)
    return fail("421 4.7.0 too many connections", chance.span(1ms, 50ms), true, 0ms);
  if (site.asks_for_pauses && chance.is(5))
    return fail("421 4.7.28 unusual rate", chance.span(1ms, 50ms), true, chance.span(1min, 4h));
  session->site = &site;
  ++site.sessions;
  judge(*session, site);
  timeline.after(chance.span(1ms, 2s), [this, session] { send_dot(session); });
}

// The replies to RCPT: those of the first domain, as many as the host takes at once.
void Simulation::judge(Session& session, Site& site) {
  const auto domain = domain_of(session.addresses.front());
  std::int64_t taken = 0;
  for (std::size_t i = 0; i < session.recipients.size(); ++i) {
    auto& result = session.attempt.recipients.emplace_back();
    if (domain_of(session.addresses[i]) != domain) continue;
    if (site.most_recipients > 0 && taken >= site.most_recipients) continue;
    ++taken;
    const auto temper = (session.id.value * 31 + session.recipients[i] * 7 + seed_) % 100;
    const auto fate = fates.find({session.id.value, session.recipients[i]});
    if (temper < static_cast<std::uint64_t>(site.refused_percent)) {
      result = {Outcome::refused, "550 5.1.1 no such user"};
    } else if (site.greylists && fate != fates.end() && !fate->second.was_greylisted) {
      fate->second.was_greylisted = true;
      result = {Outcome::deferred, "450 4.2.0 greylisted, come back in 300 seconds"};
    } else {
      result = {Outcome::accepted, "250 2.0.0 Ok"};
    }
  }
}

void Simulation::send_dot(const SessionPointer& session) {
  if (session->has_ended) return;
  session->has_sent_dot = true;
  const bool is_cut = chance.is(session->site->cut_percent);
  const bool is_delivered = !is_cut || chance.is(50);
  for (std::size_t i = 0; i < session->recipients.size(); ++i) {
    auto& result = session->attempt.recipients[i];
    if (result.outcome != Outcome::accepted) continue;
    const auto found = fates.find({session->id.value, session->recipients[i]});
    if (is_cut) result = {Outcome::unknown, "lost connection after the final dot"};
    if (found == fates.end()) continue;  // a notification
    auto& fate = found->second;
    if (is_delivered) {
      ++totals_.deliveries;
      if (!fate.first_delivery) fate.first_delivery = timeline.now();
      if (++fate.deliveries > 1 + fate.excuses)
        finding("message " + session->id.text() + " is delivered twice to " + fate.address);
    }
    if (is_cut) fate.excuses = fate.deliveries;
  }
  timeline.after(chance.span(1ms, 500ms), [this, session] { end_session(session); });
}

void Simulation::end_session(const SessionPointer& session) {
  if (std::exchange(session->has_ended, true)) return;
  std::erase(sessions_, session);
  --session->carrier->under_way[session->site_name];
  if (session->site != nullptr) --session->site->sessions;
  session->done(std::move(session->attempt));
}

// All that is due now; then the time of the next step of the queue.
void Simulation::drive() {
  plan_messages();
  plan_operator();
  start_process();
  for (;;) {
    std::optional<queue::Time> wake;
    int turns = 0;
    do {
      wake = dispatcher_->turn();
      if (++turns > 10'000) return finding("the queue turns without end");
    } while (wake && *wake <= queue::Time(timeline.now()));
    std::optional<Span> next;
    if (!timeline.is_empty()) next = timeline.next();
    if (wake) {
      const auto at = std::chrono::ceil<Span>(wake->time_since_epoch());
      if (!next || at < *next) next = at;
    }
    if (!next || *next > whole) return;
    timeline.advance(*next);
    while (!timeline.is_empty() && timeline.next() <= timeline.now()) timeline.run_next();
  }
}

void Simulation::check_end() {
  for (const auto& one : spool.list()) {
    const auto envelope = spool.envelope(one.id);
    const auto& first = envelope->recipients.front();
    finding("message " + one.id.text() + " to " + first.address + " is still there: " + first.note);
  }
  for (const auto& [key, fate] : fates) {
    if (fate.address.empty()) continue;  // on disk, and its client was never told so
    const auto name = "message " + QueueId{key.first}.text() + " to " + fate.address;
    const auto& site = world.sites[world.domains.at(domain_of(fate.address))];
    if (fate.failures_reported > 1) finding(name + ": the failure is reported twice");
    totals_.bounces += static_cast<std::uint64_t>(fate.failures_reported);
    if (fate.deliveries == 0 && fate.failures_reported == 0)
      finding(name + " is lost: neither delivered nor reported");
    const bool was_held = fate.was_held || sites_ever_held_.contains(site.name) ||
                          moved_domains_.contains(domain_of(fate.address));
    if (!site.is_healthy() || was_held || !fate.first_delivery) continue;
    if (*fate.first_delivery - fate.arrived > patience)
      finding(name + " at a site in good health took " +
              std::to_string((*fate.first_delivery - fate.arrived).count() / 1000) + " s");
  }
}

void Simulation::crash_at(std::uint64_t write, bool is_on_disk) {
  at_write_ = " with a crash " + std::string(is_on_disk ? "behind" : "before") + " write " +
              std::to_string(write);
  spool.watch([this, write, is_on_disk](std::uint64_t number, bool is_there) {
    if (number != write || is_there != is_on_disk) return;
    // In the first call the queue is in the middle of a turn.
    is_there ? crash() : timeline.after(0ms, [this] { crash(); });
  });
}

void Simulation::run() {
  ++totals_.seeds;
  drive();
  check_end();
}

}  // namespace postroad::simulate
