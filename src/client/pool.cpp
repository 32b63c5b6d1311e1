// The pool: one thread with an io_context, a coroutine for each call whose turn has come. Which
// relay is relays.hpp's, one connection is connection.hpp's.
#include <postroad/pool.hpp>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "client/connection.hpp"
#include "client/relays.hpp"

namespace postroad {

namespace asio = boost::asio;
using asio::awaitable;
using client::Time;

namespace {

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

struct Kept {
  std::unique_ptr<client::Connection> connection;
  Time opened{};
  Time idle_since{};
};

struct Relay {
  Relay(std::string url_, const PoolOptions& options)
      : url(std::move(url_)), pace(options.rate, options.rate_per) {}
  std::string url;
  client::Pace pace;
  std::size_t in_use = 0;                   // connections that a call has
  std::vector<Kept> idle;                   // the one used last at the end
  std::deque<asio::steady_timer*> waiting;  // calls that wait for one, in order
};

// Knows whether it was read: what was not can go to the next relay without a rewind.
class Watched final : public MessageSource {
 public:
  MessageSource* source = nullptr;
  bool ready_again() { return !std::exchange(touched_, false) || source->rewind(); }
  Result<std::string_view> next() override {
    touched_ = true;
    return source->next();
  }
  bool rewind() override { return ready_again(); }
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return source->size(); }
  [[nodiscard]] bool is_8bit() const override { return source->is_8bit(); }
  [[nodiscard]] bool is_binary() const override { return source->is_binary(); }
  [[nodiscard]] bool needs_utf8() const override { return source->needs_utf8(); }

 private:
  bool touched_ = false;
};

struct Call {
  Pool::Ticket ticket = 0;
  std::uint64_t caller = 0;
  Envelope envelope;
  Watched source;
  std::unique_ptr<MessageSource> own_source;
  Pool::Callback done;
  Time until = Time::max();
  std::optional<asio::steady_timer> deadline;  // over the wait for a turn and all relays
  bool timed_out = false;
  asio::cancellation_signal signal;
};

Result<SendReport> cut_off(const Call& call) {
  if (!call.timed_out) return client::cancelled();
  return fail(Fault::timeout, "the pool", "not sent in the time that the call has");
}

// The recipients of a call that are not decided yet, by their place in its envelope.
struct Progress {
  SendReport report;
  std::vector<std::size_t> left;
};

}  // namespace

struct Pool::State {
  State(std::vector<std::string> urls, std::optional<Login> login_, ClientOptions client_,
        PoolOptions options_)
      : login(std::move(login_)),
        client_options(std::move(client_)),
        overall_timeout(client_options.overall_timeout),
        options(options_),
        chooser(urls.size(), options) {
    options.connections = std::max<std::size_t>(options.connections, 1);
    // The call's own deadline is the pool's to keep: a connection that let it pass in the same
    // moment would call it the relay's time-out.
    client_options.overall_timeout = {};
    for (auto& url : urls) relays.emplace_back(std::move(url), options);
    thread = std::thread([this] { context.run(); });
  }
  ~State() {
    asio::post(context, [this] { abandon(); });
    thread.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Ticket add(std::shared_ptr<Call> call);
  void enqueue(std::shared_ptr<Call> call);
  void arm(const std::shared_ptr<Call>& call);
  void pump();
  void cancel(Ticket ticket);
  void abandon();
  void ended(const std::shared_ptr<Call>& call, Result<SendReport> result);
  void stop_if_done();
  std::shared_ptr<Call> take_next();

  awaitable<Result<SendReport>> run(Call* call);
  awaitable<std::optional<Error>> attempt(Call* call, std::size_t relay, Progress* progress);
  awaitable<bool> wait_for_chance(const std::vector<bool>* tried, Time until);
  awaitable<Kept> acquire(Relay* relay);
  static awaitable<Result<SendReport>> carry(Kept* kept, Envelope part, MessageSource* source);
  void give_back(Relay& relay, Kept kept);
  void ring(Relay& relay) const;
  bool is_fresh(const Kept& kept) const;
  awaitable<Result<void>> close_idle();
  void arm_sweep();
  void sweep();

  std::optional<Login> login;
  ClientOptions client_options;
  std::chrono::milliseconds overall_timeout;  // of a call; 0: none
  PoolOptions options;

  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard = asio::make_work_guard(context);
  // On the pool's thread only.
  client::RelayChooser chooser;
  std::deque<Relay> relays;
  std::map<std::uint64_t, std::deque<std::shared_ptr<Call>>> queue;  // by caller
  std::uint64_t last_caller = 0;
  std::map<Ticket, std::shared_ptr<Call>> under_way;
  asio::steady_timer sweeper{context};
  bool sweeping = false;
  asio::cancellation_signal goodbye;
  bool saying_goodbye = false;
  bool closing = false;
  bool gone = false;

  std::atomic<Ticket> last_ticket = 0;
  mutable std::mutex mutex;
  std::condition_variable all_ended;
  Figures counts;
  bool finished = false;
  std::thread thread;
};

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
    const auto why = relays.empty() ? fail(Fault::input, "the pool", "it was given no relay")
                                    : fail(Fault::cancelled, "the pool", "it is being closed");
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

// The timer may ring as the call ends: whoever hears it then finds nobody.
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

// The callers have their turns in order of their numbers, one call each.
std::shared_ptr<Call> Pool::State::take_next() {
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
      options.connections * (options.relays == postroad::Relays::round_robin ? relays.size() : 1);
  while (!queue.empty() && under_way.size() < places) {
    auto call = take_next();
    under_way.emplace(call->ticket, call);
    {
      const std::lock_guard lock(mutex);
      --counts.waiting;
      ++counts.under_way;
    }
    asio::co_spawn(context, client::without_throwing(run(call.get())),
                   asio::bind_cancellation_slot(
                       call->signal.slot(),
                       [this, call](const std::exception_ptr& thrown, Result<SendReport> result) {
                         ended(call, thrown ? Result<SendReport>(client::error_of(thrown))
                                            : std::move(result));
                       }));
  }
}

void Pool::State::ended(const std::shared_ptr<Call>& call, Result<SendReport> result) {
  if (!result && result.error().fault == Fault::cancelled) result = cut_off(*call);
  under_way.erase(call->ticket);
  {
    const std::lock_guard lock(mutex);
    --counts.under_way;
    ++counts.mails;
  }
  call->done(std::move(result));
  pump();
  stop_if_done();
}

void Pool::State::cancel(Ticket ticket) {
  if (const auto found = under_way.find(ticket); found != under_way.end())
    return found->second->signal.emit(asio::cancellation_type::all);
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
      auto kept = std::move(relay.idle.back());
      relay.idle.pop_back();
      (void)co_await kept.connection->quit();
    }
  }
  co_return Result<void>();
}

// One connection of a relay's, an open one if there is any; waits where all are in use.
awaitable<Kept> Pool::State::acquire(Relay* relay) {
  for (bool is_first = true; relay->in_use >= options.connections; is_first = false) {
    asio::steady_timer bell(context, Time::max());
    // Who was rung and came too late keeps its place.
    is_first ? relay->waiting.push_back(&bell) : relay->waiting.push_front(&bell);
    (void)co_await bell.async_wait(as_values);
    std::erase(relay->waiting, &bell);
    if ((co_await asio::this_coro::cancellation_state).cancelled() !=
        asio::cancellation_type::none) {
      ring(*relay);  // what was meant for this one is the next one's
      co_return Kept{};
    }
  }
  while (!relay->idle.empty()) {
    auto kept = std::move(relay->idle.back());
    relay->idle.pop_back();
    if (!is_fresh(kept)) continue;
    ++relay->in_use;
    co_return kept;
  }
  Kept fresh;
  fresh.connection = std::make_unique<client::Connection>(relay->url, login, client_options);
  fresh.opened = std::chrono::steady_clock::now();
  ++relay->in_use;
  const std::lock_guard lock(mutex);
  ++counts.connects;
  co_return fresh;
}

bool Pool::State::is_fresh(const Kept& kept) const {
  const auto now = std::chrono::steady_clock::now();
  const auto& connection = *kept.connection;
  return connection.is_open() && !connection.has_word() &&
         (options.mails_per_connection == 0 || connection.mails() < options.mails_per_connection) &&
         now - kept.opened < options.connection_age && now - kept.idle_since < options.idle;
}

void Pool::State::give_back(Relay& relay, Kept kept) {
  --relay.in_use;
  if (kept.connection && kept.connection->is_open() && !gone) {
    kept.idle_since = std::chrono::steady_clock::now();
    relay.idle.push_back(std::move(kept));
    arm_sweep();
  }
  ring(relay);
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
    std::erase_if(relay.idle,
                  [&](const Kept& kept) { return now - kept.idle_since >= options.idle; });
    any = any || !relay.idle.empty();
  }
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
awaitable<Result<SendReport>> Pool::State::carry(Kept* kept, Envelope part, MessageSource* source) {
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
    if (!outcome.stage.empty() || !last) continue;
    outcome.stage = last->stage;
    outcome.reply = {0, {}, last->detail};
  }
  if (last) progress.report.broken = last;
  co_return std::move(progress.report);
}

Pool::Pool(std::vector<std::string> urls, ClientOptions options, PoolOptions pool)
    : state_(std::make_unique<State>(std::move(urls), std::nullopt, std::move(options), pool)) {}
Pool::Pool(std::vector<std::string> urls, Login login, ClientOptions options, PoolOptions pool)
    : state_(std::make_unique<State>(std::move(urls), std::move(login), std::move(options), pool)) {
}
Pool::Pool(Pool&&) noexcept = default;
Pool& Pool::operator=(Pool&&) noexcept = default;
Pool::~Pool() = default;

Pool::Ticket Pool::start_send(Message message, Callback done, std::uint64_t caller) {
  auto call = std::make_shared<Call>();
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
  auto call = std::make_shared<Call>();
  call->caller = caller;
  call->envelope = std::move(envelope);
  call->source.source = &source;
  call->done = std::move(done);
  return state_->add(std::move(call));
}

Result<SendReport> Pool::send(const Envelope& envelope, MessageSource& source) {
  if (std::this_thread::get_id() == state_->thread.get_id())
    return fail(Fault::input, "the pool", "send would wait for itself in a callback of the pool's");
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

bool Pool::close(std::chrono::milliseconds patience) {
  asio::post(state_->context, [state = state_.get()] {
    if (std::exchange(state->closing, true)) return;
    state->stop_if_done();
  });
  std::unique_lock lock(state_->mutex);
  return state_->all_ended.wait_for(lock, patience, [this] { return state_->finished; });
}

Pool::Figures Pool::figures() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counts;
}

}  // namespace postroad
