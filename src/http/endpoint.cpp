// The endpoint over Boost.Beast, the one unit that sees it; see endpoint.hpp.
#include "http/endpoint.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <list>

namespace postroad::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds patience{10};  // for a request and its answer
constexpr std::chrono::seconds last_words{1};
constexpr std::uint32_t most_header = 8192;
constexpr std::size_t most_dropped = 1 << 20;  // octets of a body that nobody asked for
constexpr unsigned most_connections = 32;
constexpr std::chrono::milliseconds accept_pause{100};

using Request = http::request<http::empty_body>;

http::response<http::string_body> answer(const Request& request, const beast::error_code& error,
                                         const Pages& pages) {
  http::response<http::string_body> response;
  response.version(error ? 11 : request.version());
  response.keep_alive(false);
  response.set(http::field::cache_control, "no-store");
  Page page;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    page = {431, "text/plain; charset=utf-8", "the request's header is too long\n"};
  } else if (error) {
    page = {400, "text/plain; charset=utf-8", "that is no HTTP request\n"};
  } else if (request.method() == http::verb::get || request.method() == http::verb::head) {
    const std::string_view target(request.target().data(), request.target().size());
    page = pages(target.substr(0, target.find('?')));
  } else {
    page = {405, "text/plain; charset=utf-8", "only GET and HEAD are answered here\n"};
    response.set(http::field::allow, "GET, HEAD");
  }
  response.result(page.status);
  response.set(http::field::content_type, page.type);
  response.content_length(page.text.size());
  if (error || request.method() != http::verb::head) response.body() = std::move(page.text);
  return response;
}

}  // namespace

struct Endpoint::State {
  State(tcp::acceptor a, Pages p) : acceptor(std::move(a)), pages(std::move(p)) {}
  tcp::acceptor acceptor;
  Pages pages;
  std::list<beast::tcp_stream*> open;  // oldest first

  // Of a connection among those that are open.
  class Place {
   public:
    Place(State& state, beast::tcp_stream& stream)
        : state_(state), at_(state.open.insert(state.open.end(), &stream)) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { state_.open.erase(at_); }

   private:
    State& state_;
    std::list<beast::tcp_stream*>::iterator at_;
  };

  static asio::awaitable<void> serve(std::shared_ptr<State> state, tcp::socket socket) {
    beast::tcp_stream stream(std::move(socket));
    const Place place(*state, stream);
    stream.expires_after(patience);
    beast::flat_static_buffer<most_header> buffer;
    http::request_parser<http::empty_body> parser;
    parser.header_limit(most_header);
    // A body, which a GET should not have, is not looked at.
    const auto [error, read] = co_await http::async_read_header(stream, buffer, parser, as_values);
    const bool is_talk = error != http::error::end_of_stream &&
                         error.category() == make_error_code(http::error::bad_method).category();
    if (!error || is_talk) {
      const auto response = answer(parser.get(), error, state->pages);
      co_await http::async_write(stream, response, as_values);
      beast::error_code ignored;
      stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
      // A close over unread input would take the answer back.
      stream.expires_after(last_words);
      for (std::size_t dropped = 0; dropped < most_dropped;) {
        buffer.clear();
        const auto [end, size] =
            co_await stream.async_read_some(buffer.prepare(most_header / 2), as_values);
        if (end) break;
        dropped += size;
      }
    }
  }

  static asio::awaitable<void> accept(std::shared_ptr<State> state) {
    for (;;) {
      auto [error, socket] = co_await state->acceptor.async_accept(as_values);
      if (!state->acceptor.is_open()) co_return;
      if (error) {
        asio::steady_timer pause(state->acceptor.get_executor(), accept_pause);
        co_await pause.async_wait(as_values);
        continue;
      }
      // Who comes and says nothing must not keep the monitor out.
      if (state->open.size() >= most_connections) state->open.front()->close();
      asio::co_spawn(state->acceptor.get_executor(), serve(state, std::move(socket)),
                     asio::detached);
    }
  }
};

Endpoint::Endpoint(asio::io_context& loop, tcp::acceptor acceptor, Pages pages)
    : state_(std::make_shared<State>(std::move(acceptor), std::move(pages))) {
  asio::co_spawn(loop, State::accept(state_), asio::detached);
}

Endpoint::~Endpoint() {
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
}

}  // namespace postroad::http
