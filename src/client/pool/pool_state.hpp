// The state of a pool: one thread with an io_context, and a coroutine for each call whose turn has
// come. The queue and the shutdown are in pool.cpp, a call over the relays in pool_calls.cpp, the
// choice of the relay in relays.hpp, one connection in connection.hpp.
#pragma once

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
#include <postroad/pool.hpp>
#include <set>
#include <thread>

#include "client/connection.hpp"
#include "client/handle.hpp"
#include "client/pool/relays.hpp"
#include "net/as_values.hpp"

namespace postroad {

namespace asio = boost::asio;
using asio::awaitable;

namespace client {

using net::as_values;

struct PooledConnection {
  std::unique_ptr<client::Connection> connection;
  Time opened{};
  Time idle_since{};
};

struct Relay {
  Relay(std::string url_, const PoolOptions& options)
      : url(std::move(url_)), pace(options.rate, options.rate_per) {}
  std::string url;
  client::Pace pace;
  std::size_t in_use = 0;                   // connections held by a call
  std::vector<PooledConnection> idle;       // most recently used last
  std::deque<asio::steady_timer*> waiting;  // calls that wait for one, in order
};

// Knows whether it was read: an unread source can go to the next relay without a rewind.
class ReplayableSource final : public MessageSource {
 public:
  MessageSource* source = nullptr;
  bool ready_again() { return !std::exchange(touched_, false) || source->rewind(); }
  Result<std::string_view> next() override {
    touched_ = true;
    return source->next();
  }
  void offered(const ServerOffer& offer) override { source->offered(offer); }
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
  ReplayableSource source;
  std::unique_ptr<MessageSource> own_source;
  Pool::Callback done;
  Time until = Time::max();
  std::optional<asio::steady_timer> deadline;  // over the wait for a turn and all relays
  bool timed_out = false;
  // Its commands went out on this connection behind the message before: it is sent there first.
  PooledConnection reserved{};
  std::optional<asio::steady_timer> patience;  // for the message before
  asio::cancellation_signal signal;
};

inline Result<SendReport> cut_off(const Call& call) {
  if (!call.timed_out) return client::cancelled();
  return fail(Fault::timeout, "pool", "not sent within the overall timeout");
}

// The recipients of a call that are undecided, by their place in its envelope.
struct Progress {
  SendReport report;
  std::vector<std::size_t> left;
};

}  // namespace client

struct Pool::State {
  using Time = client::Time;
  using PooledConnection = client::PooledConnection;
  using Relay = client::Relay;
  using Call = client::Call;
  using Progress = client::Progress;

  State(std::vector<std::string> urls, std::optional<Login> with_login, ClientOptions client,
        PoolOptions pool)
      : login(std::move(with_login)),
        client_options(std::move(client)),
        overall_timeout(client_options.timeouts.overall),
        options(std::move(pool)),
        chooser(urls.size(), options) {
    options.connections = std::max<std::size_t>(options.connections, 1);
    // The pool keeps the deadline of a call: a connection whose deadline passed at the same moment
    // would report a timeout of the relay.
    client_options.timeouts.overall = {};
    for (auto& url : urls) relays.emplace_back(std::move(url), options);
    thread = std::thread([this] { context.run(); });
  }
  ~State() {
    handle->close();
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
  void start(const std::shared_ptr<Call>& call);
  std::shared_ptr<Call> announce(const PooledConnection& pooled);
  void take_back(const std::shared_ptr<Call>& call);
  void follow(Relay& relay, PooledConnection pooled, std::shared_ptr<Call> next);

  awaitable<Result<SendReport>> run(Call* call);
  awaitable<std::optional<Error>> attempt(Call* call, std::size_t relay, Progress* progress);
  awaitable<void> keep_pace(Relay* relay);
  void blame(std::size_t relay);
  std::optional<Error> settle(std::size_t relay, Result<SendReport> report,
                              const std::string& server, Progress& progress);
  awaitable<bool> wait_for_chance(const std::vector<bool>* tried, Time until);
  awaitable<PooledConnection> acquire(Relay* relay);
  static awaitable<Result<SendReport>> carry(PooledConnection* pooled, Envelope part,
                                             MessageSource* source,
                                             client::Connection::Following following);
  void give_back(Relay& relay, PooledConnection pooled);
  void count_connections();
  void ring(Relay& relay) const;
  bool is_fresh(const PooledConnection& pooled) const;
  awaitable<Result<void>> close_idle();
  void arm_sweep();
  void sweep();

  std::optional<Login> login;
  ClientOptions client_options;
  std::chrono::milliseconds overall_timeout;  // of a call; 0: none
  PoolOptions options;

  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard = asio::make_work_guard(context);
  // Only on the pool's thread, up to `gone`.
  client::RelayChooser chooser;
  std::deque<Relay> relays;
  std::map<std::uint64_t, std::deque<std::shared_ptr<Call>>> queue;  // by caller
  std::uint64_t last_caller = 0;
  std::map<Ticket, std::shared_ptr<Call>> announced;  // behind a message that is under way
  std::map<Ticket, std::shared_ptr<Call>> under_way;
  asio::steady_timer sweeper{context};
  bool sweeping = false;
  asio::cancellation_signal goodbye;
  bool saying_goodbye = false;
  bool closing = false;
  bool gone = false;

  // Through it other threads cancel calls.
  std::shared_ptr<client::Handle<State>> handle = std::make_shared<client::Handle<State>>(*this);
  std::atomic<Ticket> last_ticket = 0;
  mutable std::mutex mutex;
  std::condition_variable all_ended;
  PoolMetrics counts;
  bool finished = false;
  std::thread thread;
};

}  // namespace postroad
