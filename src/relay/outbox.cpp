// The outbox: the spool keeps, the agenda says what is due, the schedule when to try again, the
// pool sends. See postroad/outbox.hpp.
#include <postroad/outbox.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/text.hpp"
#include "client/connection.hpp"
#include "proto/smtp/mail_parameters.hpp"
#include "relay/agenda.hpp"
#include "relay/intake.hpp"
#include "relay/outbox_values.hpp"
#include "relay/schedule.hpp"
#include "relay/spool_source.hpp"
#include "spool/journal.hpp"
#include "spool/posix_disk.hpp"

namespace postroad {

using namespace relay::outbox;

namespace {

constexpr std::size_t most_key = 1000;  // octets
constexpr std::size_t batch = 16;

}  // namespace

bool OutboxStatus::is_done() const noexcept {
  return std::all_of(recipients.begin(), recipients.end(),
                     [](const auto& one) { return one.outcome.has_value(); });
}

struct Outbox::State {
  State(OutboxOptions asked, std::unique_ptr<spool::Spool> opened)
      : options(std::move(asked)),
        schedule{options.first_retry, options.longest_retry, options.give_up_after},
        spool(std::move(opened)),
        pool(make_pool(options)) {
    for (const auto& message : spool->list()) take_up(message.id);
    worker = std::thread([this] { run(); });
  }
  ~State() {
    agenda.stop();
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
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  static Pool make_pool(const OutboxOptions& options) {
    return options.login ? Pool(options.relays, *options.login, options.client, options.pool)
                         : Pool(options.relays, options.client, options.pool);
  }

  // One mail under way.
  struct Job {
    spool::QueueId id;
    spool::Envelope envelope;
    std::vector<std::uint32_t> recipients;  // those that are tried now
    std::unique_ptr<relay::SpoolSource> source;
  };

  // How a relay of the options cannot be one, if it cannot.
  static std::optional<Error> wrong_relay(const OutboxOptions& options);
  void take_up(spool::QueueId id);
  void run();
  void look_at(spool::QueueId id);
  void start(std::shared_ptr<Job> job);
  void ended(Job& job, const Result<SendReport>& result);
  void settle(Job& job, std::uint32_t recipient, Outcome outcome, std::string note);
  void plan_next(spool::QueueId id, const spool::Envelope& envelope);
  void plan(std::int64_t when, spool::QueueId id);
  void record(spool::QueueId id, std::vector<spool::OutcomeRecord> outcomes);
  Result<std::string> keep(const Envelope& envelope, MessageSource& source, std::string_view key);

  OutboxOptions options;
  relay::Schedule schedule;
  std::unique_ptr<spool::Spool> spool;
  relay::Agenda agenda;
  Pool pool;

  // Held from reading outcomes to recording others: what is decided is not written over.
  std::mutex outcomes_mutex;
  mutable std::mutex mutex;
  mutable std::condition_variable bell;  // rung when a mail's state changed or a call ended
  // By key: the id, or an empty one while it is being written.
  std::map<std::string, std::string, std::less<>> keys;
  std::map<std::uint64_t, Pool::Ticket> tickets;  // of the calls under way, by the mail's id
  std::size_t under_way = 0;
  // By id: when the agenda gives it next. `flush` adds entries, and each would beget another.
  std::map<std::uint64_t, std::int64_t> planned;
  bool stopping = false;
  std::thread worker;
};

// A mail would be refused for good by it.
std::optional<Error> Outbox::State::wrong_relay(const OutboxOptions& options) {
  for (const auto& url : options.relays) {
    const client::Connection connection(url, options.login, options.client);
    if (connection.wrong() && connection.wrong()->fault == Fault::input) return connection.wrong();
  }
  return std::nullopt;
}

void Outbox::State::take_up(spool::QueueId id) {
  const auto envelope = spool->envelope(id);
  if (!envelope) return;  // damaged: it stays, for a person to see
  if (const auto key = key_of(*envelope); !key.empty()) keys[key] = id.text();
  agenda.add(relay::Lane::near, id);
}

void Outbox::State::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex);
      const auto most = batch + options.pool.connections * options.relays.size();
      bell.wait(lock, [&] { return under_way < most || stopping; });
      if (stopping) return;
    }
    const auto ids = agenda.take(relay::Lane::near, batch);
    if (ids.empty()) return;
    for (const auto id : ids) look_at(id);
  }
}

// What is to be done with a mail whose time has come: send, forget, or wait on.
void Outbox::State::look_at(spool::QueueId id) {
  const auto now = relay::now_ms();
  {
    const std::lock_guard lock(mutex);
    const auto found = planned.find(id.value);
    if (found != planned.end() && found->second <= now) planned.erase(found);
  }
  auto envelope = spool->envelope(id);
  if (!envelope) {
    agenda.release({id});
    if (envelope.error().fault == Fault::io) plan(now + options.longest_retry.count(), id);
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
  agenda.release({id});
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
  const auto now = relay::now_ms();
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
  // First the record: who takes the mail from the agenda must see it.
  if (!outcomes.empty()) record(job.id, std::move(outcomes));
  {
    const std::lock_guard lock(mutex);
    tickets.erase(job.id.value);
  }
  agenda.release({job.id});
  if (!was_cut) {
    if (options.on_outcome) options.on_outcome(status_of(job.id, job.envelope));
    plan_next(job.id, job.envelope);
  }
  const std::lock_guard lock(mutex);
  --under_way;
  bell.notify_all();
}

// At once, as a crash sends again what is not on disk. Where the disk refuses it goes in once more
// as what nobody waits for: that stays visible, and is written as soon as it can be.
void Outbox::State::record(spool::QueueId id, std::vector<spool::OutcomeRecord> outcomes) {
  const std::lock_guard lock(outcomes_mutex);
  spool->record(id, outcomes, [this, id, outcomes](const Result<void>& kept) {
    if (!kept) spool->record(id, outcomes);
  });
}

void Outbox::State::plan(std::int64_t when, spool::QueueId id) {
  {
    const std::lock_guard lock(mutex);
    auto& next = planned[id.value];
    if (next == when) return;
    next = when;
  }
  agenda.add_later(when, id);
}

// When it is looked at again: for its next attempt, or to be forgotten.
void Outbox::State::plan_next(spool::QueueId id, const spool::Envelope& envelope) {
  const auto now = relay::now_ms();
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

Result<std::string> Outbox::State::keep(const Envelope& envelope, MessageSource& source,
                                        std::string_view key) {
  auto incoming = spool->begin();
  if (!incoming) return incoming.error();
  spool::Envelope kept;
  kept.reverse_path = envelope.reverse_path.text();
  kept.arrived = relay::now_ms();
  for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
    auto& one = kept.recipients.emplace_back();
    one.address = envelope.recipients[i].text();
    if (i < envelope.recipient_options.size())
      smtp::append_parameters(envelope.recipient_options[i], true, one.parameters);
  }
  std::string asked;
  smtp::append_parameters(envelope.options, asked);
  if (!asked.empty()) kept.options.emplace_back(relay::mail_parameters, asked);
  if (source.is_8bit()) kept.options.emplace_back("BODY", "8BITMIME");
  if (source.is_binary()) kept.options.emplace_back(relay::is_binary, "");
  if (source.needs_utf8()) kept.options.emplace_back("SMTPUTF8", "");
  if (!key.empty()) kept.options.emplace_back(key_option, key);
  for (;;) {
    const auto chunk = source.next();
    if (!chunk) return chunk.error();
    if (chunk->empty()) break;
    const auto taken = (*incoming)->append(*chunk);
    if (!taken) return taken.error();
    if ((*incoming)->ready()) continue;
    Waiter caught_up;
    (*incoming)->when_ready([done = caught_up.done()] { done({}); });
    (void)caught_up.wait();
  }
  const auto id = (*incoming)->id();
  Waiter waiter;
  (*incoming)->commit(std::move(kept), waiter.done());
  const auto committed = waiter.wait();
  if (!committed) return committed.error();
  agenda.add(relay::Lane::near, id);
  return id.text();
}

Result<std::unique_ptr<Outbox>> Outbox::open(OutboxOptions options) {
  if (options.folder.empty()) return fail(Fault::input, "the outbox", "it has no folder");
  if (options.relays.empty()) return fail(Fault::input, options.folder, "there is no relay");
  if (auto wrong = State::wrong_relay(options)) return *wrong;
  auto disk = spool::open_posix_disk(options.folder);
  if (!disk) return disk.error();
  auto opened = spool::open_journal(std::move(*disk), {}, relay::now_ms());
  if (!opened) return opened.error();
  return std::unique_ptr<Outbox>(
      new Outbox(std::make_unique<State>(std::move(options), std::move(*opened))));
}

Outbox::Outbox(std::unique_ptr<State> state) : state_(std::move(state)) {}
Outbox::~Outbox() = default;

Result<std::string> Outbox::submit(const Message& message, std::string_view key) {
  const auto checked = message.check();
  if (!checked) return checked.error();
  auto source = message.source();
  if (!source) return source.error();
  return submit(Envelope{message.reverse_path(), message.recipients()}, **source, key);
}

Result<std::string> Outbox::submit(const Envelope& envelope, MessageSource& source,
                                   std::string_view key) {
  auto& state = *state_;
  if (envelope.recipients.empty()) return fail(Fault::input, "the outbox", "there is no recipient");
  if (key.size() > most_key) return fail(Fault::input, "the outbox", "a key of over 1000 octets");
  const auto not_kept = [&] {
    if (!envelope.reverse_path.is_null() && !is_kept_as(envelope.reverse_path))
      return &envelope.reverse_path;
    const auto found =
        std::find_if_not(envelope.recipients.begin(), envelope.recipients.end(), is_kept_as);
    return found == envelope.recipients.end() ? nullptr : &*found;
  }();
  if (not_kept != nullptr)
    return fail(Fault::input, "the outbox", "not an address: " + printable(not_kept->text(), 80));
  auto wrong = smtp::wrong_with(envelope.options);
  for (const auto& one : envelope.recipient_options)
    if (wrong.empty()) wrong = smtp::wrong_with(one);
  if (!wrong.empty()) return fail(Fault::input, "the outbox", wrong);
  if (key.empty()) return state.keep(envelope, source, key);
  {
    std::unique_lock lock(state.mutex);
    for (;;) {
      const auto found = state.keys.find(key);
      if (found == state.keys.end()) break;
      if (!found->second.empty()) return found->second;
      state.bell.wait(lock);  // the same key is being written: by whom we hear
    }
    state.keys.emplace(key, "");
  }
  auto id = state.keep(envelope, source, key);
  const std::lock_guard lock(state.mutex);
  // It may be done and forgotten by now.
  const auto queue_id = id ? spool::QueueId::parse(*id) : Result<spool::QueueId>(id.error());
  if (queue_id && state.spool->size(*queue_id)) {
    state.keys[std::string(key)] = *id;
  } else {
    state.keys.erase(std::string(key));
  }
  state.bell.notify_all();
  return id;
}

Result<OutboxStatus> Outbox::status(std::string_view id) const {
  const auto queue_id = spool::QueueId::parse(id);
  if (!queue_id) return queue_id.error();
  const auto envelope = state_->spool->envelope(*queue_id);
  if (!envelope) return envelope.error();
  return status_of(*queue_id, *envelope);
}

Result<OutboxStatus> Outbox::find(std::string_view key) const {
  std::string id;
  {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->keys.find(key);
    if (found != state_->keys.end()) id = found->second;
  }
  if (id.empty()) return fail(Fault::not_found, std::string(key), "no mail has this key");
  return status(id);
}

std::vector<OutboxStatus> Outbox::list() const {
  std::vector<OutboxStatus> all;
  for (const auto& message : state_->spool->list()) {
    if (const auto envelope = state_->spool->envelope(message.id))
      all.push_back(status_of(message.id, *envelope));
  }
  return all;
}

bool Outbox::wait(std::string_view id, std::chrono::milliseconds patience) const {
  const auto until = std::chrono::steady_clock::now() + patience;
  std::unique_lock lock(state_->mutex);
  for (;;) {
    lock.unlock();
    const auto now = status(id);
    lock.lock();
    if (now && now->is_done()) return true;
    if (!now || std::chrono::steady_clock::now() >= until) return false;
    // The outcome is recorded before the bell is rung; a short wait covers a ring in between.
    state_->bell.wait_until(
        lock, std::min(until, std::chrono::steady_clock::now() + std::chrono::milliseconds(100)));
  }
}

void Outbox::flush() {
  for (const auto& message : state_->spool->list()) {
    const std::lock_guard lock(state_->outcomes_mutex);
    const auto envelope = state_->spool->envelope(message.id);
    if (!envelope || is_done(*envelope)) continue;
    std::vector<spool::OutcomeRecord> outcomes;
    for (std::uint32_t i = 0; i < envelope->recipients.size(); ++i) {
      const auto& one = envelope->recipients[i];
      if (one.state == spool::State::pending && one.next_attempt > 0)
        outcomes.push_back({i, one.state, one.attempts, 0, one.note});
    }
    if (!outcomes.empty()) state_->spool->record(message.id, std::move(outcomes));
    state_->agenda.add(relay::Lane::near, message.id);
  }
}

}  // namespace postroad
