// Name lookup, the race between addresses and the stream's waits, on real sockets.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <optional>

#include "net/connect.hpp"
#include "net/resolve.hpp"
#include "net/stream.hpp"

namespace postroad::net {
namespace {

using namespace std::chrono_literals;

tcp::endpoint at(const char* address, std::uint16_t port = 25) {
  return {asio::ip::make_address(address), port};
}

/// Runs one coroutine to its end.
template <class T>
T wait(asio::io_context& context, awaitable<T> call) {
  std::optional<T> result;
  const auto body = [&]() -> awaitable<void> {
    result.emplace(co_await std::move(call));
    context.stop();
  };
  asio::co_spawn(context, body(), asio::detached);
  context.restart();
  context.run();
  return std::move(*result);
}

/// An address that neither accepts nor refuses a connection: its backlog is full.
struct Deaf {
  explicit Deaf(asio::io_context& context) : acceptor(context) {
    acceptor.open(tcp::v4());
    acceptor.bind(at("127.0.0.1", 0));
    acceptor.listen(0);
    for (auto& socket : fillers) {
      socket.emplace(context);
      socket->open(tcp::v4());
      socket->non_blocking(true);
      const auto endpoint = acceptor.local_endpoint();
      (void)::connect(socket->native_handle(), endpoint.data(),
                      static_cast<socklen_t>(endpoint.size()));  // begins it, and does not wait
    }
  }
  tcp::acceptor acceptor;
  std::array<std::optional<tcp::socket>, 4> fillers;
};

TEST(Race, FamiliesTakeTurns) {
  const auto a = at("2001:db8::1"), b = at("2001:db8::2"), c = at("192.0.2.1"), d = at("192.0.2.2");
  EXPECT_EQ(interleave({a, b, c, d}), (std::vector{a, c, b, d}));
  EXPECT_EQ(interleave({c, d, a}), (std::vector{c, a, d}));
  EXPECT_EQ(interleave({a}), (std::vector{a}));
  EXPECT_TRUE(interleave({}).empty());
}

TEST(Race, ARefusalGivesWayAtOnceAndSilenceAfterTheHeadStart) {
  asio::io_context context;
  tcp::acceptor good(context, at("127.0.0.1", 0));
  std::uint16_t closed_port = 0;
  {
    tcp::acceptor gone(context, at("127.0.0.1", 0));
    closed_port = gone.local_endpoint().port();
  }
  const Deaf deaf(context);
  const auto until = proto::Clock::now() + 20s;
  for (const auto& first : {at("127.0.0.1", closed_port), deaf.acceptor.local_endpoint()}) {
    const auto socket = wait(context, race({first, good.local_endpoint()}, until));
    ASSERT_TRUE(socket) << socket.error();
    EXPECT_EQ(socket->remote_endpoint(), good.local_endpoint());
  }
}

TEST(Race, EveryAddressRefusesIsToldWithEachReason) {
  asio::io_context context;
  std::vector<tcp::endpoint> closed;
  {
    tcp::acceptor one(context, at("127.0.0.1", 0)), two(context, at("127.0.0.1", 0));
    closed = {one.local_endpoint(), two.local_endpoint()};
  }
  const auto socket = wait(context, race(closed, proto::Clock::now() + 20s));
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().fault, Fault::connect);
  for (const auto& endpoint : closed)
    EXPECT_NE(socket.error().detail.find(text_of(endpoint)), std::string::npos);
}

TEST(Race, SilenceEndsAtTheDeadline) {
  asio::io_context context;
  const Deaf deaf(context);
  const auto socket =
      wait(context, race({deaf.acceptor.local_endpoint()}, proto::Clock::now() + 50ms));
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().fault, Fault::timeout);
}

TEST(Connect, AnUnknownNameIsReportedWithItsName) {
  asio::io_context context;
  // A label that is too long: invalid without a DNS query.
  const auto name = std::string(64, 'a') + ".example";
  const auto socket = wait(context, connect(name, 25, proto::Clock::now() + 20s));
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().fault, Fault::resolve);
  EXPECT_NE(socket.error().detail.find(name), std::string::npos);
}

/// A name server that does not answer until the test ends.
class SilentNameServer {
 public:
  SilentNameServer() {
    set_name_lookup([released = released_](const std::string&) {
      released.wait();
      return Result<std::vector<asio::ip::address>>(fail(Fault::resolve, {}, "released"));
    });
  }
  SilentNameServer(const SilentNameServer&) = delete;
  SilentNameServer& operator=(const SilentNameServer&) = delete;
  ~SilentNameServer() {
    set_name_lookup({});
    release_.set_value();
  }

 private:
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
};

TEST(NameLookup, AnswersInTheOrderOfTheSystemWithThePort) {
  set_name_lookup([](const std::string& name) -> Result<std::vector<asio::ip::address>> {
    if (name != "mail.example") return fail(Fault::resolve, {}, "no such name");
    return std::vector{asio::ip::make_address("::1"), asio::ip::make_address("127.0.0.1")};
  });
  asio::io_context context;
  const auto until = proto::Clock::now() + 20s;
  const auto found = wait(context, resolve("mail.example", 25, until));
  const auto missing = wait(context, resolve("other.example", 25, until));
  set_name_lookup({});
  ASSERT_TRUE(found) << found.error();
  EXPECT_EQ(*found, (std::vector{at("::1"), at("127.0.0.1")}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().fault, Fault::resolve);
}

TEST(NameLookup, ASilentNameServerHoldsUpNeitherDeadlineNorCancellationNorDestruction) {
  const SilentNameServer silent;
  auto context = std::make_unique<asio::io_context>();
  const auto late = wait(*context, connect("mail.example", 25, proto::Clock::now() + 30ms));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().fault, Fault::timeout);

  asio::cancellation_signal signal;
  std::optional<Result<tcp::socket>> cancelled;
  const auto body = [&]() -> awaitable<void> {
    co_await asio::this_coro::throw_if_cancelled(false);
    asio::post(*context, [&] { signal.emit(asio::cancellation_type::all); });
    cancelled = co_await connect("mail.example", 25, proto::Clock::now() + 20s);
  };
  asio::co_spawn(*context, body(), asio::bind_cancellation_slot(signal.slot(), asio::detached));
  context->restart();
  context->run();
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->error().fault, Fault::cancelled);

  const auto left_behind = [&]() -> awaitable<void> {
    (void)co_await connect("mail.example", 25, proto::Clock::now() + 20s);
  };
  asio::co_spawn(*context, left_behind(), asio::detached);
  context->restart();
  context->poll();
  context.reset();  // with the lookup under way
}

// On a thread without a caller an exception would end the process.
TEST(NameLookup, AnExceptionIsAnErrorOfTheCaller) {
  set_name_lookup([](const std::string& name) -> Result<std::vector<asio::ip::address>> {
    if (name == "full.example") throw std::bad_alloc();
    if (name == "odd.example") throw 42;
    throw std::runtime_error("the resolver threw this");
  });
  asio::io_context context;
  const auto until = proto::Clock::now() + 20s;
  const auto thrown = wait(context, resolve("mail.example", 25, until));
  const auto full = wait(context, resolve("full.example", 25, until));
  const auto odd = wait(context, resolve("odd.example", 25, until));
  set_name_lookup({});
  for (const auto* result : {&thrown, &full, &odd}) {
    ASSERT_FALSE(*result);
    EXPECT_EQ(result->error().fault, Fault::resolve);
  }
  EXPECT_EQ(thrown.error().detail,
            "the name mail.example was not looked up: the resolver threw this");
  EXPECT_EQ(odd.error().detail, "the name odd.example was not looked up: unknown exception");
  EXPECT_TRUE(wait(context, resolve("127.0.0.1", 25, until))) << "lookups go on";
}

TEST(NameLookup, ManySilentLookupsAtOnceAreAllLeftBehind) {
  const SilentNameServer silent;
  asio::io_context context;
  int late = 0;
  const auto body = [&]() -> awaitable<void> {
    const auto socket = co_await connect("mail.example", 25, proto::Clock::now() + 50ms);
    if (!socket && socket.error().fault == Fault::timeout) ++late;
  };
  for (int i = 0; i < 200; ++i) asio::co_spawn(context, body(), asio::detached);
  context.run();
  EXPECT_EQ(late, 200);
}

struct Pair {
  explicit Pair(asio::io_context& context) : theirs(context) {
    tcp::acceptor acceptor(context, at("127.0.0.1", 0));
    theirs.connect(acceptor.local_endpoint());
    ours.emplace(acceptor.accept());
  }
  tcp::socket theirs;
  std::optional<Stream> ours;
};

TEST(Stream, AReadEndsByItsDeadlineByTheOthersEndAndByInterruption) {
  asio::io_context context;
  Pair pair(context);
  char buffer[16];
  EXPECT_FALSE(*pair.ours->read_now(buffer)) << "nothing is there";
  auto waited = wait(context, pair.ours->readable(proto::Clock::now() + 30ms));
  EXPECT_EQ(Stream::error_of(waited).fault, Fault::timeout);

  asio::post(context, [&] { asio::post(context, [&] { pair.ours->interrupt(); }); });
  waited = wait(context, pair.ours->readable(proto::Clock::now() + 20s));
  EXPECT_EQ(Stream::error_of(waited).fault, Fault::cancelled);

  pair.theirs.shutdown(tcp::socket::shutdown_send);
  waited = wait(context, pair.ours->readable(proto::Clock::now() + 20s));
  EXPECT_EQ(waited, Stream::Waited::ready);
  EXPECT_EQ(pair.ours->read_now(buffer).value(), 0U);
}

TEST(Stream, ACancellationBetweenTwoWaitsCounts) {
  asio::io_context context;
  Pair pair(context);
  asio::cancellation_signal signal;
  std::optional<Stream::Waited> second;
  const auto two_reads = [&]() -> awaitable<void> {
    co_await asio::this_coro::throw_if_cancelled(false);
    // The first call has its byte when the cancellation arrives: it aborts nothing.
    asio::post(context, [&] { signal.emit(asio::cancellation_type::all); });
    char buffer[16];
    (void)co_await pair.ours->readable(proto::Clock::now() + 20s);
    (void)pair.ours->read_now(buffer);
    second = co_await pair.ours->readable(proto::Clock::now() + 20s);
  };
  pair.theirs.send(asio::buffer("x", 1));
  asio::co_spawn(context, two_reads(),
                 asio::bind_cancellation_slot(signal.slot(),
                                              [&](const std::exception_ptr&) { context.stop(); }));
  context.run();
  ASSERT_TRUE(second);
  EXPECT_EQ(*second, Stream::Waited::cancelled);
}

}  // namespace
}  // namespace postroad::net
