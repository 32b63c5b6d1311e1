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
  for (const auto id : asked.ids) {
    if (!active_.contains(id.value)) idle.insert(id.value);
  }
  schedule_.take_out(idle);
  for (auto& [name, line] : waiting_lines_) line->site.take_out(idle);
  std::erase_if(waiting_lines_, [](const auto& one) { return !one.second->site.has_waiting(); });
  for (const auto id : idle) parts_.erase(id);
  if (asked.what == Request::flush) {
    for (auto& [name, line] : lines_) line.site.end_pause();
  }
  for (const auto id : asked.ids) {
    if (idle.contains(id.value)) {
      run_step(id, [&] { serve_request(asked.what, id, tally); });
      continue;
    }
    const std::lock_guard lock(tally->mutex);
    ++tally->count;
    // Its attempt is what a flush asks for. Nothing undoes a removal.
    if (asked.what == Request::flush) continue;
    auto& after = after_.try_emplace(id.value, asked.what).first->second;
    if (after != Request::remove) after = asked.what;
  }
}

// The message is in no place.
void Dispatcher::serve_request(Request what, spool::QueueId id,
                               const std::shared_ptr<Tally>& tally) {
  switch (what) {
    case Request::hold:
    case Request::release:
      return set_held(id, what == Request::hold, tally);
    case Request::flush: {
      const auto envelope = spool_.envelope(id);
      if (!envelope) return read_later(id);
      if (open_recipients(*envelope, settings_.settlement.on_unknown).empty())
        return reschedule(id, *envelope);
      schedule_.add_flushed(id);
      const std::lock_guard lock(tally->mutex);
      ++tally->count;
      return;
    }
    case Request::remove: {
      const auto envelope = spool_.envelope(id);
      if (!envelope && envelope.error().fault == Fault::not_found) return;
      spool_.remove(id, [tally](const Result<void>& kept) {
        const std::lock_guard lock(tally->mutex);
        if (kept) ++tally->count;
      });
      look_again(id);
      return tell([&] { observer_.removed(id, envelope ? *envelope : spool::Envelope()); });
    }
  }
}

void Dispatcher::set_held(spool::QueueId id, bool is_held, const std::shared_ptr<Tally>& tally) {
  auto envelope = spool_.envelope(id);
  if (!envelope) return read_later(id);
  std::vector<spool::OutcomeRecord> records;
  for (std::uint32_t i = 0; i < envelope->recipients.size(); ++i) {
    const auto& one = envelope->recipients[i];
    if (!is_open(one.state, settings_.settlement.on_unknown) || one.is_held == is_held) continue;
    records.push_back(spool::outcome_of(*envelope, i));
    records.back().is_held = is_held;
    apply(*envelope, records.back());
  }
  const bool is_changed = !records.empty();
  if (is_changed) {
    spool_.record(id, std::move(records), [tally](const Result<void>& kept) {
      const std::lock_guard lock(tally->mutex);
      if (kept) ++tally->count;
    });
    if (is_held) look_again(id);
  }
  reschedule(id, *envelope);
}

// The disk may refuse a record that was visible meanwhile: then the message is as it was before.
void Dispatcher::look_again(spool::QueueId id) {
  schedule_.add_retry(id, now_.steady + settings_.settlement.retry.initial_delay);
}

// Serves a request that came while the message was being attempted. True: it is done, and the
// message is where it belongs.
bool Dispatcher::serve_request_after(spool::QueueId id) {
  const auto found = after_.find(id.value);
  if (found == after_.end() || active_.contains(id.value)) return false;
  const auto what = found->second;
  after_.erase(found);
  const auto tally = std::make_shared<Tally>();
  tally->done = [](std::size_t) {};
  serve_request(what, id, tally);
  return true;
}

Whereabouts Dispatcher::find_now(spool::QueueId id) const {
  Whereabouts found;
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
  };
  if (const auto active = active_.find(id.value); active != active_.end()) {
    const bool is_report = active->second->carrier == nullptr && active->second->site.empty();
    found.place = is_report ? Whereabouts::Place::report : Whereabouts::Place::attempt;
    describe(active->second->site);
    return found;
  }
  for (const auto& [name, line] : waiting_lines_) {
    if (!line->site.has(id)) continue;
    found.place = Whereabouts::Place::line;
    describe(name);
    return found;
  }
  return found;
}

}  // namespace postroad::queue
