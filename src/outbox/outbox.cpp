// The outbox's interface: a message is on disk before submit() returns, and its state can be asked.
// See postroad/outbox.hpp; the loop behind it is queue/dispatcher.hpp.
#include <postroad/outbox.hpp>

#include <algorithm>
#include <system_error>

#include "base/text.hpp"
#include "client/invalid_reason.hpp"
#include "outbox/outbox_state.hpp"
#include "outbox/outbox_values.hpp"
#include "proto/smtp/mail_parameters.hpp"
#include "queue/handling.hpp"
#include "spool/disk/posix_disk.hpp"
#include "spool/journal/journal.hpp"

namespace postroad {

using namespace outbox;

namespace {

constexpr std::size_t most_key = 1000;  // bytes

// Every recipient goes to the relays.
class RelayRoute final : public queue::Routes {
 public:
  explicit RelayRoute(std::shared_ptr<queue::Carrier> carrier) : carrier_(std::move(carrier)) {}
  [[nodiscard]] queue::Route route(const spool::Envelope&, const queue::Handling&,
                                   std::uint32_t) const override {
    return {"relay", carrier_};
  }

 private:
  std::shared_ptr<queue::Carrier> carrier_;
};

queue::DispatcherSettings dispatcher_settings(const OutboxOptions& options, bool retries_unknown) {
  queue::DispatcherSettings settings;
  settings.settlement.retry = {options.initial_retry_delay, options.max_retry_delay,
                               options.give_up_after};
  settings.settlement.on_unknown =
      retries_unknown ? queue::OnUnknown::retry : queue::OnUnknown::park;
  // The pool pauses a relay that fails; the messages wait for their own retry.
  settings.pauses = {.first = std::min(settings.pauses.first, options.initial_retry_delay),
                     .longest = std::min(settings.pauses.longest, options.max_retry_delay)};
  // Remembered from the last decision on: a key must not be free before that.
  settings.removal = [remember = options.remember](const spool::Envelope& envelope) {
    auto decided = envelope.arrived;
    for (const auto& one : envelope.recipients) decided = std::max(decided, one.next_attempt);
    return std::optional<std::int64_t>(decided + remember.count());
  };
  return settings;
}

}  // namespace

bool OutboxStatus::is_done() const noexcept {
  return std::all_of(recipients.begin(), recipients.end(),
                     [](const auto& one) { return one.outcome.has_value(); });
}

std::optional<Error> Outbox::State::invalid_relay(const OutboxOptions& options) {
  for (const auto& url : options.relays) {
    auto reason = client::invalid_reason(url, options.login, options.client);
    if (reason && reason->fault == Fault::input) return reason;
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
  queue::Handling handling;
  handling.asked = envelope.options;
  handling.body_8bit = source.is_8bit();
  handling.binary = source.is_binary();
  handling.smtputf8 = source.needs_utf8();
  handling.key = key;
  queue::set_handling(kept, handling);
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
  dispatcher->add(id);
  return id.text();
}

Result<std::unique_ptr<Outbox>> Outbox::open(OutboxOptions options) {
  if (options.folder.empty())
    return fail(Fault::input, "the outbox", "no folder; set OutboxOptions::folder");
  if (options.relays.empty())
    return fail(Fault::input, options.folder, "no relay; set OutboxOptions::relays");
  if (auto wrong = State::invalid_relay(options)) return *wrong;
  auto disk = spool::open_posix_disk(options.folder);
  if (!disk) return disk.error();
  auto opened = spool::open_journal(std::move(*disk), {}, queue::now_ms());
  if (!opened) return opened.error();
  try {
    return std::unique_ptr<Outbox>(
        new Outbox(std::make_unique<State>(std::move(options), std::move(*opened))));
  } catch (const std::system_error& thrown) {
    return fail(Fault::io, "the outbox", std::string("cannot start a thread: ") + thrown.what());
  }
}

Outbox::State::State(OutboxOptions asked, std::unique_ptr<spool::Spool> opened)
    : options(std::move(asked)), retries_unknown(options.retry_unknown), spool(std::move(opened)) {
  auto carrier = std::make_shared<PoolCarrier>(
      *spool, PoolCarrierSettings{options.relays, options.login, options.client, options.pool,
                                  /*passes_holds_on=*/true});
  routes = std::make_shared<RelayRoute>(std::move(carrier));
  dispatcher.emplace(*spool, *this, routes, dispatcher_settings(options, retries_unknown));
  for (const auto& message : spool->list()) {
    const auto envelope = spool->envelope(message.id);
    if (!envelope) continue;  // damaged: it stays for an operator
    if (auto key = queue::handling_of(*envelope).key; !key.empty())
      keys[std::move(key)] = message.id.text();
    dispatcher->add(message.id);
  }
  dispatcher->start();
}

Outbox::State::~State() {
  dispatcher->stop(std::chrono::steady_clock::now() + options.stop_patience);
}

void Outbox::State::attempted(spool::QueueId id, const spool::Envelope& envelope) {
  if (options.on_outcome) options.on_outcome(status_of(id, envelope));
  const std::lock_guard lock(mutex);
  bell.notify_all();
}

// The message is removed before its key: submit() asks in the other order.
void Outbox::State::removed(spool::QueueId id, const spool::Envelope& envelope) {
  const std::lock_guard lock(mutex);
  const auto found = keys.find(queue::handling_of(envelope).key);
  if (found != keys.end() && found->second == id.text()) keys.erase(found);
  bell.notify_all();
}

// Ids increase, and a message that is no longer in the spool is done.
bool Outbox::State::was_submitted(std::string_view id) const {
  const auto queue_id = spool::QueueId::parse(id);
  return queue_id && queue_id->value > 0 && queue_id->value <= spool->statistics().last_id;
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
  if (key.size() > most_key)
    return fail(Fault::input, "the outbox", "the key is longer than 1000 bytes");
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
      state.bell.wait(lock);  // the same key is being written
    }
    state.keys.emplace(key, "");
  }
  // A source that throws must not leave the key behind: others would wait for it.
  auto id = [&]() -> Result<std::string> {
    try {
      return state.keep(envelope, source, key);
    } catch (...) {
      const std::lock_guard lock(state.mutex);
      state.keys.erase(std::string(key));
      state.bell.notify_all();
      throw;
    }
  }();
  const std::lock_guard lock(state.mutex);
  // The message may be done and forgotten by now.
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
  return state_->status_of(*queue_id, *envelope);
}

Result<OutboxStatus> Outbox::find(std::string_view key) const {
  std::string id;
  {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->keys.find(key);
    if (found != state_->keys.end()) id = found->second;
  }
  if (id.empty()) return fail(Fault::not_found, std::string(key), "no message has this key");
  return status(id);
}

std::vector<OutboxStatus> Outbox::list() const {
  std::vector<OutboxStatus> all;
  for (const auto& message : state_->spool->list()) {
    if (const auto envelope = state_->spool->envelope(message.id))
      all.push_back(state_->status_of(message.id, *envelope));
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
    if (!now && now.error().fault == Fault::not_found) return state_->was_submitted(id);
    if (!now || std::chrono::steady_clock::now() >= until) return false;
    // The outcome is recorded before the waiting thread is notified; a short wait covers a
    // notification in between.
    state_->bell.wait_until(
        lock, std::min(until, std::chrono::steady_clock::now() + std::chrono::milliseconds(100)));
  }
}

void Outbox::flush() { state_->dispatcher->flush(); }

void Outbox::set_retry_unknown(bool retries) {
  auto& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (state.retries_unknown.exchange(retries) == retries) return;
  state.dispatcher->change(state.routes, dispatcher_settings(state.options, retries));
}

}  // namespace postroad
