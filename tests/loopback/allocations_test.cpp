// A session in its steady state allocates nothing: a thousand messages over one connection, through
// two policies that answer at once and a log, into a store that discards everything, without one
// call of malloc. (A local part or a domain of more than 15 bytes costs one allocation, for the
// name itself.) The C library's own functions are wrapped here, so this is a program of its own,
// without sanitizers.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string_view>

#include "observe/log.hpp"
#include "observe/sinks.hpp"
#include "relay/null_store.hpp"
#include "server/server.hpp"

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier)
void* __libc_malloc(std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
// NOLINTEND(bugprone-reserved-identifier)
}

namespace {
std::atomic<long> calls{0};
}  // namespace

// Visible outside the program, or the C++ library's own operator new does not call it.
extern "C" [[gnu::visibility("default")]] void* malloc(std::size_t size) {
  calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
extern "C" [[gnu::visibility("default")]] void* aligned_alloc(std::size_t alignment,
                                                              std::size_t size) {
  calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, size);
}

namespace postroad {
namespace {

class TakesAll final : public server::SessionPolicy {
  [[nodiscard]] bool reads_bodies() const override { return true; }
};

// Makes no allocation of its own.
class Client final {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { ::close(socket_); }
  bool say(std::string_view bytes, std::string_view end_of_answer) {
    if (::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(bytes.size()))
      return false;
    return hear(end_of_answer);
  }
  bool hear(std::string_view end) {
    std::size_t size = 0;
    while (size < buffer_.size()) {
      const auto got = ::recv(socket_, buffer_.data() + size, buffer_.size() - size, 0);
      if (got <= 0) return false;
      size += static_cast<std::size_t>(got);
      if (std::string_view(buffer_.data(), size).ends_with(end)) return true;
    }
    return false;
  }

 private:
  int socket_;
  std::array<char, 4096> buffer_{};
};

TEST(Allocations, ASessionInItsSteadyStateMakesNone) {
  relay::NullStore store;
  server::Guard guard;
  observe::Log log;
  std::atomic<int> lines = 0;
  const auto count = [&lines](std::string_view line) {
    if (line.find("message.accepted") != std::string_view::npos) ++lines;
  };
  log.add_sink(std::make_shared<observe::JsonSink>(count));
  log.add_sink(std::make_shared<observe::TextSink>(count, observe::TextSink::Style{}));
  server::Server server(guard, log, {.threads = 1});
  server::ListenerSettings listener;
  listener.smtp.hostname = "mail.test.example";
  listener.policies = {std::make_shared<TakesAll>(), std::make_shared<TakesAll>()};
  const auto port = server.listen(std::move(listener)).value();
  server.start(store);
  {
    Client client(port);
    ASSERT_TRUE(client.hear("\r\n"));
    ASSERT_TRUE(client.say("HELO client.example\r\n", "\r\n"));
    std::string body = "Subject: many\r\n\r\n";
    while (body.size() < 10'000) body += "0123456789012345678901234567890123456789\r\n";
    body += ".\r\n";
    const auto send = [&] {
      return client.say(
                 "MAIL FROM:<sender-of-many@client.example>\r\n"
                 "RCPT TO:<reader-of-many@test.example>\r\nDATA\r\n",
                 "<CR><LF>.<CR><LF>\r\n") &&
             client.say(body, "discarded\r\n");
    };
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(send());
    ASSERT_EQ(lines, 200);
    const auto before = calls.load();
    ASSERT_GT(before, 100) << "nothing is counted";
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(send());
    // The server reads its memory from a file once a second. One per message would be a thousand.
    EXPECT_LT(calls.load() - before, 50);
  }
  server.stop(std::chrono::milliseconds(1000));
}

}  // namespace
}  // namespace postroad
