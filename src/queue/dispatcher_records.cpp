// The records of an attempt: the site's state, the outcomes, the next attempt or the end of the
// message; see dispatcher.hpp.
#include <algorithm>

#include "queue/dispatcher.hpp"

namespace postroad::queue {

void Dispatcher::end_attempt(const Ended& ended) {
  const auto& active = ended.active;
  if (!active->is_counted) return;
  // The outcome of a former carrier does not affect the site.
  const auto found = lines_.find(active->site);
  if (found != lines_.end() && found->second.carrier.lock() == active->carrier) {
    found->second.site.ended();
    note_site(*active, ended.attempt);
    wake_line(active->site);
    const auto& site = found->second.site;
    if (site.is_idle(now_.steady) && site.is_as_new()) forget(active->site);
  }
  settle_all(active, ended.attempt);
}

void Dispatcher::note_site(const Active& active, const Attempt& attempt) {
  if (attempt.is_elsewhere) return;
  auto& line = lines_.at(active.site);
  const auto was_tried = std::any_of(attempt.recipients.begin(), attempt.recipients.end(),
                                     [](const auto& result) { return result.outcome.has_value(); });
  const auto was_accepted =
      std::any_of(attempt.recipients.begin(), attempt.recipients.end(),
                  [](const auto& result) { return result.outcome == Outcome::accepted; });
  const auto limit = line.site.limit();
  // A host may accept some recipients and still ask for a pause.
  if (attempt.throttle && (!was_accepted || attempt.throttle->pause.count() > 0)) {
    const auto& why = attempt.throttle->why;
    if (line.site.throttled(now_.steady, active.began, attempt.site_failure.has_value(),
                            *attempt.throttle)) {
      tell([&] { observer_.site_waits(active.site, attempt.throttle->pause, why); });
      for (const auto id : line.site.line().ids()) look_again_later(id);
    } else if (line.site.limit() < limit && !line.site.is_down())
      tell([&] { observer_.site_limited(active.site, line.site.limit(), why); });
  } else if (attempt.site_failure) {
    line.site.failed(now_.steady, active.began, *attempt.site_failure);
  } else if (was_tried) {
    line.site.worked(active.began, attempt.latency);
  }
  tell_state(active.site, line);
}

// The observer is told of each change once.
void Dispatcher::tell_state(const std::string& name, Line& line) {
  const bool is_down = line.site.is_down();
  if (std::exchange(line.is_down, is_down) == is_down) return;
  {
    const std::lock_guard lock(mutex_);
    troubles_[name] = line.site.reason();
  }
  tell([&] { observer_.site_changed(name, line.site.reason()); });
}

void Dispatcher::settle_all(const ActivePointer& active, const Attempt& attempt) {
  auto& part = active->part;
  const auto age = loaded_.age(part.id, released_at(part.handling, part.envelope), now_);
  for (std::size_t i = 0; i < part.recipients.size() && i < attempt.recipients.size(); ++i) {
    const auto at = part.recipients[i];
    if (attempt.recipients[i].outcome) {
      active->records.push_back(
          settle(part, at, attempt.recipients[i], settings_.settlement, {now_.wall, age}));
    } else if (const auto& one = part.envelope.recipients[at]; one.next_attempt > now_.wall) {
      // A flush began the attempt, and it counts as none: it is still due at once.
      auto& record = active->records.emplace_back(spool::outcome_of(part.envelope, at));
      record.next_attempt = now_.wall;
    }
  }
  const auto after = after_.find(part.id.value);
  const bool is_asked_to_stop =
      after != after_.end() && (after->second == Request::hold || after->second == Request::remove);
  for (auto& record : active->records) {
    // The request's own record came before this one.
    if (is_asked_to_stop && record.state == spool::State::pending) record.is_held = true;
    apply(part.envelope, record);
    tell([&] { observer_.settled(part, record); });
  }
  if (active->records.empty()) return end_record({active, false});
  record(active);
}

// Each outcome is recorded when it is known: those that arrive together share a sync.
void Dispatcher::record(const ActivePointer& active) {
  const auto id = active->part.id;
  auto done = [this, held = active](const Result<void>& kept) mutable {
    post([&](Inbox& inbox) { inbox.recorded.push_back({std::move(held), !kept}); });
  };
  if (active->covers_all && is_finished(active->part.envelope, settings_.settlement.on_unknown)) {
    const auto removal = removal_time(active->part.envelope);
    active->is_removal = removal && *removal <= now_.wall &&
                         owed(id, active->part.envelope, active->part.handling).empty();
  }
  if (active->is_removal) return spool_.remove(id, std::move(done));
  spool_.record(id, active->records, std::move(done));
}

// A record that the disk refused is submitted again without a waiting caller: visible at once, and
// written when the disk allows it.
void Dispatcher::end_record(const Recorded& recorded) {
  auto& active = *recorded.active;
  const auto id = active.part.id;
  if (!uncount(active)) return;
  if (recorded.was_refused)
    active.is_removal ? spool_.remove(id) : spool_.record(id, active.records);
  if (!active.records.empty()) tell([&] { observer_.attempted(id, active.part.envelope); });
  if (active.is_removal) after_.erase(id.value);
  if (active.is_removal) return tell([&] { observer_.removed(id, active.part.envelope); });
  part_ended(id, active.covers_all ? &active : nullptr);
}

// A part has ended, or waits in a line. `whole`: the attempt that had all open recipients; its
// envelope is the present one.
void Dispatcher::part_ended(spool::QueueId id, const Active* whole) {
  if (dispatching_ == id || active_.contains(id.value)) return;  // the last one says what follows
  if (whole != nullptr) return reschedule(id, whole->part.envelope);
  const auto envelope = spool_.envelope(id);
  envelope ? reschedule(id, *envelope) : read_later(id);
}

// A disk that cannot be read now may be readable later. A message that was removed stays away, and
// a damaged one stays in the spool for an operator.
void Dispatcher::read_later(spool::QueueId id) {
  const auto envelope = spool_.envelope(id);
  if (!envelope && envelope.error().fault != Fault::io) return;
  schedule_.add_retry(id, now_.steady + settings_.settlement.retry.max_delay);
}

// The notifications that the sender of a message is owed, none of whose parts is under way.
std::vector<OwedReport> Dispatcher::owed(spool::QueueId id, const spool::Envelope& envelope,
                                         const Handling& handling) const {
  if (!settings_.reporter) return {};
  const auto age = loaded_.age(id, released_at(handling, envelope), now_);
  return settings_.reporter->owed(envelope, handling, now_.wall, age);
}

// A process that stops leaves what is owed to the next one.
Dispatcher::ReportStep Dispatcher::report(spool::QueueId id, const spool::Envelope& envelope) {
  // Nothing has happened to most messages that are looked at.
  const bool is_fresh = std::all_of(
      envelope.recipients.begin(), envelope.recipients.end(),
      [](const auto& one) { return one.state == spool::State::pending && one.attempts == 0; });
  if (!settings_.reporter || is_fresh) return ReportStep::none;
  auto handling = handling_of(envelope);
  auto owed = this->owed(id, envelope, handling);
  if (owed.empty()) return ReportStep::none;
  if (is_stopping()) return ReportStep::begun;
  if (now_.steady < no_report_before_) return ReportStep::later;
  const auto active = std::make_shared<Active>();
  active->is_report = true;
  active->part.id = id;
  active->part.envelope = envelope;
  active->part.handling = std::move(handling);
  active->records = reported(envelope, owed);
  if (const auto size = spool_.size(id)) active->part.size = *size;
  count(*active);
  try {
    settings_.reporter->report(
        active->part, std::move(owed), [this, held = active](const Result<void>& kept) mutable {
          post([&](Inbox& inbox) { inbox.reported.push_back({std::move(held), !kept}); });
        });
  } catch (...) {
    step_failed();
    end_report({active, true});
  }
  return ReportStep::begun;
}

// A notification that the disk refused is made again later, and others wait with it: the message's
// own attempts go on.
void Dispatcher::end_report(const Recorded& reported) {
  auto& active = *reported.active;
  if (!uncount(active)) return;
  const auto id = active.part.id;
  if (serve_request_after(id)) return;
  if (reported.was_refused) {
    no_report_before_ = now_.steady + settings_.settlement.retry.initial_delay;
    return reschedule(id, active.part.envelope);
  }
  for (const auto& record : active.records) apply(active.part.envelope, record);
  reschedule(id, active.part.envelope);
}

void Dispatcher::reschedule(spool::QueueId id, const spool::Envelope& envelope) {
  if (serve_request_after(id)) return;
  const auto step = report(id, envelope);
  if (step == ReportStep::begun) return;
  const auto& policy = settings_.settlement;
  const auto left_of = [&](const spool::Recipient& one) {
    return time_until(one, policy.retry, now_.wall);
  };
  const spool::Recipient* next = nullptr;
  for (const auto at : free_of(id, envelope, open_recipients(envelope, policy.on_unknown))) {
    const auto& one = envelope.recipients[at];
    if (next == nullptr || left_of(one) < left_of(*next)) next = &one;
  }
  if (step == ReportStep::later) {
    const auto left =
        next == nullptr ? no_report_before_ - now_.steady
                        : std::min<Time::duration>(no_report_before_ - now_.steady, left_of(*next));
    return retry_at(id, now_.steady + left);
  }
  if (next != nullptr) return wait_for(id, *next);
  if (is_finished(envelope, policy.on_unknown)) return finish(id, envelope);
  look_again_later(id);  // it is held or in lines, or its sites are held
}

// A recipient's time has come.
bool Dispatcher::is_due(const spool::Envelope& envelope) const {
  const auto open = open_recipients(envelope, settings_.settlement.on_unknown);
  return std::any_of(open.begin(), open.end(), [&](std::uint32_t at) {
    return time_until(envelope.recipients[at], settings_.settlement.retry, now_.wall).count() == 0;
  });
}

// Until the attempt for its first recipient is due. A hold names a date; a retry has a delay.
void Dispatcher::wait_for(spool::QueueId id, const spool::Recipient& first) {
  const auto left = time_until(first, settings_.settlement.retry, now_.wall);
  if (first.attempts > 0 || left.count() == 0) return retry_at(id, now_.steady + left);
  if (note_entry(id, now_.steady + left)) schedule_.add_hold(id, first.next_attempt);
}

void Dispatcher::retry_at(spool::QueueId id, Time due) {
  if (note_entry(id, due)) schedule_.add_retry(id, due);
}

// Whether the message needs this entry in the schedule.
bool Dispatcher::note_entry(spool::QueueId id, Time due) {
  if (!in_line_.contains(id.value) && !entries_.contains(id.value)) return true;  // it has none
  auto& entries = entries_[id.value];
  if (entries.count > 0 && entries.first <= due) return false;
  ++entries.count;
  entries.first = due;
  return true;
}

// An entry has left the schedule. True: the message has another one.
bool Dispatcher::take_entry(spool::QueueId id) {
  const auto found = entries_.find(id.value);
  if (found == entries_.end()) return false;
  found->second.first = Time::max();
  if (--found->second.count > 0) return true;
  entries_.erase(found);
  return false;
}

std::optional<std::int64_t> Dispatcher::removal_time(const spool::Envelope& envelope) const {
  if (settings_.removal) return settings_.removal(envelope);
  const bool is_over = settings_.reporter ? !has_unknown(envelope) : is_delivered(envelope);
  return is_over ? std::optional<std::int64_t>(0) : std::nullopt;
}

void Dispatcher::finish(spool::QueueId id, const spool::Envelope& envelope) {
  const auto when = removal_time(envelope);
  if (!when) {
    if (has_unknown(envelope)) parked_.push_back(id.value);
    return;
  }
  if (*when > now_.wall) return schedule_.add_hold(id, *when);
  spool_.remove(id);
  tell([&] { observer_.removed(id, envelope); });
}

}  // namespace postroad::queue
