// Requests of operators, and where a message is; see dispatcher.hpp.
#include <algorithm>
#include <unordered_set>

#include "queue/dispatcher.hpp"

namespace postroad::queue {

void Dispatcher::request(Request what, std::vector<spool::QueueId> ids, RequestDone done) {
  const auto put = [&](Inbox& inbox) { inbox.asked.push_back({what, std::move(ids), done}); };
  if (!post(put)) done(0);
}

void Dispatcher::find(spool::QueueId id, std::function<void(const Whereabouts&)> found) {
  if (!post([&](Inbox& inbox) { inbox.searches.push_back({id, found}); })) found({});
}

// The messages leave the schedule and the lines together: that costs one look at all messages,
// however many are named.
void Dispatcher::take_request(const Asked& asked) {
  const auto tally = std::make_shared<Tally>();
  tally->done = asked.done;
  std::unordered_set<std::uint64_t> idle;
  std::unordered_set<std::uint64_t> busy;
  for (const auto id : asked.ids) {
    // A release concerns held messages, which are in no place but for a moment.
    const bool is_left = asked.what == Request::release && !is_held(id);
    if (!is_left) (active_.contains(id.value) ? busy : idle).insert(id.value);
  }
  schedule_.take_out(idle);
  schedule_.take_out(busy);
  for (auto& [name, line] : waiting_lines_) {
    line->site.line().take_out(idle);
    line->site.line().take_out(busy);
  }
  std::erase_if(waiting_lines_, [](const auto& one) { return !one.second->site.has_waiting(); });
  // Recipients of theirs that are left at held sites are noted there again.
  for (auto& [name, ids] : held_sites_) {
    for (const auto id : idle) ids.erase(id);
    for (const auto id : busy) ids.erase(id);
  }
  for (const auto id : idle) {
    in_line_.erase(id);
    entries_.erase(id);
    after_.erase(id);  // of an earlier request, which this one replaces
  }
  for (const auto id : busy) {
    in_line_.erase(id);
    entries_.erase(id);
  }
  if (asked.what == Request::flush) {
    for (auto& [name, line] : lines_) line.site.end_pause();
    wake_all_lines();
  }
  for (const auto id : busy)
    run_step(spool::QueueId{id}, [&] { hold_during_attempt({id}, asked.what, tally); });
  for (const auto id : idle)
    run_step(spool::QueueId{id}, [&] { serve_request(asked.what, {id}, tally); });
}

bool Dispatcher::is_held(spool::QueueId id) const {
  const auto envelope = spool_.envelope(id);
  return envelope && std::any_of(envelope->recipients.begin(), envelope->recipients.end(),
                                 [](const auto& one) { return one.is_held; });
}

// The message is being attempted: the request is served after that. Until then the message counts
// as held on disk, so that a crash does not undo the request.
void Dispatcher::hold_during_attempt(spool::QueueId id, Request what,
                                     const std::shared_ptr<Tally>& tally) {
  // Its attempt is what a flush asks for.
  if (what == Request::flush) {
    ++tally->count;
    return;
  }
  auto& after = after_.try_emplace(id.value, what).first->second;
  if (after == Request::remove && what != Request::remove) return;  // nothing undoes a removal
  after = what;
  auto envelope = spool_.envelope(id);
  if (!envelope) return;
  auto records = held_records(*envelope, after != Request::release);
  if (records.empty()) {
    ++tally->count;
    return;
  }
  store(id, std::move(*envelope), std::move(records), what, tally);
}

std::vector<spool::OutcomeRecord> Dispatcher::held_records(const spool::Envelope& envelope,
                                                           bool is_held) const {
  std::vector<spool::OutcomeRecord> records;
  for (std::uint32_t i = 0; i < envelope.recipients.size(); ++i) {
    const auto& one = envelope.recipients[i];
    if (!is_open(one.state, settings_.settlement.on_unknown) || one.is_held == is_held) continue;
    records.push_back(spool::outcome_of(envelope, i));
    records.back().is_held = is_held;
  }
  return records;
}

// The message is in no place.
void Dispatcher::serve_request(Request what, spool::QueueId id,
                               const std::shared_ptr<Tally>& tally) {
  if (what == Request::flush) return serve_flush(id, tally);
  if (what == Request::remove) return serve_removal(id, tally);
  auto envelope = spool_.envelope(id);
  if (!envelope) return read_later(id);
  auto records = held_records(*envelope, what == Request::hold);
  if (records.empty()) {
    if (!is_finished(*envelope, settings_.settlement.on_unknown)) ++tally->count;
    return reschedule(id, *envelope);
  }
  store(id, std::move(*envelope), std::move(records), what, tally);
}

void Dispatcher::serve_flush(spool::QueueId id, const std::shared_ptr<Tally>& tally) {
  const auto envelope = spool_.envelope(id);
  if (!envelope) return read_later(id);
  if (flushed_recipients(*envelope, settings_.settlement.on_unknown, now_.wall).empty())
    return reschedule(id, *envelope);
  schedule_.add_flushed(id);
  ++tally->count;
}

void Dispatcher::serve_removal(spool::QueueId id, const std::shared_ptr<Tally>& tally) {
  auto envelope = spool_.envelope(id);
  if (!envelope && envelope.error().fault == Fault::not_found) return;
  store(id, envelope ? std::move(*envelope) : spool::Envelope(), {}, Request::remove, tally);
}

// The message is under way until its records are on disk.
void Dispatcher::store(spool::QueueId id, spool::Envelope envelope,
                       std::vector<spool::OutcomeRecord> records, Request what,
                       const std::shared_ptr<Tally>& tally) {
  const auto active = std::make_shared<Active>();
  active->part.id = id;
  active->part.envelope = std::move(envelope);
  for (const auto& record : records) apply(active->part.envelope, record);
  count(*active);
  auto done = [this, active, what, tally](const Result<void>& kept) {
    post([&](Inbox& inbox) { inbox.stored.push_back({active, what, !kept, tally}); });
  };
  active->is_removal = what == Request::remove && records.empty();
  try {
    active->is_removal ? spool_.remove(id, std::move(done))
                       : spool_.record(id, std::move(records), std::move(done));
  } catch (...) {
    uncount(*active);
    throw;
  }
}

void Dispatcher::end_stored(const Stored& stored) {
  auto& active = *stored.active;
  if (!uncount(active)) return;
  const auto id = active.part.id;
  if (!stored.was_refused) {
    ++stored.tally->count;
    // A removal that waits for the end of an attempt is told when it is done.
    if (stored.what != Request::remove || active.is_removal)
      tell([&] { observer_.requested(stored.what, id, active.part.envelope); });
  }
  if (active_.contains(id.value)) return;  // its attempt goes on
  const auto envelope = spool_.envelope(id);
  if (envelope) return reschedule(id, *envelope);
  after_.erase(id.value);
  if (!active.is_removal) return read_later(id);
  if (!stored.was_refused) tell([&] { observer_.removed(id, active.part.envelope); });
}

// Serves a request that came while the message was being attempted. True: it is done, and the
// message is where it belongs.
bool Dispatcher::serve_request_after(spool::QueueId id) {
  const auto found = after_.find(id.value);
  if (found == after_.end() || active_.contains(id.value)) return false;
  const auto what = found->second;
  after_.erase(found);
  serve_request(what, id, std::make_shared<Tally>());
  return true;
}

Whereabouts Dispatcher::find_now(spool::QueueId id) const {
  Whereabouts found;
  for (const auto& [site, ids] : held_sites_)
    if (ids.contains(id.value)) found.held_sites.push_back(site);
  const auto describe = [&](const std::string& site) {
    found.site = site;
    const auto line = lines_.find(site);
    if (line == lines_.end()) return;
    const auto& state = line->second.site;
    found.site_trouble = state.reason();
    found.under_way = state.in_flight();
    found.limit = state.limit();
    if (state.paused_until() > now_.steady)
      found.pause =
          std::chrono::ceil<std::chrono::milliseconds>(state.paused_until() - now_.steady);
    if (state.next_token() > now_.steady)
      found.next_token =
          std::chrono::ceil<std::chrono::milliseconds>(state.next_token() - now_.steady);
  };
  if (lookups_.has(id)) {
    const auto* const destination = lookups_.destination_of(id);
    found.place = Whereabouts::Place::lookup;
    if (destination != nullptr) found.destination = *destination;
    return found;
  }
  // The record of a request may be under way beside an attempt.
  const auto [first, last] = active_.equal_range(id.value);
  for (auto at = first; at != last; ++at) {
    const auto& active = *at->second;
    if (active.is_report) found.place = Whereabouts::Place::report;
    if (active.is_report || active.site.empty()) continue;
    found.place = Whereabouts::Place::attempt;
    describe(active.site);
    return found;
  }
  if (found.place == Whereabouts::Place::report) return found;
  for (const auto& [name, line] : waiting_lines_) {
    if (!line->site.line().has(id)) continue;
    found.place = Whereabouts::Place::line;
    describe(name);
    return found;
  }
  return found;
}

}  // namespace postroad::queue
