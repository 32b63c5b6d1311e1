// The way of one call over connections and relays; see pool_state.hpp.
#include "client/pool_state.hpp"

namespace postroad {

using client::as_values;

// One connection of a relay's, an open one if there is any; waits where all are in use.
awaitable<client::PooledConnection> Pool::State::acquire(Relay* relay) {
  for (bool is_first = true; relay->in_use >= options.connections; is_first = false) {
    asio::steady_timer bell(context, Time::max());
    // Who was rung and came too late keeps its place.
    is_first ? relay->waiting.push_back(&bell) : relay->waiting.push_front(&bell);
    (void)co_await bell.async_wait(as_values);
    std::erase(relay->waiting, &bell);
    if ((co_await asio::this_coro::cancellation_state).cancelled() !=
        asio::cancellation_type::none) {
      ring(*relay);  // what was meant for this one is the next one's
      co_return PooledConnection{};
    }
  }
  while (!relay->idle.empty()) {
    auto kept = std::move(relay->idle.back());
    relay->idle.pop_back();
    if (!is_fresh(kept)) continue;
    ++relay->in_use;
    count_connections();
    co_return kept;
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

bool Pool::State::is_fresh(const PooledConnection& kept) const {
  const auto now = std::chrono::steady_clock::now();
  const auto& connection = *kept.connection;
  return connection.is_open() && !connection.has_pending_input() &&
         (options.mails_per_connection == 0 || connection.mails() < options.mails_per_connection) &&
         now - kept.opened < options.connection_age && now - kept.idle_since < options.idle;
}

void Pool::State::give_back(Relay& relay, PooledConnection kept) {
  --relay.in_use;
  if (kept.connection && kept.connection->is_open() && !gone) {
    kept.idle_since = std::chrono::steady_clock::now();
    relay.idle.push_back(std::move(kept));
    arm_sweep();
  }
  count_connections();
  ring(relay);
}

void Pool::State::count_connections() {
  std::size_t open = 0;
  for (const auto& relay : relays) open += relay.in_use + relay.idle.size();
  const std::lock_guard lock(mutex);
  counts.connections = open;
}

// Tells the first that waits that a connection is free. It leaves the line here: the next ring is
// another's.
void Pool::State::ring(Relay& relay) const {
  if (relay.in_use >= options.connections || relay.waiting.empty()) return;
  relay.waiting.front()->cancel();
  relay.waiting.pop_front();
}

// Connections that nobody used for long are closed.
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
    std::erase_if(relay.idle, [&](const PooledConnection& kept) {
      return now - kept.idle_since >= options.idle;
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

// What throws (a source of the caller's, a want of the system) leaves a connection in the midst of
// something: it is dropped, and its place is given back all the same.
awaitable<Result<SendReport>> Pool::State::carry(PooledConnection* kept, Envelope part,
                                                 MessageSource* source) {
  std::exception_ptr thrown;
  try {
    co_return co_await kept->connection->send(std::move(part), *source);
  } catch (...) {
    thrown = std::current_exception();
  }
  kept->connection.reset();
  co_return client::error_of(thrown);
}

// Tries one relay. Gives why the next one should be tried, if it should.
awaitable<std::optional<Error>> Pool::State::attempt(Call* call, std::size_t index,
                                                     Progress* progress) {
  auto& relay = relays[index];
  auto kept = co_await acquire(&relay);
  if (!kept.connection) co_return client::cancelled();
  const auto go = relay.pace.take(std::chrono::steady_clock::now());
  if (go > std::chrono::steady_clock::now()) {
    asio::steady_timer timer(context, go);
    (void)co_await timer.async_wait(as_values);
  }
  Envelope part{call->envelope.reverse_path, {}, call->envelope.options, {}};
  for (const auto at : progress->left) {
    part.recipients.push_back(call->envelope.recipients[at]);
    if (call->envelope.recipient_options.empty()) continue;
    part.recipient_options.push_back(at < call->envelope.recipient_options.size()
                                         ? call->envelope.recipient_options[at]
                                         : RecipientOptions{});
  }
  auto report = co_await carry(&kept, std::move(part), &call->source);
  give_back(relay, std::move(kept));
  const auto blame = [&] {
    chooser.failed(index, std::chrono::steady_clock::now());
    const std::lock_guard lock(mutex);
    ++counts.relay_faults;
  };
  if (!report) {
    if (client::is_relays_fault(report.error())) blame();
    co_return report.error();
  }
  // What is decided is decided; the rest is another relay's, unless the caller or the mail's source
  // broke it off.
  const bool line_broke = report->broken && client::is_relays_fault(*report->broken);
  std::vector<std::size_t> left;
  std::optional<Error> why;
  if (line_broke) why = report->broken;
  for (std::size_t i = 0; i < report->recipients.size(); ++i) {
    const auto at = progress->left[i];
    auto& outcome = progress->report.recipients[at];
    outcome = std::move(report->recipients[i]);
    const bool was_cut =
        line_broke && outcome.outcome == Outcome::deferred && outcome.reply.code == 0;
    if (!was_cut && !client::is_relays_fault(outcome)) continue;
    left.push_back(at);
    if (why) continue;
    why = fail(Fault::refused, relay.url, outcome.reply.one_line());
    why->reply_code = outcome.reply.code;
  }
  // Once one was refused, none may go on to where the others would be sent without that one.
  if (client_options.recipients == Recipients::all_or_none &&
      left.size() < report->recipients.size())
    left.clear();
  progress->left = std::move(left);
  progress->report.reply = std::move(report->reply);
  progress->report.broken = std::move(report->broken);
  if (why) {
    blame();
  } else if (!progress->report.broken) {
    chooser.worked(index);
  }
  if (progress->left.empty()) why.reset();
  co_return why;
}

awaitable<Result<SendReport>> Pool::State::run(Call* call) {
  Progress progress;
  for (std::size_t i = 0; i < call->envelope.recipients.size(); ++i) {
    progress.report.recipients.push_back({call->envelope.recipients[i], Outcome::deferred, {}, {}});
    progress.left.push_back(i);
  }
  const auto patient_until = std::chrono::steady_clock::now() + options.patience;
  std::vector<bool> tried(relays.size(), false);
  std::optional<Error> last;
  std::optional<Error> fault;  // the last that was a relay's
  bool any_report = false;
  for (;;) {
    const auto chosen = chooser.choose(tried, std::chrono::steady_clock::now());
    if (!chosen) {
      if (co_await wait_for_chance(&tried, patient_until)) continue;
      if ((co_await asio::this_coro::cancellation_state).cancelled() !=
          asio::cancellation_type::none)
        last = client::cancelled();
      break;
    }
    tried[*chosen] = true;
    const auto before = progress.left.size();
    if (last && !call->source.ready_again()) break;  // read once, and begun
    last = co_await attempt(call, *chosen, &progress);
    any_report = any_report || progress.left.size() != before || !last;
    if (last && client::is_relays_fault(*last)) {
      fault = last;
    } else if (!last || !client::lacks_something(*last)) {
      break;
    }
  }
  // What one relay lacks may be had from one that could not be asked: it is not the last word.
  const bool all_tried = std::find(tried.begin(), tried.end(), false) == tried.end();
  if (last && client::lacks_something(*last) && (fault || !all_tried))
    last = std::exchange(fault, std::nullopt);
  if (!last && !any_report)
    last = fail(Fault::connect, relays.front().url,
                "every relay pauses after a fault; try again later");
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
