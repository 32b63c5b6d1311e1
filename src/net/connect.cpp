// The race between addresses; see connect.hpp.
#include "net/connect.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <memory>
#include <optional>

#include "net/as_values.hpp"
#include "net/resolve.hpp"
#include "net/stream.hpp"

namespace postroad::net {

namespace {

constexpr std::chrono::milliseconds head_start{250};

// The attempts under way. Handlers of attempts that lost may run late, so they share it.
struct Race {
  explicit Race(const asio::any_io_executor& executor) : bell(executor) {}
  std::deque<tcp::socket> sockets;
  asio::steady_timer bell;  // cancelled by every attempt that ends
  std::optional<std::size_t> winner;
  std::size_t under_way = 0;
  std::string reasons;
  LocalAddresses local;

  void add_reason(const tcp::endpoint& endpoint, const std::string& why) {
    if (!reasons.empty()) reasons += "; ";
    reasons += text_of(endpoint) + ' ' + why;
  }
};

boost::system::error_code bind_to(tcp::socket& socket, const asio::ip::address& address) {
  boost::system::error_code error;
  const tcp::endpoint endpoint(address, 0);
  socket.open(endpoint.protocol(), error);
  const int on = 1;
  if (!error)  // without it each connection takes a port of its own for all peers together
    (void)::setsockopt(socket.native_handle(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (!error) socket.bind(endpoint, error);
  return error;
}

void attempt(const std::shared_ptr<Race>& race, const tcp::endpoint& endpoint) {
  const auto index = race->sockets.size();
  auto& socket = race->sockets.emplace_back(race->bell.get_executor());
  if (race->local.is_set()) {
    const auto& from = race->local.of(endpoint.address());
    if (!from) return race->add_reason(endpoint, "there is no local address of its family");
    if (const auto error = bind_to(socket, *from))
      return race->add_reason(endpoint, "from " + from->to_string() + ": " + error.message());
  }
  ++race->under_way;
  socket.async_connect(endpoint, [race, index, endpoint](const boost::system::error_code& error) {
    --race->under_way;
    if (!error && !race->winner) race->winner = index;
    if (error) race->add_reason(endpoint, error.message());
    race->bell.cancel();
  });
}

// After a connect, Asio watches the descriptor for writability as long as it is registered, and
// every later wait for input would wake for that first. Registering it again ends that.
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

awaitable<Result<tcp::socket>> race(std::vector<tcp::endpoint> endpoints, Time deadline,
                                    LocalAddresses local) {
  co_await asio::this_coro::throw_if_cancelled(false);
  auto race = std::make_shared<Race>(co_await asio::this_coro::executor);
  race->local = std::move(local);
  std::size_t next = 0;
  for (;;) {
    const auto now = proto::Clock::now();
    if (next < endpoints.size()) attempt(race, endpoints[next++]);
    race->bell.expires_at(next < endpoints.size() ? std::min(deadline, now + head_start)
                                                  : deadline);
    // An attempt that ended, or a cancellation, before the wait begins does not end the wait.
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

awaitable<Result<std::vector<tcp::endpoint>>> find_addresses(std::string host, std::uint16_t port,
                                                             Time deadline) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code not_literal;
  const auto literal = asio::ip::make_address(host, not_literal);
  if (!not_literal) co_return std::vector{tcp::endpoint(literal, port)};
  auto resolved = co_await resolve(host, port, deadline);
  if (!resolved) co_return resolved.error();
  co_return interleave(std::move(*resolved));
}

awaitable<Result<tcp::socket>> connect(std::string host, std::uint16_t port, Time deadline) {
  co_await asio::this_coro::throw_if_cancelled(false);
  auto endpoints = co_await find_addresses(std::move(host), port, deadline);
  if (!endpoints) co_return endpoints.error();
  co_return co_await race(std::move(*endpoints), deadline);
}

}  // namespace postroad::net
