// Accepting, handing over, stopping; see server.hpp.
#include "server/server.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>

#include "server/events.hpp"
#include "server/listeners.hpp"

namespace postroad::server {

namespace asio = boost::asio;

namespace {

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds accept_pause{
    100};  // after EMFILE: descriptors come back when sessions end
constexpr std::chrono::seconds look_at_memory{1};
std::uint64_t resident_octets() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

// A thread with its io_context and the sessions that live on it.
struct Worker {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard = asio::make_work_guard(context);
  net::BufferPool buffers;
  Roster roster;
};

struct Server::State {
  State(Guard& guard_, observe::Log& log_, const ServerSettings& settings)
      : guard(guard_),
        log(log_),
        login_threads(settings.login_threads),
        workers(make_workers(settings.threads)) {}

  static std::vector<std::unique_ptr<Worker>> make_workers(unsigned count) {
    if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
    std::vector<std::unique_ptr<Worker>> made;
    for (unsigned i = 0; i < count; ++i) made.push_back(std::make_unique<Worker>());
    return made;
  }

  asio::awaitable<void> accept(std::shared_ptr<Listener> listener);
  void serve(tcp::socket socket, std::shared_ptr<const ListenerSettings> settings, Worker& worker);
  asio::awaitable<void> watch_memory();
  std::string_view count_session();
  void session_ended();
  void tell_sessions(void (Session::*what)());
  void spawn_accept(const std::shared_ptr<Listener>& listener) {
    asio::co_spawn(workers.front()->context, accept(listener), asio::detached);
  }

  Guard& guard;
  observe::Log& log;
  unsigned login_threads;
  std::optional<asio::thread_pool> derivers;
  std::atomic<unsigned> deriving = 0;
  std::optional<Services> services;  // from `start` on
  std::vector<std::unique_ptr<Worker>> workers;
  // Behind the workers: an acceptor must go before its io_context.
  Listeners listeners{workers.front()->context};
  std::vector<std::thread> threads;
  std::size_t next = 0;  // only the accepting thread, that of workers[0]

  std::atomic<std::size_t> most_sessions = 0;
  std::atomic<std::uint64_t> most_memory = 0;
  std::atomic<bool> too_large = false;

  std::mutex mutex;
  std::condition_variable ended;
  std::size_t alive = 0;
};

Server::Server(Guard& guard, observe::Log& log, ServerSettings settings)
    : state_(std::make_unique<State>(guard, log, settings)) {
  set_ceilings(settings.most_sessions, settings.most_memory);
}

Server::~Server() { stop(std::chrono::milliseconds(0)); }

void Server::inherit(const std::vector<int>& descriptors) {
  state_->listeners.inherit(descriptors);
}

Result<std::uint16_t> Server::listen(ListenerSettings settings) {
  auto opened = state_->listeners.open(std::move(settings));
  if (!opened) return opened.error();
  state_->listeners.all.push_back(std::move(*opened));
  return state_->listeners.all.back()->settings->port;
}

std::vector<std::string> Server::close_unused() { return state_->listeners.close_unused(); }

void Server::set_ceilings(std::size_t most_sessions, std::uint64_t most_memory) {
  state_->most_sessions.store(most_sessions);
  state_->most_memory.store(most_memory);
}

// Counts a session; at a ceiling the reason why not.
std::string_view Server::State::count_session() {
  const auto most = most_sessions.load(std::memory_order_relaxed);
  const std::lock_guard lock(mutex);
  if (most != 0 && alive >= most) return "sessions";
  // Where nobody is served it is not the sessions that are large: one at a time then.
  if (too_large.load(std::memory_order_relaxed) && alive > 0) return "memory";
  ++alive;
  return {};
}

asio::awaitable<void> Server::State::accept(std::shared_ptr<Listener> listener) {
  for (;;) {
    auto& worker = *workers[next++ % workers.size()];
    auto [error, accepted] = co_await listener->acceptor.async_accept(worker.context, as_values);
    // What was accepted while the listener was being closed is served still.
    if (error && !listener->acceptor.is_open()) co_return;
    if (error) {
      accept_failed(log, *listener->settings, error.message());
      asio::steady_timer pause(listener->acceptor.get_executor(), accept_pause);
      co_await pause.async_wait(as_values);
      if (!listener->acceptor.is_open()) co_return;
      continue;
    }
    // Without memory for it, this connection ends and the others go on.
    try {
      serve(tcp::socket(std::move(accepted)), listener->settings, worker);
    } catch (const std::exception& thrown) {
      accept_failed(log, *listener->settings, thrown.what());
    }
    if (!listener->acceptor.is_open()) co_return;
  }
}

// The session has no coroutine around its own: it lives in the handler that is called at its end,
// on its thread. As nothing thrown may end the server, what a session throws ends that session.
void Server::State::serve(tcp::socket socket, std::shared_ptr<const ListenerSettings> settings,
                          Worker& worker) {
  auto session = std::make_unique<Session>(std::move(socket), settings, *services, worker.buffers,
                                           worker.roster);
  if (!session->is_welcome()) return;
  if (const auto reason = count_session(); !reason.empty()) {
    session_turned_away(log, *settings, session->peer(), reason);
    return session->send_away(
        {421,
         {4, 3, 2},
         settings->smtp.hostname + " has no room for more sessions, try again later"});
  }
  try {
    auto run = session->run();
    asio::co_spawn(worker.context, std::move(run),
                   [this, session = std::move(session)](const std::exception_ptr&) mutable {
                     session.reset();
                     session_ended();
                   });
  } catch (...) {
    session_ended();
    throw;
  }
}

asio::awaitable<void> Server::State::watch_memory() {
  constexpr int looks_between_trims = 5;
  int looks_until_trim = 0;
  asio::steady_timer timer(workers.front()->context);
  for (;;) {
    timer.expires_after(look_at_memory);
    const auto [error] = co_await timer.async_wait(as_values);
    if (error) co_return;
    const auto most = most_memory.load(std::memory_order_relaxed);
    auto is_over = most != 0 && resident_octets() > most;
    // What sessions gave back, the C library may still hold.
    if (is_over && --looks_until_trim <= 0) {
      ::malloc_trim(0);
      looks_until_trim = looks_between_trims;
      is_over = resident_octets() > most;
    }
    if (!is_over) looks_until_trim = 0;
    too_large.store(is_over, std::memory_order_relaxed);
  }
}

void Server::State::session_ended() {
  const std::lock_guard lock(mutex);
  --alive;
  ended.notify_all();
}

void Server::start(Store& store) {
  auto& state = *state_;
  state.derivers.emplace(state.login_threads);
  state.services.emplace(Services{store, state.guard, *state.derivers, state.deriving, state.log});
  for (auto& listener : state.listeners.all) state.spawn_accept(listener);
  asio::co_spawn(state.workers.front()->context, state.watch_memory(), asio::detached);
  for (auto& worker : state.workers) {
    state.threads.emplace_back([context = &worker->context] { context->run(); });
  }
}

Result<std::vector<std::uint16_t>> Server::replace(std::vector<ListenerSettings> settings) {
  auto& state = *state_;
  // First all that may fail: which listeners go on, and the sockets of the new ones.
  std::vector<std::shared_ptr<Listener>> before = state.listeners.all;
  std::vector<std::shared_ptr<Listener>> after;
  std::vector<std::shared_ptr<Listener>> fresh;
  struct Kept {
    std::shared_ptr<Listener> listener;
    std::shared_ptr<const ListenerSettings> settings;
    std::uint16_t asked;
  };
  std::vector<Kept> kept;
  for (auto& one : settings) {
    const auto same = std::find_if(before.begin(), before.end(), [&](const auto& listener) {
      // Port 0 is any, and the one it was given may be named from now on.
      return listener && listener->settings->address == one.address &&
             (listener->asked == one.port || listener->settings->port == one.port);
    });
    if (same == before.end()) {
      auto opened = state.listeners.open(std::move(one));
      if (!opened) return opened.error();
      fresh.push_back(*opened);
      after.push_back(std::move(*opened));
      continue;
    }
    auto listener = std::exchange(*same, nullptr);
    const auto asked = std::exchange(one.port, listener->settings->port);
    one.name = listener->settings->name;
    kept.push_back({listener, std::make_shared<const ListenerSettings>(std::move(one)), asked});
    after.push_back(std::move(listener));
  }
  std::vector<std::uint16_t> ports;
  for (const auto& listener : after) ports.push_back(listener->settings->port);
  // Then the change, on the accepting thread, which alone reads the settings; this thread waits, as
  // it reads them too.
  std::mutex mutex;
  std::condition_variable bell;
  bool done = false;
  asio::post(state.workers.front()->context, [&] {
    boost::system::error_code ignored;
    for (auto& [listener, changed, asked] : kept) {
      listener->settings = changed;
      listener->asked = asked;
    }
    for (auto& listener : before) {
      if (listener) listener->acceptor.close(ignored);
    }
    for (auto& listener : fresh) state.spawn_accept(listener);
    const std::lock_guard lock(mutex);
    done = true;
    bell.notify_one();
  });
  std::unique_lock lock(mutex);
  bell.wait(lock, [&] { return done; });
  state.listeners.all = std::move(after);
  return ports;
}

bool Server::is_too_large() const { return state_->too_large.load(std::memory_order_relaxed); }

std::vector<std::string> Server::addresses() const {
  std::vector<std::string> found;
  for (const auto& listener : state_->listeners.all) found.push_back(listener->settings->name);
  return found;
}

std::vector<int> Server::descriptors() const {
  std::vector<int> found;
  for (const auto& listener : state_->listeners.all)
    found.push_back(listener->acceptor.native_handle());
  return found;
}

void Server::release() {
  asio::post(state_->workers.front()->context, [state = state_.get()] {
    boost::system::error_code ignored;
    for (auto& listener : state->listeners.all) listener->acceptor.close(ignored);
  });
}

std::size_t Server::sessions() const {
  const std::lock_guard lock(state_->mutex);
  return state_->alive;
}

bool Server::wait_until_empty(std::chrono::milliseconds patience) const {
  std::unique_lock lock(state_->mutex);
  return state_->ended.wait_for(lock, patience, [this] { return state_->alive == 0; });
}

bool Server::is_alive(std::chrono::milliseconds patience) {
  struct Roll {
    std::mutex mutex;
    std::condition_variable bell;
    std::size_t answered = 0;
  };
  auto roll = std::make_shared<Roll>();  // a thread that hangs now may answer after we have left
  for (auto& worker : state_->workers) {
    asio::post(worker->context, [roll] {
      const std::lock_guard lock(roll->mutex);
      ++roll->answered;
      roll->bell.notify_one();
    });
  }
  std::unique_lock lock(roll->mutex);
  return roll->bell.wait_for(lock, patience,
                             [&] { return roll->answered == state_->workers.size(); });
}

void Server::State::tell_sessions(void (Session::*what)()) {
  for (auto& worker : workers) {
    asio::post(worker->context, [worker = worker.get(), what] {
      worker->roster.stopping = true;
      for (auto& session : worker->roster.sessions) (static_cast<Session&>(session).*what)();
    });
  }
}

void Server::begin_stop() {
  if (state_->threads.empty()) return;
  release();
  state_->tell_sessions(&Session::stop);
}

void Server::stop(std::chrono::milliseconds patience) {
  auto& state = *state_;
  if (state.threads.empty()) return;
  begin_stop();
  if (!wait_until_empty(patience)) {
    state.tell_sessions(&Session::abort);
    std::unique_lock lock(state.mutex);
    state.ended.wait(lock, [&state] { return state.alive == 0; });
  }
  for (auto& worker : state.workers) worker->guard.reset();
  for (auto& worker : state.workers) worker->context.stop();
  for (auto& thread : state.threads) thread.join();
  state.threads.clear();
  state.derivers->join();
}

}  // namespace postroad::server
