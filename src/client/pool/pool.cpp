// The pool's queue, its shutdown and its interface; see pool_state.hpp.
#include "client/pool/pool_state.hpp"

namespace postroad {

Pool::Ticket Pool::State::add(std::shared_ptr<Call> call) {
  const Ticket ticket = ++last_ticket;
  call->ticket = ticket;
  if (overall_timeout.count() > 0) call->until = std::chrono::steady_clock::now() + overall_timeout;
  {
    const std::lock_guard lock(mutex);
    ++counts.waiting;
  }
  asio::post(context, [this, call = std::move(call)]() mutable { enqueue(std::move(call)); });
  return ticket;
}

void Pool::State::enqueue(std::shared_ptr<Call> call) {
  if (closing || relays.empty()) {
    const auto why = relays.empty() ? fail(Fault::input, "pool", "no relay was given")
                                    : fail(Fault::cancelled, "pool", "the pool is being closed");
    {
      const std::lock_guard lock(mutex);
      --counts.waiting;
    }
    return call->done(why);
  }
  if (call->until != Time::max()) arm(call);
  queue[call->caller].push_back(std::move(call));
  pump();
}

// The timer may expire while the call ends: its handler then finds no call.
void Pool::State::arm(const std::shared_ptr<Call>& call) {
  call->deadline.emplace(context, call->until);
  call->deadline->async_wait(
      [this, weak = std::weak_ptr(call)](const boost::system::error_code& error) {
        const auto there = weak.lock();
        if (error || !there) return;
        there->timed_out = true;
        cancel(there->ticket);
      });
}

// Callers take turns in the order of their numbers, one call each.
std::shared_ptr<client::Call> Pool::State::take_next() {
  auto at = queue.upper_bound(last_caller);
  if (at == queue.end()) at = queue.begin();
  last_caller = at->first;
  auto call = std::move(at->second.front());
  at->second.pop_front();
  if (at->second.empty()) queue.erase(at);
  return call;
}

void Pool::State::pump() {
  const auto places =
      options.connections * (options.relay_order == RelayOrder::round_robin ? relays.size() : 1);
  while (!queue.empty() && under_way.size() < places) {
    start(take_next());
  }
}

void Pool::State::start(const std::shared_ptr<Call>& call) {
  under_way.emplace(call->ticket, call);
  {
    const std::lock_guard lock(mutex);
    --counts.waiting;
    ++counts.under_way;
  }
  asio::co_spawn(
      context, client::without_throwing(run(call.get())),
      asio::bind_cancellation_slot(
          call->signal.slot(),
          [this, call](const std::exception_ptr& thrown, Result<SendReport> result) {
            ended(call, thrown ? Result<SendReport>(client::error_of(thrown)) : std::move(result));
          }));
}

void Pool::State::ended(const std::shared_ptr<Call>& call, Result<SendReport> result) {
  // ClientOptions::stop_after ends a call with Fault::cancelled, too, and says where.
  const bool was_cut = call->timed_out || !client_options.stop_after;
  if (!result && result.error().fault == Fault::cancelled && was_cut) result = cut_off(*call);
  under_way.erase(call->ticket);
  if (call->reserved.connection) {  // cancelled before its first step
    call->reserved.connection.reset();
    give_back(relays.front(), std::exchange(call->reserved, {}));
  }
  {
    const std::lock_guard lock(mutex);
    --counts.under_way;
    ++counts.messages;
  }
  call->done(std::move(result));
  pump();
  stop_if_done();
}

void Pool::State::cancel(Ticket ticket) {
  if (const auto found = under_way.find(ticket); found != under_way.end())
    return found->second->signal.emit(asio::cancellation_type::all);
  if (const auto found = announced.extract(ticket); found) {
    {
      const std::lock_guard lock(mutex);
      --counts.waiting;
    }
    return found.mapped()->done(cut_off(*found.mapped()));
  }
  for (auto at = queue.begin(); at != queue.end(); ++at) {
    auto& calls = at->second;
    const auto found = std::find_if(calls.begin(), calls.end(),
                                    [&](const auto& call) { return call->ticket == ticket; });
    if (found == calls.end()) continue;
    const auto call = std::move(*found);
    calls.erase(found);
    if (calls.empty()) queue.erase(at);
    {
      const std::lock_guard lock(mutex);
      --counts.waiting;
    }
    return call->done(cut_off(*call));
  }
}

void Pool::State::abandon() {
  closing = true;
  gone = true;
  for (auto& [caller, calls] : std::exchange(queue, {})) {
    for (const auto& call : calls) call->done(client::cancelled());
  }
  for (const auto& [ticket, call] : std::exchange(announced, {})) call->done(client::cancelled());
  for (const auto& [ticket, call] : std::map(under_way))
    call->signal.emit(asio::cancellation_type::all);
  goodbye.emit(asio::cancellation_type::all);
  stop_if_done();
}

void Pool::State::stop_if_done() {
  if (!closing || !under_way.empty() || !queue.empty()) return;
  sweeper.cancel();
  if (saying_goodbye) return;
  if (gone) {
    for (auto& relay : relays) relay.idle.clear();
    guard.reset();
    return context.stop();
  }
  saying_goodbye = true;
  asio::co_spawn(context, client::without_throwing(close_idle()),
                 asio::bind_cancellation_slot(
                     goodbye.slot(), [this](const std::exception_ptr&, const Result<void>&) {
                       saying_goodbye = false;
                       {
                         const std::lock_guard lock(mutex);
                         finished = true;
                         all_ended.notify_all();
                       }
                       if (gone) stop_if_done();
                     }));
}

awaitable<Result<void>> Pool::State::close_idle() {
  for (auto& relay : relays) {
    while (!relay.idle.empty() && !gone) {
      auto pooled = std::move(relay.idle.back());
      relay.idle.pop_back();
      (void)co_await pooled.connection->quit();
      count_connections();
    }
  }
  co_return Result<void>();
}

Pool::Pool(std::vector<std::string> urls, ClientOptions options, PoolOptions pool)
    : state_(std::make_unique<State>(std::move(urls), std::nullopt, std::move(options),
                                     std::move(pool))) {}
Pool::Pool(std::vector<std::string> urls, Login login, ClientOptions options, PoolOptions pool)
    : state_(std::make_unique<State>(std::move(urls), std::move(login), std::move(options),
                                     std::move(pool))) {}
Pool::Pool(Pool&&) noexcept = default;
Pool& Pool::operator=(Pool&&) noexcept = default;
Pool::~Pool() = default;

Pool::Ticket Pool::start_send(Message message, Callback done, std::uint64_t caller) {
  auto call = std::make_shared<State::Call>();
  call->caller = caller;
  call->done = std::move(done);
  const auto checked = message.check();
  auto source =
      checked ? message.source() : Result<std::unique_ptr<MessageSource>>(checked.error());
  if (!source) {
    asio::post(state_->context, [call, error = source.error()] { call->done(error); });
    return ++state_->last_ticket;
  }
  call->envelope = {message.reverse_path(), message.recipients()};
  call->own_source = std::move(*source);
  call->source.source = call->own_source.get();
  return state_->add(std::move(call));
}

Pool::Ticket Pool::start_send(Envelope envelope, MessageSource& source, Callback done,
                              std::uint64_t caller) {
  auto call = std::make_shared<State::Call>();
  call->caller = caller;
  call->envelope = std::move(envelope);
  call->source.source = &source;
  call->done = std::move(done);
  return state_->add(std::move(call));
}

Result<SendReport> Pool::send(const Envelope& envelope, MessageSource& source) {
  if (std::this_thread::get_id() == state_->thread.get_id())
    return fail(Fault::input, "pool",
                "send() was called on the pool's thread and would never return; use start_send()");
  std::mutex mutex;
  std::condition_variable bell;
  std::optional<Result<SendReport>> result;
  const auto caller = std::hash<std::thread::id>{}(std::this_thread::get_id());
  start_send(
      envelope, source,
      [&](Result<SendReport> report) {
        const std::lock_guard lock(mutex);
        result.emplace(std::move(report));
        bell.notify_one();
      },
      caller);
  std::unique_lock lock(mutex);
  bell.wait(lock, [&] { return result.has_value(); });
  return std::move(*result);
}

void Pool::cancel(Ticket ticket) {
  asio::post(state_->context, [state = state_.get(), ticket] { state->cancel(ticket); });
}

std::function<void(Pool::Ticket)> Pool::canceller() const {
  return [handle = state_->handle](Ticket ticket) {
    handle->use([ticket](State& state) {
      asio::post(state.context, [&state, ticket] { state.cancel(ticket); });
    });
  };
}

bool Pool::close(std::chrono::milliseconds patience) {
  asio::post(state_->context, [state = state_.get()] {
    if (std::exchange(state->closing, true)) return;
    state->stop_if_done();
  });
  std::unique_lock lock(state_->mutex);
  return state_->all_ended.wait_for(lock, patience, [this] { return state_->finished; });
}

PoolMetrics Pool::metrics() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counts;
}

}  // namespace postroad
