// The ends of calls and clients: cancellation during a name lookup, QUIT without a reply, and
// destructors. None of them may wait for the network.
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <postroad/async.hpp>
#include <postroad/pool.hpp>
#include <postroad/testing.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "net/resolve.hpp"
#include "pool_support.hpp"

namespace postroad {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto at_once = 5s;  // a lookup without an answer takes 30 s, a reply up to 5 minutes

/// Runs `work` on a thread of its own; returns whether it ends at once. The thread is joined at the
/// end.
bool ends_at_once(std::function<void()> work, const std::function<void()>& release) {
  auto done = std::async(std::launch::async, std::move(work));
  const bool ended = done.wait_for(at_once) == std::future_status::ready;
  if (!ended) release();
  return ended;
}

/// A name server that gives no answer until it is released.
class SilentNameServer {
 public:
  SilentNameServer() {
    net::set_name_lookup([state = state_](const std::string&) {
      std::unique_lock lock(state->mutex);
      ++state->asked;
      state->bell.notify_all();
      state->bell.wait(lock, [&] { return state->released; });
      return Result<std::vector<asio::ip::address>>(fail(Fault::resolve, {}, "released"));
    });
  }
  SilentNameServer(const SilentNameServer&) = delete;
  SilentNameServer& operator=(const SilentNameServer&) = delete;
  ~SilentNameServer() {
    release();
    net::set_name_lookup({});
  }
  void wait_for(int lookups) const {
    std::unique_lock lock(state_->mutex);
    state_->bell.wait_for(lock, patience, [&] { return state_->asked >= lookups; });
  }
  void release() const {
    const std::lock_guard lock(state_->mutex);
    state_->released = true;
    state_->bell.notify_all();
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable bell;
    int asked = 0;
    bool released = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

TEST(NameLookup, ACancelledCallOfAClientEndsAtOnce) {
  const SilentNameServer silent;
  Client client("smtp://mail.example");
  std::optional<Result<SendReport>> report;
  auto call = std::async(std::launch::async, [&] { report = client.send(mail("b@y.example")); });
  silent.wait_for(1);
  client.cancel();
  const bool ended = call.wait_for(at_once) == std::future_status::ready;
  silent.release();
  call.wait();
  EXPECT_TRUE(ended);
  ASSERT_FALSE(*report);
  EXPECT_EQ(report->error().fault, Fault::cancelled);
}

TEST(NameLookup, TheConnectTimeoutOfAClientHolds) {
  const SilentNameServer silent;
  ClientOptions options;
  options.timeouts.connect = 30ms;
  EXPECT_TRUE(ends_at_once(
      [&] {
        Client client("smtp://mail.example", options);
        const auto report = client.send(mail("b@y.example"));
        ASSERT_FALSE(report);
        EXPECT_EQ(report.error().fault, Fault::timeout);
      },
      [&] { silent.release(); }));
}

TEST(NameLookup, ThePoolsDestructorDoesNotWait) {
  const SilentNameServer silent;
  std::optional<Pool> pool(std::in_place, std::vector<std::string>{"smtp://mail.example"});
  std::promise<Result<SendReport>> done;
  pool->start_send(mail("b@y.example"),
                   [&](Result<SendReport> report) { done.set_value(std::move(report)); });
  silent.wait_for(1);
  EXPECT_TRUE(ends_at_once([&] { pool.reset(); }, [&] { silent.release(); }));
  const auto report = done.get_future().get();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fault, Fault::cancelled);
}

TEST(NameLookup, TheDestructorOfAnAsyncClientDoesNotWait) {
  const SilentNameServer silent;
  std::optional<AsyncClient> client(std::in_place, "smtp://mail.example");
  std::promise<Result<SendReport>> done;
  client->start_send(mail("b@y.example"),
                     [&](Result<SendReport> report) { done.set_value(std::move(report)); });
  silent.wait_for(1);
  EXPECT_TRUE(ends_at_once([&] { client.reset(); }, [&] { silent.release(); }));
  EXPECT_EQ(done.get_future().get().error().fault, Fault::cancelled);
}

/// A server for one session that replies to every command but QUIT, and keeps the lines that it
/// received.
class MuteAtQuit {
 public:
  MuteAtQuit() : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}) {
    thread_ = std::thread([this] { serve(); });
  }
  MuteAtQuit(const MuteAtQuit&) = delete;
  MuteAtQuit& operator=(const MuteAtQuit&) = delete;
  ~MuteAtQuit() { thread_.join(); }
  [[nodiscard]] std::string url() const {
    return "smtp://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }
  /// All lines; waits until the client has closed.
  std::vector<std::string> lines() { return lines_.get_future().get(); }

 private:
  void serve() {
    boost::system::error_code error;
    auto socket = acceptor_.accept();
    const auto say = [&](const std::string& text) {
      asio::write(socket, asio::buffer(text), error);
    };
    say("220 mail.example ESMTP\r\n");
    std::vector<std::string> lines;
    std::string input;
    bool is_data = false;
    while (const auto n = asio::read_until(socket, asio::dynamic_buffer(input), "\r\n", error)) {
      auto line = input.substr(0, n - 2);
      input.erase(0, n);
      if (is_data && line != ".") continue;
      is_data = line == "DATA";
      if (line != "QUIT") say(is_data ? "354 go on\r\n" : "250 Ok\r\n");
      lines.push_back(std::move(line));
    }
    lines_.set_value(std::move(lines));
  }

  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::promise<std::vector<std::string>> lines_;
  std::thread thread_;
};

TEST(Quit, IsWaitedForNoLongerThanItsTimeout) {
  MuteAtQuit server;
  ClientOptions options;
  EXPECT_EQ(options.timeouts.quit, 2s) << "the default";
  options.timeouts.quit = 30ms;
  options.timeouts.command = 300s;
  {
    Client client(server.url(), options);
    ASSERT_TRUE(client.send(mail("b@y.example")));
    const auto before = std::chrono::steady_clock::now();
    const auto reply = client.quit();
    EXPECT_LT(std::chrono::steady_clock::now() - before, at_once);
    ASSERT_TRUE(reply) << reply.error();
    EXPECT_EQ(reply->code, 0) << "no reply came";
  }
  EXPECT_EQ(server.lines().back(), "QUIT");
}

TEST(Quit, IsSentByTheDestructorOfEveryClientWithoutWaiting) {
  {
    MuteAtQuit server;
    std::optional<Client> client(std::in_place, server.url());
    ASSERT_TRUE(client->send(mail("b@y.example")));
    EXPECT_TRUE(ends_at_once([&] { client.reset(); }, [] {}));
    EXPECT_EQ(server.lines().back(), "QUIT");
  }
  {
    MuteAtQuit server;
    std::optional<AsyncClient> client(std::in_place, server.url());
    ASSERT_TRUE(client->async_send(mail("b@y.example"), asio::use_future).get());
    EXPECT_TRUE(ends_at_once([&] { client.reset(); }, [] {}));
    EXPECT_EQ(server.lines().back(), "QUIT");
  }
  {
    MuteAtQuit server;
    std::optional<Pool> pool(std::in_place, std::vector{server.url()});
    ASSERT_TRUE(pool->send(mail("b@y.example")));
    EXPECT_TRUE(ends_at_once([&] { pool.reset(); }, [] {}));
    EXPECT_EQ(server.lines().back(), "QUIT");
  }
}

/// A source that throws in the middle of a message.
class ThrowingSource final : public MessageSource {
 public:
  Result<std::string_view> next() override {
    if (std::exchange(begun_, true)) throw std::runtime_error("the program's own bug");
    return std::string_view("Subject: half\r\n\r\n");
  }

 private:
  bool begun_ = false;
};

TEST(Quit, IsNotSentIntoAMessageThatWasLeftHalfWay) {
  MuteAtQuit server;
  {
    Client client(server.url());
    ThrowingSource source;
    const auto report = client.send(Envelope{{"a", "x.example"}, {{"b", "y.example"}}}, source);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().fault, Fault::io);
    EXPECT_EQ(client.quit()->code, 0);
  }
  EXPECT_EQ(server.lines().back(), "DATA");
}

TEST(Tls, CaCertificatesAreReadWhenAHandshakeBeginsAndAMissingFileIsReportedBefore) {
  testing::Server plain;
  ClientOptions options;
  options.tls.ca_file = plain.ca_file() + ".broken";
  { std::ofstream(options.tls.ca_file) << "not a certificate\n"; }
  Client without_tls(plain.url(), options);
  EXPECT_TRUE(without_tls.connect()) << "no handshake: the file is not read";

  testing::Server secure({.encryption = testing::Encryption::implicit});
  Client with_tls(secure.url(), options);
  const auto refused = with_tls.connect();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::tls);
  EXPECT_NE(refused.error().detail.find(options.tls.ca_file), std::string::npos) << refused.error();

  options.tls.ca_file = "/nonexistent";
  Client missing(plain.url(), options);
  const auto told = missing.connect();
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().where, "/nonexistent");
}

TEST(Tls, ACommonNameDoesNotNameTheHost) {
  testing::Server server({.encryption = testing::Encryption::implicit,
                          .certificate = testing::Certificate::common_name_only});
  ClientOptions options;
  options.tls.ca_file = server.ca_file();
  Client client("smtps://localhost:" + std::to_string(server.port()), options);
  const auto refused = client.connect();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::tls);
}

}  // namespace
}  // namespace postroad
