// Completion tokens over a pool: handlers on the program's threads, cancellation at any moment.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <optional>
#include <postroad/async.hpp>
#include <postroad/testing.hpp>

namespace postroad {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

Message mail() { return Message{}.from("a@x.example").to("b@y.example").text("hello"); }

TEST(AsyncPool, HandlersRunOnThreadsOfTheProgram) {
  testing::Server server;
  Pool pool({server.url()}, ClientOptions{}, {.connections = 3});
  std::atomic<int> accepted = 0;
  asio::thread_pool threads(4);
  for (int i = 0; i < 100; ++i) {
    asio::co_spawn(
        threads,
        [&]() -> asio::awaitable<void> {
          for (int n = 0; n < 3; ++n) {
            const auto report = co_await async_send(pool, mail(), asio::use_awaitable, 7);
            if (report && report->all_accepted()) ++accepted;
          }
        },
        asio::detached);
  }
  threads.join();
  EXPECT_EQ(accepted, 300);
  EXPECT_EQ(server.received().size(), 300U);
}

TEST(AsyncPool, ACallIsCancelledAtAnyMoment) {
  using namespace asio::experimental::awaitable_operators;
  testing::Server server;
  Pool pool({server.url()}, ClientOptions{}, {.connections = 2});
  std::atomic<int> over = 0;
  asio::thread_pool thread(1);  // operator|| cancels the other side: both on one thread
  for (int i = 0; i < 100; ++i) {
    asio::co_spawn(
        thread,
        [&, i]() -> asio::awaitable<void> {
          asio::steady_timer timer(co_await asio::this_coro::executor,
                                   std::chrono::microseconds(i * 200));
          (void)co_await (async_send(pool, mail(), asio::use_awaitable) ||
                          timer.async_wait(asio::use_awaitable));
          ++over;
        },
        asio::detached);
  }
  thread.join();
  EXPECT_EQ(over, 100);
  EXPECT_TRUE(pool.close(20s));
}

TEST(AsyncPool, ItsEndCompletesEveryCall) {
  testing::Server server;
  server.at(Stage::mail).stall();
  std::optional<Pool> pool(std::in_place, std::vector{server.url()});
  std::vector<std::future<Result<SendReport>>> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(async_send(*pool, mail(), asio::use_future));
  const auto cancel = pool->canceller();
  pool.reset();
  for (auto& call : calls) EXPECT_EQ(call.get().error().fault, Fault::cancelled);
  cancel(1);  // the pool is destroyed: nothing happens
}

TEST(AsyncClient, ACancellerMayBeCalledWhileTheClientEnds) {
  testing::Server server;
  for (int i = 0; i < 200; ++i) {
    std::optional<AsyncClient> client(std::in_place, server.url());
    const auto ticket = client->start_send(mail(), [](const Result<SendReport>&) {});
    std::thread other([ticket, cancel = client->canceller()] {
      for (int n = 0; n < 50; ++n) cancel(ticket);
    });
    client.reset();
    other.join();
  }
}

// The destructor of the client joins the library's thread.
TEST(AsyncClient, TheHandlerMayHoldTheLastReference) {
  testing::Server server;
  asio::thread_pool threads(2);
  for (int i = 0; i < 200; ++i) {
    auto client = std::make_shared<AsyncClient>(server.url());
    client->async_send(mail(), asio::bind_executor(threads, [client](const auto&) {}));
  }
  threads.join();
  EXPECT_EQ(server.received().size(), 200U);
}

TEST(AsyncPool, AMessageThatIsWrongCompletesToo) {
  testing::Server server;
  Pool pool({server.url()});
  const auto report = async_send(pool, Message{}.from("no address"), asio::use_future).get();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fault, Fault::input);
}

}  // namespace
}  // namespace postroad
