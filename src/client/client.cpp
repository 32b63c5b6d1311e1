// The blocking client: a Connection on its own io_context, which runs until the call is over.
#include <postroad/client.hpp>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <optional>

#include "client/connection.hpp"

namespace postroad {

namespace asio = boost::asio;

struct Client::State {
  State(std::string_view url, std::optional<Login> login, ClientOptions options)
      : connection(url, std::move(login), std::move(options)) {}

  // Runs one coroutine to its end on the caller's thread.
  template <class T>
  T run(asio::awaitable<T> call) {
    std::optional<T> result;
    ++number;
    running = true;
    asio::co_spawn(
        context, client::without_throwing(std::move(call)),
        asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& thrown, T value) {
          result.emplace(thrown ? T(client::error_of(thrown)) : std::move(value));
          context.stop();  // the connection's timers stay pending; they do not belong to this call
        }));
    context.restart();
    context.run();
    running = false;
    return std::move(*result);
  }

  asio::io_context context{1};
  asio::cancellation_signal signal;
  std::atomic<bool> running = false;
  std::atomic<std::uint64_t> number =
      0;  // of the call: a late cancellation must not end the next one
  client::Connection connection;
};

Client::Client(std::string_view url, ClientOptions options)
    : state_(std::make_unique<State>(url, std::nullopt, std::move(options))) {}
Client::Client(std::string_view url, Login login, ClientOptions options)
    : state_(std::make_unique<State>(url, std::move(login), std::move(options))) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<void> Client::connect() { return state_->run(state_->connection.open()); }

Result<SendReport> Client::send(const Envelope& envelope, MessageSource& source) {
  return state_->run(state_->connection.send(envelope, source));
}

Result<Reply> Client::verify(std::string_view address) {
  return state_->run(state_->connection.command("VRFY", std::string(address)));
}
Result<Reply> Client::expand(std::string_view list) {
  return state_->run(state_->connection.command("EXPN", std::string(list)));
}
Result<Reply> Client::noop() { return state_->run(state_->connection.command("NOOP", {})); }
Result<Reply> Client::reset() { return state_->run(state_->connection.command("RSET", {})); }
Result<Reply> Client::help(std::string_view topic) {
  return state_->run(state_->connection.command("HELP", std::string(topic)));
}
Result<Reply> Client::quit() { return state_->run(state_->connection.quit()); }

void Client::cancel() {
  if (!state_->running) return;
  asio::post(state_->context, [state = state_.get(), number = state_->number.load()] {
    if (number == state->number) state->signal.emit(asio::cancellation_type::all);
  });
}

std::string Client::server() const { return state_->connection.server(); }
std::vector<std::string> Client::capabilities() const { return state_->connection.capabilities(); }

}  // namespace postroad
