// The outbox's interface: what is handed over is kept before it is said so, and what became of it
// can be asked. See postroad/outbox.hpp; the worker behind it is outbox_worker.cpp.
#include <postroad/outbox.hpp>

#include <algorithm>

#include "base/text.hpp"
#include "client/connection.hpp"
#include "proto/smtp/mail_parameters.hpp"
#include "relay/intake.hpp"
#include "relay/outbox_state.hpp"
#include "relay/outbox_values.hpp"
#include "spool/disk/posix_disk.hpp"
#include "spool/journal/journal.hpp"

namespace postroad {

using namespace relay::outbox;

namespace {

constexpr std::size_t most_key = 1000;  // octets

}  // namespace

bool OutboxStatus::is_done() const noexcept {
  return std::all_of(recipients.begin(), recipients.end(),
                     [](const auto& one) { return one.outcome.has_value(); });
}

// A mail would be refused for good by it.
std::optional<Error> Outbox::State::wrong_relay(const OutboxOptions& options) {
  for (const auto& url : options.relays) {
    const client::Connection connection(url, options.login, options.client);
    if (connection.invalid_reason() && connection.invalid_reason()->fault == Fault::input)
      return connection.invalid_reason();
  }
  return std::nullopt;
}

Result<std::string> Outbox::State::keep(const Envelope& envelope, MessageSource& source,
                                        std::string_view key) {
  auto incoming = spool->begin();
  if (!incoming) return incoming.error();
  spool::Envelope kept;
  kept.reverse_path = envelope.reverse_path.text();
  kept.arrived = queue::now_ms();
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
  due_queue.add(queue::Lane::local, id);
  return id.text();
}

Result<std::unique_ptr<Outbox>> Outbox::open(OutboxOptions options) {
  if (options.folder.empty()) return fail(Fault::input, "the outbox", "it has no folder");
  if (options.relays.empty()) return fail(Fault::input, options.folder, "there is no relay");
  if (auto wrong = State::wrong_relay(options)) return *wrong;
  auto disk = spool::open_posix_disk(options.folder);
  if (!disk) return disk.error();
  auto opened = spool::open_journal(std::move(*disk), {}, queue::now_ms());
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
    {
      const std::lock_guard held(state_->mutex);
      if (state_->recordings.contains(message.id.value)) continue;  // it is decided
    }
    const auto envelope = state_->spool->envelope(message.id);
    if (!envelope || is_done(*envelope)) continue;
    std::vector<spool::OutcomeRecord> outcomes;
    for (std::uint32_t i = 0; i < envelope->recipients.size(); ++i) {
      const auto& one = envelope->recipients[i];
      if (one.state == spool::State::pending && one.next_attempt > 0)
        outcomes.push_back({i, one.state, one.attempts, 0, one.note});
    }
    if (!outcomes.empty()) state_->spool->record(message.id, std::move(outcomes));
    state_->due_queue.add(queue::Lane::local, message.id);
  }
}

}  // namespace postroad
