// AsyncClient: a thread with an io_context, one connection, and a queue of calls that wait for it.
#include <postroad/async.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <thread>

#include "client/connection.hpp"
#include "client/handle.hpp"

namespace postroad {

namespace asio = boost::asio;

struct AsyncClient::State {
  // A call that waits or is under way: `run` begins it, `refuse` ends it before it has begun.
  struct Call {
    Ticket ticket;
    std::function<void()> run;
    std::function<void(const Error&)> refuse;
  };

  State(std::string_view url, std::optional<Login> login, ClientOptions options)
      : connection(url, std::move(login), std::move(options)), thread([this] { context.run(); }) {}
  ~State() {
    handle->close();
    asio::post(context, [this] {
      closing = true;
      const auto waiting = std::exchange(queue, {});
      for (const auto& call : waiting) {
        if (call.ticket != under_way) call.refuse(client::cancelled());
      }
      signal.emit(asio::cancellation_type::all);
      if (under_way == 0) context.stop();
    });
    thread.join();
  }

  template <class T, class Start>
  Ticket add(Start start, Callback<T> done) {
    const Ticket ticket = ++last_ticket;
    auto run = [this, start = std::move(start), done]() mutable {
      asio::co_spawn(
          context, client::without_throwing(start()),
          asio::bind_cancellation_slot(
              signal.slot(), [this, done](const std::exception_ptr& thrown, Result<T> result) {
                done(thrown ? Result<T>(client::error_of(thrown)) : std::move(result));
                finished();
              }));
    };
    asio::post(context, [this, ticket, run = std::move(run), done]() mutable {
      queue.push_back({ticket, std::move(run), [done](const Error& error) { done(error); }});
      next();
    });
    return ticket;
  }

  void next() {
    if (under_way != 0 || queue.empty()) return;
    const auto call = std::move(queue.front());
    queue.pop_front();
    under_way = call.ticket;
    call.run();
  }
  void finished() {
    under_way = 0;
    if (closing) return context.stop();
    next();
  }
  void cancel(Ticket ticket) {
    if (ticket == under_way) return signal.emit(asio::cancellation_type::all);
    for (auto call = queue.begin(); call != queue.end(); ++call) {
      if (call->ticket != ticket) continue;
      const auto refuse = std::move(call->refuse);
      queue.erase(call);
      return refuse(client::cancelled());
    }
  }

  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard = asio::make_work_guard(context);
  asio::cancellation_signal signal;
  client::Connection connection;
  std::deque<Call> queue;  // this and the next two: only on the thread
  Ticket under_way = 0;
  bool closing = false;
  // Through it other threads cancel calls.
  std::shared_ptr<client::Handle<State>> handle = std::make_shared<client::Handle<State>>(*this);
  std::atomic<Ticket> last_ticket = 0;
  std::thread thread;
};

namespace {

asio::awaitable<Result<SendReport>> send_message(client::Connection& connection,
                                                 std::shared_ptr<Message> message) {
  const auto checked = message->check();
  if (!checked) co_return checked.error();
  auto source = message->source();
  if (!source) co_return source.error();
  Envelope envelope{message->reverse_path(), message->recipients()};
  co_return co_await connection.send(std::move(envelope), **source);
}

}  // namespace

AsyncClient::AsyncClient(std::string_view url, ClientOptions options)
    : state_(std::make_unique<State>(url, std::nullopt, std::move(options))) {}
AsyncClient::AsyncClient(std::string_view url, Login login, ClientOptions options)
    : state_(std::make_unique<State>(url, std::move(login), std::move(options))) {}
AsyncClient::AsyncClient(AsyncClient&&) noexcept = default;
AsyncClient& AsyncClient::operator=(AsyncClient&&) noexcept = default;
AsyncClient::~AsyncClient() = default;

AsyncClient::Ticket AsyncClient::start_send(Message message, Callback<SendReport> done) {
  auto shared = std::make_shared<Message>(std::move(message));
  return state_->add<SendReport>(
      [state = state_.get(), shared] { return send_message(state->connection, shared); },
      std::move(done));
}

AsyncClient::Ticket AsyncClient::start_send(Envelope envelope, MessageSource& source,
                                            Callback<SendReport> done) {
  return state_->add<SendReport>([state = state_.get(), envelope = std::move(envelope),
                                  &source] { return state->connection.send(envelope, source); },
                                 std::move(done));
}

AsyncClient::Ticket AsyncClient::start_command(std::string verb, std::string argument,
                                               Callback<Reply> done) {
  return state_->add<Reply>(
      [state = state_.get(), verb = std::move(verb), argument = std::move(argument)] {
        return state->connection.command(verb, argument);
      },
      std::move(done));
}

AsyncClient::Ticket AsyncClient::start_quit(Callback<Reply> done) {
  return state_->add<Reply>([state = state_.get()] { return state->connection.quit(); },
                            std::move(done));
}

void AsyncClient::cancel(Ticket ticket) {
  if (state_) canceller()(ticket);
}

std::function<void(AsyncClient::Ticket)> AsyncClient::canceller() const {
  return [handle = state_->handle](Ticket ticket) {
    handle->use([ticket](State& state) {
      asio::post(state.context, [&state, ticket] { state.cancel(ticket); });
    });
  };
}

}  // namespace postroad
