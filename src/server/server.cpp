// Accepting, handing over, stopping; see server.hpp.
#include "server/server.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "net/as_values.hpp"
#include "server/ceilings.hpp"
#include "server/events.hpp"
#include "server/listeners.hpp"
#include "server/log_failure.hpp"
#include "server/workers.hpp"

namespace postroad::server {

namespace asio = boost::asio;

namespace {

using net::as_values;
// After EMFILE: descriptors come back when sessions end.
constexpr std::chrono::milliseconds accept_pause{100};

}  // namespace

struct Server::State {
  State(Guard& shared_guard, observe::Log& to, const ServerSettings& settings)
      : guard(shared_guard), log(to), workers(settings.threads) {}

  asio::awaitable<void> accept(std::shared_ptr<Listener> listener);
  void serve(tcp::socket socket, std::shared_ptr<const ListenerSettings> settings, Worker& worker);
  void spawn_accept(const std::shared_ptr<Listener>& listener) {
    asio::co_spawn(workers.first().context, accept(listener),
                   [this, listener](const std::exception_ptr& thrown) {
                     if (thrown) accept_failed(log, *listener->settings, reason_of(thrown));
                   });
  }

  Guard& guard;
  observe::Log& log;
  std::optional<Services> services;  // from `start` on
  Ceilings ceilings;
  Workers workers;
  // After the workers: an acceptor must go before its io_context.
  Listeners listeners{workers.first().context};
};

Server::Server(Guard& guard, observe::Log& log, ServerSettings settings)
    : state_(std::make_unique<State>(guard, log, settings)) {
  set_ceilings(settings.max_sessions, settings.max_memory);
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

void Server::set_ceilings(std::size_t max_sessions, std::uint64_t max_memory) {
  state_->ceilings.set(max_sessions, max_memory);
}

asio::awaitable<void> Server::State::accept(std::shared_ptr<Listener> listener) {
  for (;;) {
    auto& worker = workers.next();
    auto [error, accepted] = co_await listener->acceptor.async_accept(worker.context, as_values);
    // A connection that was accepted while the listener was being closed is still served.
    if (error && !listener->acceptor.is_open()) co_return;
    if (error) {
      accept_failed(log, *listener->settings, error.message());
      asio::steady_timer pause(listener->acceptor.get_executor(), accept_pause);
      co_await pause.async_wait(as_values);
      if (!listener->acceptor.is_open()) co_return;
      continue;
    }
    // Out of memory: this connection ends and the others continue.
    try {
      serve(tcp::socket(std::move(accepted)), listener->settings, worker);
    } catch (...) {  // of a policy, too
      accept_failed(log, *listener->settings, reason_of(std::current_exception()));
    }
    if (!listener->acceptor.is_open()) co_return;
  }
}

// The session has no coroutine around its own: it lives in the handler that is called at its end,
// on its thread. An exception ends that session, which logs it, and never the server.
void Server::State::serve(tcp::socket socket, std::shared_ptr<const ListenerSettings> settings,
                          Worker& worker) {
  auto session = std::make_unique<Session>(std::move(socket), settings, *services, worker.buffers,
                                           worker.roster);
  // Counted before a policy is asked, so that a stop waits for what the policy may hold.
  const auto reason = ceilings.count_session();
  const auto is_welcome = [&] {
    try {
      return session->is_welcome();
    } catch (...) {
      if (reason.empty()) ceilings.session_ended();
      throw;
    }
  };
  if (!is_welcome()) {
    if (reason.empty()) ceilings.session_ended();
    return;
  }
  if (!reason.empty()) {
    session_turned_away(log, *settings, session->client(), reason);
    return session->send_away(
        {421, {4, 3, 2}, settings->smtp.hostname + " too busy, try again later"});
  }
  try {
    auto run = session->run();
    asio::co_spawn(worker.context, std::move(run),
                   [this, session = std::move(session)](const std::exception_ptr& thrown) mutable {
                     if (thrown) session->log_failure(reason_of(thrown));
                     session.reset();
                     ceilings.session_ended();
                   });
  } catch (...) {
    ceilings.session_ended();
    throw;
  }
}

void Server::start(Store& store) {
  auto& state = *state_;
  state.services.emplace(Services{store, state.guard, state.log});
  for (auto& listener : state.listeners.all) state.spawn_accept(listener);
  asio::co_spawn(state.workers.first().context, state.ceilings.watch_memory(),
                 LogFailure{state.log, "the check of server.memory"});
  state.workers.start();
}

Result<std::vector<std::uint16_t>> Server::replace(std::vector<ListenerSettings> settings) {
  auto& state = *state_;
  // Steps that can fail come first: the listeners that stay, and the sockets of the new ones.
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
      // Port 0 means any port; the configuration may now name the port that the kernel chose.
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
  asio::post(state.workers.first().context, [&] {
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

bool Server::is_too_large() const { return state_->ceilings.is_too_large(); }

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
  asio::post(state_->workers.first().context, [state = state_.get()] {
    boost::system::error_code ignored;
    for (auto& listener : state->listeners.all) listener->acceptor.close(ignored);
  });
}

std::size_t Server::sessions() const { return state_->ceilings.sessions(); }

bool Server::wait_until_empty(std::chrono::milliseconds patience) const {
  return state_->ceilings.wait_until_empty(patience);
}

bool Server::is_alive(std::chrono::milliseconds patience) {
  return state_->workers.is_alive(patience);
}

void Server::begin_stop() {
  if (!state_->workers.is_running()) return;
  release();
  state_->workers.tell_sessions(&Session::stop);
}

void Server::stop(std::chrono::milliseconds patience) {
  auto& state = *state_;
  if (!state.workers.is_running()) return;
  begin_stop();
  if (!wait_until_empty(patience)) {
    state.workers.tell_sessions(&Session::abort);
    state.ceilings.wait_until_empty();
  }
  state.workers.stop();
}

}  // namespace postroad::server
