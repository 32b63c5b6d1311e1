// Accepting, handing over, stopping; see server.hpp.
#include "server/server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "server/events.hpp"

namespace postroad::server {

namespace asio = boost::asio;

namespace {

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds accept_pause{
    100};  // after EMFILE: descriptors come back when sessions end

struct Listener {
  Listener(ListenerSettings s, tcp::acceptor a) : settings(std::move(s)), acceptor(std::move(a)) {}
  ListenerSettings settings;
  tcp::acceptor acceptor;
};

Error bind_error(const tcp::endpoint& endpoint, const boost::system::error_code& error) {
  const auto place = net::text_of(endpoint);
  if (error == asio::error::address_in_use) {
    return fail(Fault::busy, place,
                "the port is in use: another server listens there; stop it or choose another port");
  }
  if (error == asio::error::access_denied) {
    return fail(
        Fault::io, place,
        "ports below 1024 may be bound by root only; choose another port, or start as root");
  }
  return fail(Fault::io, place, "cannot listen: " + error.message());
}

}  // namespace

// A thread with its io_context and the sessions that live on it.
struct Worker {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard = asio::make_work_guard(context);
  std::set<Session*> sessions;
  bool stopping = false;
};

struct Server::State {
  State(Store& store, Policy& policy, observe::Log& log_, unsigned threads)
      : log(log_), services{store, policy, derivers, log} {
    for (unsigned i = 0; i < threads; ++i) workers.push_back(std::make_unique<Worker>());
  }

  asio::awaitable<void> accept(Listener& listener);
  asio::awaitable<void> serve(tcp::socket socket, const Listener& listener, Worker& worker);
  void session_ended();

  observe::Log& log;
  asio::thread_pool derivers{1};
  Services services;
  std::vector<std::unique_ptr<Worker>> workers;
  std::deque<Listener> listeners;  // behind the workers: an acceptor must go before its io_context
  std::vector<std::thread> threads;
  std::size_t next = 0;  // only the accepting thread, that of workers[0]

  std::mutex mutex;
  std::condition_variable ended;
  std::size_t alive = 0;
};

Server::Server(Store& store, Policy& policy, observe::Log& log, unsigned threads)
    : state_(std::make_unique<State>(
          store, policy, log,
          threads != 0 ? threads : std::max(1U, std::thread::hardware_concurrency()))) {}

Server::~Server() { stop(std::chrono::milliseconds(0)); }

Result<std::uint16_t> Server::listen(ListenerSettings settings) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(settings.address, error);
  if (error)
    return fail(Fault::input, settings.address,
                "not an IP address; a listener binds 127.0.0.1, 0.0.0.0, ::1 or another address of "
                "this machine");
  const tcp::endpoint endpoint(address, settings.port);
  tcp::acceptor acceptor(state_->workers.front()->context);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && address.is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(1024, error);
  if (error) return bind_error(endpoint, error);
  settings.port = acceptor.local_endpoint().port();
  state_->listeners.emplace_back(std::move(settings), std::move(acceptor));
  return state_->listeners.back().settings.port;
}

asio::awaitable<void> Server::State::accept(Listener& listener) {
  for (;;) {
    auto& worker = *workers[next++ % workers.size()];
    auto [error, socket] = co_await listener.acceptor.async_accept(worker.context, as_values);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      accept_failed(log, listener.settings, error.message());
      asio::steady_timer pause(listener.acceptor.get_executor(), accept_pause);
      co_await pause.async_wait(as_values);
      if (!listener.acceptor.is_open()) co_return;
      continue;
    }
    {
      const std::lock_guard lock(mutex);
      ++alive;
    }
    asio::co_spawn(worker.context, serve(std::move(socket), listener, worker), asio::detached);
  }
}

asio::awaitable<void> Server::State::serve(tcp::socket socket, const Listener& listener,
                                           Worker& worker) {
  {
    Session session(std::move(socket), listener.settings, services);
    worker.sessions.insert(&session);
    if (worker.stopping) session.stop();
    co_await session.run();
    worker.sessions.erase(&session);
  }
  session_ended();
}

void Server::State::session_ended() {
  const std::lock_guard lock(mutex);
  --alive;
  ended.notify_all();
}

void Server::start() {
  auto& state = *state_;
  for (auto& listener : state.listeners)
    asio::co_spawn(state.workers.front()->context, state.accept(listener), asio::detached);
  for (auto& worker : state.workers) {
    state.threads.emplace_back([context = &worker->context] { context->run(); });
  }
}

void Server::stop(std::chrono::milliseconds patience) {
  auto& state = *state_;
  if (state.threads.empty()) return;
  asio::post(state.workers.front()->context, [&state] {
    boost::system::error_code ignored;
    for (auto& listener : state.listeners) listener.acceptor.close(ignored);
  });
  const auto each = [&state](void (Session::*act)()) {
    for (auto& worker : state.workers) {
      asio::post(worker->context, [worker = worker.get(), act] {
        worker->stopping = true;
        for (auto* session : worker->sessions) (session->*act)();
      });
    }
  };
  each(&Session::stop);
  {
    std::unique_lock lock(state.mutex);
    const bool calm = state.ended.wait_for(lock, patience, [&state] { return state.alive == 0; });
    if (!calm) {
      lock.unlock();
      each(&Session::abort);
      lock.lock();
      state.ended.wait(lock, [&state] { return state.alive == 0; });
    }
  }
  for (auto& worker : state.workers) worker->guard.reset();
  for (auto& worker : state.workers) worker->context.stop();
  for (auto& thread : state.threads) thread.join();
  state.threads.clear();
  state.derivers.join();
}

}  // namespace postroad::server
