// The race between addresses; see connect.hpp.
#include "net/connect.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <memory>
#include <optional>

#include "net/stream.hpp"

namespace postroad::net {

namespace {

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds head_start{250};

// Attempts that are under way. The handlers of attempts that lost may come late, so they share it.
struct Race {
  explicit Race(const asio::any_io_executor& executor) : bell(executor) {}
  std::deque<tcp::socket> sockets;
  asio::steady_timer bell;  // rung by every attempt that ends
  std::optional<std::size_t> winner;
  std::size_t under_way = 0;
  std::string reasons;
};

void attempt(const std::shared_ptr<Race>& race, const tcp::endpoint& endpoint) {
  const auto index = race->sockets.size();
  auto& socket = race->sockets.emplace_back(race->bell.get_executor());
  ++race->under_way;
  socket.async_connect(endpoint, [race, index, endpoint](const boost::system::error_code& error) {
    --race->under_way;
    if (!error && !race->winner) race->winner = index;
    if (error) {
      if (!race->reasons.empty()) race->reasons += "; ";
      race->reasons += text_of(endpoint) + " " + error.message();
    }
    race->bell.cancel();
  });
}

// Connecting has Asio look for writability for as long as it knows the descriptor, and every later
// wait for a reply would wake for that first. So it gets to know it anew.
tcp::socket forget_writing(tcp::socket socket) {
  boost::system::error_code error;
  const auto protocol = socket.local_endpoint(error).protocol();
  tcp::socket fresh(socket.get_executor());
  if (error) return socket;
  const auto descriptor = socket.release(error);
  if (error) return socket;
  fresh.assign(protocol, descriptor, error);
  return fresh;
}

void close_losers(Race& race) {
  boost::system::error_code ignored;
  for (std::size_t i = 0; i < race.sockets.size(); ++i) {
    if (race.winner != i) race.sockets[i].close(ignored);
  }
}

}  // namespace

awaitable<Result<tcp::socket>> race(std::vector<tcp::endpoint> endpoints, Time deadline) {
  co_await asio::this_coro::throw_if_cancelled(false);
  auto race = std::make_shared<Race>(co_await asio::this_coro::executor);
  std::size_t next = 0;
  for (;;) {
    const auto now = proto::Clock::now();
    if (next < endpoints.size()) attempt(race, endpoints[next++]);
    race->bell.expires_at(next < endpoints.size() ? std::min(deadline, now + head_start)
                                                  : deadline);
    // What ends, or is cancelled, before the wait begins would ring unheard: look first.
    const auto state = co_await asio::this_coro::cancellation_state;
    const auto is_cancelled = [&] { return state.cancelled() != asio::cancellation_type::none; };
    if (!race->winner && race->under_way > 0 && !is_cancelled())
      co_await race->bell.async_wait(as_values);
    if (race->winner || is_cancelled() || proto::Clock::now() >= deadline) break;
    if (race->under_way == 0 && next == endpoints.size()) break;
  }
  close_losers(*race);
  if (race->winner) co_return forget_writing(std::move(race->sockets[*race->winner]));
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    co_return fail(Fault::cancelled, {}, "cancelled");
  if (race->under_way > 0) co_return fail(Fault::timeout, {}, "no address answered in time");
  co_return fail(Fault::connect, {}, "cannot connect: " + race->reasons);
}

std::vector<tcp::endpoint> interleave(std::vector<tcp::endpoint> endpoints) {
  std::vector<tcp::endpoint> first, second, mixed;
  for (const auto& endpoint : endpoints) {
    const bool same = endpoint.address().is_v6() == endpoints.front().address().is_v6();
    (same ? first : second).push_back(endpoint);
  }
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < second.size()) mixed.push_back(second[i]);
  }
  return mixed;
}

awaitable<Result<tcp::socket>> connect(std::string host, std::uint16_t port, Time deadline) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto executor = co_await asio::this_coro::executor;
  boost::system::error_code not_literal;
  const auto literal = asio::ip::make_address(host, not_literal);
  std::vector<tcp::endpoint> endpoints;
  if (!not_literal) {
    endpoints.emplace_back(literal, port);
  } else {
    // getaddrinfo has no deadline of its own; it runs on Asio's resolver thread and the timer
    // leaves it behind.
    const auto resolver = std::make_shared<tcp::resolver>(executor);
    asio::steady_timer timer(executor, deadline);
    // Its turn may come when all here is gone.
    timer.async_wait([weak = std::weak_ptr(resolver)](const boost::system::error_code& error) {
      const auto there = weak.lock();
      if (!error && there) there->cancel();
    });
    const auto [error, results] =
        co_await resolver->async_resolve(host, std::to_string(port), as_values);
    if (error == asio::error::operation_aborted)
      co_return fail(Fault::timeout, {}, "the name " + host + " was not resolved in time");
    if (error)
      co_return fail(Fault::resolve, {},
                     "the name " + host + " has no address: " + error.message());
    for (const auto& result : results) endpoints.push_back(result.endpoint());
  }
  co_return co_await race(interleave(std::move(endpoints)), deadline);
}

}  // namespace postroad::net
