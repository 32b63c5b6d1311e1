// Connections of the endpoint; see endpoint.hpp. Boost.Beast would cost more time to compile than
// the rest of this layer.
#include "http/endpoint.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <list>

#include "net/as_values.hpp"
#include "server/log_failure.hpp"

namespace postroad::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

using net::as_values;
constexpr std::chrono::seconds patience{10};  // for a request and its answer
constexpr std::chrono::seconds last_words{1};
constexpr std::size_t most_request_header = 8192;
constexpr std::size_t most_dropped = 1 << 20;  // bytes of an unexpected body
constexpr unsigned most_connections = 32;
constexpr std::chrono::milliseconds accept_pause{100};

// A socket that is closed when its time is over.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(tcp::socket accepted)
      : socket(std::move(accepted)), deadline_(socket.get_executor()) {}

  void close_after(std::chrono::seconds time) {
    deadline_.expires_after(time);
    deadline_.async_wait([self = weak_from_this()](const boost::system::error_code& cancelled) {
      if (const auto connection = self.lock(); connection && !cancelled) connection->close();
    });
  }
  void close() {
    boost::system::error_code ignored;
    socket.close(ignored);
  }

  tcp::socket socket;

 private:
  asio::steady_timer deadline_;
};

// Closing with unread input sends RST, and the client may lose the response.
asio::awaitable<void> drain(std::shared_ptr<Connection> connection) {
  boost::system::error_code ignored;
  connection->socket.shutdown(tcp::socket::shutdown_send, ignored);
  connection->close_after(last_words);
  std::array<char, most_request_header / 2> dropped{};
  for (std::size_t total = 0; total < most_dropped;) {
    const auto [end, size] =
        co_await connection->socket.async_read_some(asio::buffer(dropped), as_values);
    if (end) co_return;
    total += size;
  }
}

}  // namespace

struct Endpoint::State {
  State(tcp::acceptor a, Pages p, observe::Log& l)
      : acceptor(std::move(a)), pages(std::move(p)), log(l) {}
  tcp::acceptor acceptor;
  Pages pages;
  observe::Log& log;
  std::list<std::shared_ptr<Connection>> open;  // oldest first

  // The entry of a connection in the list.
  class Entry {
   public:
    Entry(State& state, std::shared_ptr<Connection> connection)
        : state_(state), at_(state.open.insert(state.open.end(), std::move(connection))) {}
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() { state_.open.erase(at_); }

   private:
    State& state_;
    std::list<std::shared_ptr<Connection>>::iterator at_;
  };

  static asio::awaitable<void> serve(std::shared_ptr<State> state, tcp::socket socket) {
    const auto connection = std::make_shared<Connection>(std::move(socket));
    const Entry entry(*state, connection);
    connection->close_after(patience);
    std::string input;
    const auto [error, length] = co_await asio::async_read_until(
        connection->socket, asio::dynamic_buffer(input, most_request_header), "\r\n\r\n",
        as_values);
    const bool is_too_long = error == asio::error::not_found;
    if (error && !is_too_long) co_return;
    // The body of a GET, which should have none, is not read.
    const auto reply = is_too_long
                           ? respond_too_long()
                           : respond(std::string_view(input).substr(0, length), state->pages);
    co_await asio::async_write(connection->socket, asio::buffer(reply), as_values);
    co_await drain(connection);
  }

  static asio::awaitable<void> accept(std::shared_ptr<State> state) {
    const server::LogFailure log_failure{state->log, "a connection of metrics.listen"};
    for (;;) {
      auto [error, socket] = co_await state->acceptor.async_accept(as_values);
      if (!state->acceptor.is_open()) co_return;
      if (error) {
        asio::steady_timer pause(state->acceptor.get_executor(), accept_pause);
        co_await pause.async_wait(as_values);
        continue;
      }
      // Connections without a request must not keep the monitor out.
      if (state->open.size() >= most_connections) state->open.front()->close();
      try {
        asio::co_spawn(state->acceptor.get_executor(), serve(state, std::move(socket)),
                       log_failure);
      } catch (...) {  // no memory for it
        log_failure(std::current_exception());
      }
    }
  }
};

Endpoint::Endpoint(asio::io_context& loop, tcp::acceptor acceptor, Pages pages, observe::Log& log)
    : state_(std::make_shared<State>(std::move(acceptor), std::move(pages), log)) {
  asio::co_spawn(loop, State::accept(state_),
                 server::LogFailure{log, "the accept loop of metrics.listen"});
}

Endpoint::~Endpoint() {
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
}

}  // namespace postroad::http
