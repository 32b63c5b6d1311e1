// The outbox's worker: the due_queue says what is due, the schedule when to try again, the pool
// sends, and the spool keeps what became of it.
#include <algorithm>

#include "base/text.hpp"
#include "relay/intake.hpp"
#include "relay/outbox_state.hpp"
#include "relay/outbox_values.hpp"

namespace postroad {

using namespace relay::outbox;

namespace {

constexpr std::size_t batch = 16;

Pool make_pool(const OutboxOptions& options) {
  return options.login ? Pool(options.relays, *options.login, options.client, options.pool)
                       : Pool(options.relays, options.client, options.pool);
}

}  // namespace

Outbox::State::State(OutboxOptions asked, std::unique_ptr<spool::Spool> opened)
    : options(std::move(asked)),
      schedule{options.initial_retry_delay, options.max_retry_delay, options.give_up_after},
      spool(std::move(opened)),
      pool(make_pool(options)) {
  for (const auto& message : spool->list()) take_up(message.id);
  worker = std::thread([this] { run(); });
}

Outbox::State::~State() {
  due_queue.stop();
  {
    const std::lock_guard lock(mutex);
    stopping = true;
    bell.notify_all();
  }
  worker.join();
  {
    std::unique_lock lock(mutex);
    for (const auto& [id, ticket] : tickets) pool.cancel(ticket);
    bell.wait(lock, [this] { return under_way == 0; });
  }
  (void)pool.close(std::chrono::seconds(1));
}

void Outbox::State::take_up(spool::QueueId id) {
  const auto envelope = spool->envelope(id);
  if (!envelope) return;  // damaged: it stays, for a person to see
  if (const auto key = key_of(*envelope); !key.empty()) keys[key] = id.text();
  due_queue.add(queue::Lane::local, id);
}

void Outbox::State::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex);
      const auto most = batch + options.pool.connections * options.relays.size();
      bell.wait(lock, [&] { return under_way < most || stopping; });
      if (stopping) return;
    }
    const auto ids = due_queue.take(queue::Lane::local, batch);
    if (ids.empty()) return;
    for (const auto id : ids) look_at(id);
  }
}

// What is to be done with a mail whose time has come: send, forget, or wait on.
void Outbox::State::look_at(spool::QueueId id) {
  const auto now = queue::now_ms();
  {
    const std::lock_guard lock(mutex);
    const auto found = planned.find(id.value);
    if (found != planned.end() && found->second <= now) planned.erase(found);
  }
  if (!is_recorded(id)) {
    due_queue.release({id});
    constexpr std::int64_t pause = 100;  // milliseconds: a sync takes fewer
    return plan(now + pause, id);
  }
  auto envelope = spool->envelope(id);
  if (!envelope) {
    due_queue.release({id});
    if (envelope.error().fault == Fault::io) plan(now + options.max_retry_delay.count(), id);
    return;
  }
  auto job = std::make_shared<Job>();
  job->id = id;
  job->envelope = std::move(*envelope);
  for (std::uint32_t i = 0; i < job->envelope.recipients.size(); ++i) {
    const auto& one = job->envelope.recipients[i];
    if (one.state == spool::State::pending && one.next_attempt <= now) job->recipients.push_back(i);
  }
  if (!job->recipients.empty()) return start(std::move(job));
  due_queue.release({id});
  plan_next(id, job->envelope);
}

void Outbox::State::start(std::shared_ptr<Job> job) {
  Envelope envelope;
  if (auto from = Mailbox::parse(job->envelope.reverse_path)) envelope.reverse_path = *from;
  envelope.options = options_now(job->envelope);
  for (const auto i : job->recipients) {
    const auto& one = job->envelope.recipients[i];
    envelope.recipients.push_back(mailbox_of(one.address));
    envelope.recipient_options.push_back(relay::options_of(one));
  }
  job->source = std::make_unique<relay::SpoolSource>(*spool, job->id, job->envelope);
  auto& source = *job->source;
  const std::lock_guard lock(mutex);
  ++under_way;
  tickets[job->id.value] =
      pool.start_send(std::move(envelope), source,
                      [this, job](const Result<SendReport>& result) { ended(*job, result); });
}

void Outbox::State::settle(Job& job, std::uint32_t recipient, Outcome outcome, std::string note) {
  auto& one = job.envelope.recipients[recipient];
  ++one.attempts;
  one.note = std::move(note);
  const auto now = queue::now_ms();
  if (outcome == Outcome::accepted) one.state = spool::State::delivered;
  if (outcome == Outcome::refused) one.state = spool::State::refused;
  if (outcome == Outcome::unknown) one.state = spool::State::unknown;
  if (outcome != Outcome::deferred) return;
  const auto pause = schedule.next(one.attempts, job.id.value,
                                   std::chrono::milliseconds(now - job.envelope.arrived));
  if (pause) {
    one.next_attempt = now + pause->count();
  } else {
    one.state = spool::State::refused;
    one.note = "given up: " + one.note;
  }
}

// On the pool's thread.
void Outbox::State::ended(Job& job, const Result<SendReport>& result) {
  // By the destructor; else the program's own `progress` stopped it, and it is tried again.
  bool was_cut = !result && result.error().fault == Fault::cancelled;
  if (was_cut) {
    const std::lock_guard lock(mutex);
    was_cut = stopping;
  }
  std::vector<spool::OutcomeRecord> outcomes;
  for (std::size_t i = 0; i < job.recipients.size() && !was_cut; ++i) {
    const auto at = job.recipients[i];
    if (result) {
      const auto& one = result->recipients[i];
      settle(job, at, one.outcome,
             one.reply.code == 0 ? printable(one.reply.text, 500) : one.reply.one_line());
    } else {
      // What no relay and no later try can change: a wrong value, an extension that is not there.
      const auto fault = result.error().fault;
      const bool for_good = fault == Fault::input || fault == Fault::unsupported;
      settle(job, at, for_good ? Outcome::refused : Outcome::deferred, result.error().text());
    }
    const auto& one = job.envelope.recipients[at];
    outcomes.push_back({at, one.state, one.attempts, one.next_attempt, one.note});
  }
  // First the record: who takes the mail from the due_queue must see it.
  if (!outcomes.empty()) record(job.id, std::move(outcomes));
  {
    const std::lock_guard lock(mutex);
    tickets.erase(job.id.value);
  }
  due_queue.release({job.id});
  if (!was_cut) {
    if (options.on_outcome) options.on_outcome(status_of(job.id, job.envelope));
    plan_next(job.id, job.envelope);
  }
  const std::lock_guard lock(mutex);
  --under_way;
  bell.notify_all();
}

// At once, as a crash sends again what is not on disk. What the disk refuses the worker records
// once more (`is_recorded`): the spool's own thread must not.
void Outbox::State::record(spool::QueueId id, std::vector<spool::OutcomeRecord> outcomes) {
  {
    const std::lock_guard lock(mutex);
    recordings[id.value] = {outcomes, false};
  }
  const std::lock_guard lock(outcomes_mutex);
  spool->record(id, std::move(outcomes), [this, id](const Result<void>& kept) {
    {
      const std::lock_guard held(mutex);
      const auto found = recordings.find(id.value);
      if (found == recordings.end()) return;
      found->second.was_refused = !kept;
      if (kept) recordings.erase(found);
    }
    if (!kept) due_queue.add(queue::Lane::local, id);
  });
}

// Whether the spool shows what became of a mail. What the disk refused goes in as what nobody waits
// for: that is visible at once, and is written as soon as it can be.
bool Outbox::State::is_recorded(spool::QueueId id) {
  std::vector<spool::OutcomeRecord> again;
  {
    const std::lock_guard lock(mutex);
    const auto found = recordings.find(id.value);
    if (found == recordings.end()) return true;
    if (!found->second.was_refused) return false;
    again = std::move(found->second.outcomes);
    recordings.erase(found);
  }
  const std::lock_guard lock(outcomes_mutex);
  spool->record(id, std::move(again));
  return true;
}

void Outbox::State::plan(std::int64_t when, spool::QueueId id) {
  {
    const std::lock_guard lock(mutex);
    auto& next = planned[id.value];
    if (next == when) return;
    next = when;
  }
  due_queue.add_later(when, id);
}

// When it is looked at again: for its next attempt, or to be forgotten.
void Outbox::State::plan_next(spool::QueueId id, const spool::Envelope& envelope) {
  const auto now = queue::now_ms();
  if (is_done(envelope)) {
    const auto until = envelope.arrived + options.remember.count();
    if (until > now) return plan(until, id);
    // Gone first, its key then: `submit` asks in the other order.
    spool->remove(id);
    const std::lock_guard lock(mutex);
    planned.erase(id.value);
    const auto found = keys.find(key_of(envelope));
    if (found != keys.end() && found->second == id.text()) keys.erase(found);
    return;
  }
  std::optional<std::int64_t> next;
  for (const auto& one : envelope.recipients) {
    if (one.state == spool::State::pending && (!next || one.next_attempt < *next))
      next = one.next_attempt;
  }
  plan(*next, id);
}

}  // namespace postroad
