// One call over connections and relays; see pool_state.hpp.
#include "client/pool/pool_state.hpp"

namespace postroad {

using client::as_values;

namespace {

constexpr std::chrono::seconds longest_behind{1};  // the message before

}  // namespace

// A connection to the relay, an open one if there is any; waits while all are in use.
awaitable<client::PooledConnection> Pool::State::acquire(Relay* relay) {
  for (bool is_first = true; relay->in_use >= options.connections; is_first = false) {
    asio::steady_timer bell(context, Time::max());
    // A call that was woken and came too late keeps its place.
    is_first ? relay->waiting.push_back(&bell) : relay->waiting.push_front(&bell);
    (void)co_await bell.async_wait(as_values);
    std::erase(relay->waiting, &bell);
    if ((co_await asio::this_coro::cancellation_state).cancelled() !=
        asio::cancellation_type::none) {
      ring(*relay);  // wakes the next call in place of this one
      co_return PooledConnection{};
    }
  }
  while (!relay->idle.empty()) {
    auto pooled = std::move(relay->idle.back());
    relay->idle.pop_back();
    if (!is_fresh(pooled)) continue;
    ++relay->in_use;
    count_connections();
    co_return pooled;
  }
  PooledConnection fresh;
  fresh.connection = std::make_unique<client::Connection>(relay->url, login, client_options);
  fresh.opened = std::chrono::steady_clock::now();
  ++relay->in_use;
  count_connections();
  const std::lock_guard lock(mutex);
  ++counts.connects;
  co_return fresh;
}

bool Pool::State::is_fresh(const PooledConnection& pooled) const {
  const auto now = std::chrono::steady_clock::now();
  const auto& connection = *pooled.connection;
  return connection.is_open() && !connection.has_pending_input() &&
         (options.messages_per_connection == 0 ||
          connection.messages() < options.messages_per_connection) &&
         now - pooled.opened < options.connection_age && now - pooled.idle_since < options.idle;
}

void Pool::State::give_back(Relay& relay, PooledConnection pooled) {
  --relay.in_use;
  if (pooled.connection && pooled.connection->is_open() && !gone) {
    pooled.idle_since = std::chrono::steady_clock::now();
    relay.idle.push_back(std::move(pooled));
    arm_sweep();
  }
  count_connections();
  ring(relay);
}

// The call that goes behind the message on this connection; null: none. With several relays each
// call chooses its own.
std::shared_ptr<client::Call> Pool::State::announce(const PooledConnection& pooled) {
  const auto now = std::chrono::steady_clock::now();
  const bool is_worn = options.messages_per_connection != 0 &&
                       pooled.connection->messages() >= options.messages_per_connection;
  const bool is_old = now - pooled.opened >= options.connection_age;
  const bool is_asked = options.pipelines_messages && options.rate == 0 &&
                        !client_options.stop_after && relays.size() == 1 &&
                        relays.front().waiting.empty();
  if (!is_asked || is_worn || is_old || queue.empty() || gone) return nullptr;
  const auto chance = chooser.next_chance({false});
  if (!chance || *chance > now) return nullptr;  // the relay is paused
  auto call = take_next();
  announced.emplace(call->ticket, call);
  // A relay may look at the message before for minutes, and other connections become free.
  call->patience.emplace(context, now + longest_behind);
  call->patience->async_wait(
      [this, weak = std::weak_ptr(call)](const boost::system::error_code& error) {
        const auto there = weak.lock();
        if (error || !there || announced.erase(there->ticket) == 0) return;
        take_back(there);
      });
  return call;
}

// Its turn comes next. The connection where its commands are is of no use to another one.
void Pool::State::take_back(const std::shared_ptr<Call>& call) {
  call->patience.reset();
  queue[call->caller].push_front(call);
  asio::post(context, [this] { pump(); });
}

// The connection after a message: the call that was announced on it goes on, unless it was taken
// back or cancelled meanwhile, or the connection was lost.
void Pool::State::follow(Relay& relay, PooledConnection pooled, std::shared_ptr<Call> next) {
  if (next && announced.erase(next->ticket) == 0) next.reset();
  const bool is_open = pooled.connection && pooled.connection->is_open();
  if (!next || !is_open || gone) {
    if (is_open && pooled.connection->has_announced()) pooled.connection.reset();
    if (next) take_back(next);
    return give_back(relay, std::move(pooled));
  }
  next->patience.reset();
  next->reserved = std::move(pooled);
  start(next);
}

void Pool::State::count_connections() {
  std::size_t open = 0;
  for (const auto& relay : relays) open += relay.in_use + relay.idle.size();
  const std::lock_guard lock(mutex);
  counts.connections = open;
}

// Wakes the first waiting call. It leaves the queue here, so that the next ring wakes another one.
void Pool::State::ring(Relay& relay) const {
  if (relay.in_use >= options.connections || relay.waiting.empty()) return;
  relay.waiting.front()->cancel();
  relay.waiting.pop_front();
}

// Closes connections that were unused for PoolOptions::idle.
void Pool::State::arm_sweep() {
  if (std::exchange(sweeping, true)) return;
  sweeper.expires_after(options.idle);
  sweeper.async_wait([this](const boost::system::error_code& error) {
    sweeping = false;
    if (!error) sweep();
  });
}

void Pool::State::sweep() {
  const auto now = std::chrono::steady_clock::now();
  bool any = false;
  for (auto& relay : relays) {
    std::erase_if(relay.idle, [&](const PooledConnection& pooled) {
      return now - pooled.idle_since >= options.idle;
    });
    any = any || !relay.idle.empty();
  }
  count_connections();
  if (any) arm_sweep();
}

awaitable<bool> Pool::State::wait_for_chance(const std::vector<bool>* tried, Time until) {
  const auto chance = chooser.next_chance(*tried);
  if (!chance || *chance > until) co_return false;
  asio::steady_timer timer(context, *chance);
  (void)co_await timer.async_wait(as_values);
  co_return (co_await asio::this_coro::cancellation_state).cancelled() ==
      asio::cancellation_type::none;
}

// An exception (from the caller's source, or for lack of system resources) leaves the connection in
// the middle of an operation: it is dropped, and its place is still released.
awaitable<Result<SendReport>> Pool::State::carry(PooledConnection* pooled, Envelope part,
                                                 MessageSource* source,
                                                 client::Connection::Following following) {
  std::exception_ptr thrown;
  try {
    co_return co_await pooled->connection->send(std::move(part), *source, std::move(following));
  } catch (...) {
    thrown = std::current_exception();
  }
  pooled->connection.reset();
  co_return client::error_of(thrown);
}

namespace {

// The recipients that are undecided, with their options.
Envelope undecided_part(const Envelope& envelope, const std::vector<std::size_t>& left) {
  Envelope part{envelope.reverse_path, {}, envelope.options, {}};
  for (const auto at : left) {
    part.recipients.push_back(envelope.recipients[at]);
    if (envelope.recipient_options.empty()) continue;
    part.recipient_options.push_back(at < envelope.recipient_options.size()
                                         ? envelope.recipient_options[at]
                                         : RecipientOptions{});
  }
  return part;
}

// Takes the outcomes of one attempt into the report of the call. Returns why the recipients that
// remain undecided should be tried elsewhere, if they should: the caller, or the message's source,
// may have ended the attempt.
std::optional<Error> merge(SendReport report, const std::string& server,
                           client::Progress& progress) {
  const bool was_lost = report.broken && client::is_relay_failure(*report.broken);
  std::vector<std::size_t> left;
  std::optional<Error> why;
  if (was_lost) why = report.broken;
  for (std::size_t i = 0; i < report.recipients.size(); ++i) {
    const auto at = progress.left[i];
    auto& outcome = progress.report.recipients[at];
    outcome = std::move(report.recipients[i]);
    const bool was_cut =
        was_lost && outcome.outcome == Outcome::deferred && outcome.reply.code == 0;
    if (!was_cut && !client::is_relay_failure(outcome)) continue;
    left.push_back(at);
    if (why) continue;
    why = fail(Fault::refused, server, outcome.reply.one_line());
    why->reply_code = outcome.reply.code;
  }
  progress.left = std::move(left);
  progress.report.reply = std::move(report.reply);
  progress.report.address = std::move(report.address);
  progress.report.tls = std::move(report.tls);
  progress.report.broken = std::move(report.broken);
  return why;
}

}  // namespace

// Messages per time: waits for the relay's turn.
awaitable<void> Pool::State::keep_pace(Relay* relay) {
  const auto go = relay->pace.take(std::chrono::steady_clock::now());
  if (go <= std::chrono::steady_clock::now()) co_return;
  asio::steady_timer timer(context, go);
  (void)co_await timer.async_wait(as_values);
}

void Pool::State::blame(std::size_t relay) {
  chooser.failed(relay, std::chrono::steady_clock::now());
  const std::lock_guard lock(mutex);
  ++counts.relay_failures;
}

// Tries one relay. Returns why the next one should be tried, if it should.
awaitable<std::optional<Error>> Pool::State::attempt(Call* call, std::size_t index,
                                                     Progress* progress) {
  auto& relay = relays[index];
  auto pooled =
      call->reserved.connection ? std::exchange(call->reserved, {}) : co_await acquire(&relay);
  if (!pooled.connection) co_return client::cancelled();
  const auto server = pooled.connection->server();  // not the URL, which may hold a password
  for (const auto at : progress->left) progress->report.recipients[at].server = server;
  co_await keep_pace(&relay);
  std::shared_ptr<Call> next;
  const auto following = [&]() -> std::optional<client::Connection::Upcoming> {
    next = announce(pooled);
    if (!next) return std::nullopt;
    return client::Connection::Upcoming{next->envelope, &next->source};
  };
  auto report = co_await carry(&pooled, undecided_part(call->envelope, progress->left),
                               &call->source, following);
  auto why = settle(index, std::move(report), server, *progress);
  follow(relay, std::move(pooled), std::move(next));
  co_return why;
}

// Takes the result of an attempt in. Returns why the next relay should be tried, if it should.
std::optional<Error> Pool::State::settle(std::size_t index, Result<SendReport> report,
                                         const std::string& server, Progress& progress) {
  if (!report) {
    if (client::is_relay_failure(report.error())) blame(index);
    return report.error();
  }
  const auto tried = progress.left.size();
  auto why = merge(std::move(*report), server, progress);
  // Once one recipient was refused, no other relay may send to the others without that one.
  if (client_options.recipient_policy == RecipientPolicy::all_or_none &&
      progress.left.size() < tried)
    progress.left.clear();
  if (why) {
    blame(index);
  } else if (!progress.report.broken) {
    chooser.worked(index);
  }
  if (progress.left.empty()) why.reset();
  return why;
}

awaitable<Result<SendReport>> Pool::State::run(Call* call) {
  // The call before ends first, and its caller hears of it.
  if (call->reserved.connection) co_await asio::post(context, asio::use_awaitable);
  Progress progress;
  for (std::size_t i = 0; i < call->envelope.recipients.size(); ++i) {
    progress.report.recipients.push_back({call->envelope.recipients[i], Outcome::deferred, {}, {}});
    progress.left.push_back(i);
  }
  const auto patient_until = std::chrono::steady_clock::now() + options.patience;
  std::vector<bool> tried(relays.size(), false);
  std::optional<Error> last;
  std::optional<Error> failure;  // the last failure of a relay
  bool any_report = false;
  for (;;) {
    const auto chosen = call->reserved.connection
                            ? std::optional<std::size_t>(0)
                            : chooser.choose(tried, std::chrono::steady_clock::now());
    if (!chosen) {
      if (co_await wait_for_chance(&tried, patient_until)) continue;
      if ((co_await asio::this_coro::cancellation_state).cancelled() !=
          asio::cancellation_type::none)
        last = client::cancelled();
      break;
    }
    tried[*chosen] = true;
    const auto before = progress.left.size();
    if (last && !call->source.ready_again()) break;  // the source cannot be read again
    last = co_await attempt(call, *chosen, &progress);
    any_report = any_report || progress.left.size() != before || !last;
    const bool is_failure = last && client::is_relay_failure(*last);
    if (!last || (!is_failure && !client::lacks_extension(*last))) break;
    if (options.relay_failed) options.relay_failed(*last);
    if (is_failure) failure = last;
  }
  // A relay that could not be reached may have the extension that another one lacks: its failure is
  // the error to report.
  const bool all_tried = std::find(tried.begin(), tried.end(), false) == tried.end();
  if (last && client::lacks_extension(*last) && (failure || !all_tried))
    last = std::exchange(failure, std::nullopt);
  if (!last && !any_report)
    last = fail(Fault::connect, "pool", "every relay is paused after a failure; try again later");
  if (last && !any_report) co_return *last;
  for (const auto at : progress.left) {
    auto& outcome = progress.report.recipients[at];
    if (outcome.stage != Stage::none || !last) continue;
    outcome.stage = last->stage;
    outcome.reply = {0, {}, last->detail};
  }
  if (last) progress.report.broken = last;
  co_return std::move(progress.report);
}

}  // namespace postroad
