// URLs of services, and POSTs to a listener that plays the service. Not here: the server's
// questions to it (tests/scenarios/test_login_check.py).
#include "http/post.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <optional>
#include <thread>

namespace postroad::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using testing::HasSubstr;
using testing::Not;

TEST(ServiceUrls, AreTakenApart) {
  const auto plain = parse_service("http://h.example");
  ASSERT_TRUE(plain) << plain.error();
  EXPECT_EQ(plain->host, "h.example");
  EXPECT_EQ(plain->port, 80);
  EXPECT_EQ(plain->target, "/");
  EXPECT_FALSE(plain->tls);
  const auto whole = parse_service("HTTPS://u%40x:p%3A@[::1]:8443/a/b?c=d#e");
  ASSERT_TRUE(whole) << whole.error();
  EXPECT_TRUE(whole->tls);
  EXPECT_EQ(whole->host, "::1");
  EXPECT_EQ(whole->port, 8443);
  EXPECT_EQ(whole->login, "u@x:p:");
  EXPECT_EQ(whole->target, "/a/b?c=d");
  EXPECT_EQ(parse_service("https://h?q")->target, "/?q");
  EXPECT_EQ(parse_service("https://h")->port, 443);
}

TEST(ServiceUrls, AreRefusedWithoutTheirLogin) {
  for (const std::string_view bad :
       {"", "ftp://h", "http://", "http://:80", "http://h:0", "http://h:65536", "http://h:x",
        "http://h/a b", "http://h/\r\nX: y", "http://a b/", "http://%zz@h", "http://[::1"}) {
    const auto url = parse_service(bad);
    ASSERT_FALSE(url) << bad;
    EXPECT_EQ(url.error().fault, Fault::input);
  }
  EXPECT_THAT(parse_service("http://u:secret@h:x").error().text(), Not(HasSubstr("secret")));
}

// Plays the service for one connection: reads a whole request, then sends `answer`.
class Service {
 public:
  explicit Service(std::string answer)
      : acceptor_(context_, {asio::ip::make_address("127.0.0.1"), 0}),
        thread_([this, answer = std::move(answer)] {
          boost::system::error_code error;
          tcp::socket socket(context_);
          acceptor_.accept(socket, error);
          asio::read_until(socket, asio::dynamic_buffer(asked_), "}\n", error);
          asio::write(socket, asio::buffer(answer), error);
        }) {}
  ~Service() { join(); }
  [[nodiscard]] ServiceUrl url() const {
    return {.host = "127.0.0.1", .port = acceptor_.local_endpoint().port(), .login = "u:p"};
  }
  const std::string& asked() {
    join();
    return asked_;
  }

 private:
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::string asked_;
  std::thread thread_;
};

Result<unsigned> ask(const ServiceUrl& url,
                     std::chrono::milliseconds patience = std::chrono::seconds(20)) {
  asio::io_context context(1);
  std::optional<Result<unsigned>> answer;
  asio::co_spawn(context,
                 post(url, "application/json", "{\"a\":1}\n", proto::Clock::now() + patience),
                 [&](const std::exception_ptr&, Result<unsigned> status) {
                   answer.emplace(std::move(status));
                 });
  context.run();
  return std::move(*answer);
}

TEST(Post, SendsTheRequestAndReadsTheStatus) {
  Service service("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nX: y\r\n\r\n");
  const auto status = ask(service.url());
  ASSERT_TRUE(status) << status.error();
  EXPECT_EQ(*status, 204U);
  EXPECT_THAT(service.asked(), testing::StartsWith("POST / HTTP/1.1\r\nHost: 127.0.0.1:"));
  EXPECT_THAT(service.asked(), HasSubstr("\r\nAuthorization: Basic dTpw\r\n"));
  EXPECT_THAT(service.asked(), HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(service.asked(), HasSubstr("\r\nContent-Length: 8\r\n"));
  EXPECT_THAT(service.asked(), testing::EndsWith("\r\n\r\n{\"a\":1}\n"));
}

TEST(Post, RefusesWhatIsNoAnswer) {
  const struct {
    std::string answer;
    Fault fault;
  } cases[] = {{"", Fault::closed},
               {"HTTP/1.1 200 OK\r\n", Fault::closed},
               {"220 mail.example ESMTP\r\n\r\n", Fault::protocol},
               {"HTTP/1.1 20 x\r\n\r\n", Fault::protocol},
               {"HTTP/1.1 2000\r\n\r\n", Fault::protocol},
               {"HTTP/2 200\r\n\r\n", Fault::protocol},
               {"HTTP/1.1 200 OK\r\nX: " + std::string(200'000, 'x'), Fault::protocol}};
  for (const auto& c : cases) {
    Service service(c.answer);
    const auto status = ask(service.url());
    ASSERT_FALSE(status) << c.answer.substr(0, 40);
    EXPECT_EQ(status.error().fault, c.fault) << c.answer.substr(0, 40);
  }
}

// It reads no CA certificates of its own.
TEST(Post, NeedsATlsContextForHttps) {
  asio::io_context context;
  tcp::acceptor silent(context, {asio::ip::make_address("127.0.0.1"), 0});
  const auto status =
      ask({.tls = true, .host = "127.0.0.1", .port = silent.local_endpoint().port()});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().fault, Fault::tls);
}

TEST(Post, HoldsItsDeadline) {
  asio::io_context context;
  tcp::acceptor silent(context, {asio::ip::make_address("127.0.0.1"), 0});
  const auto status = ask({.host = "127.0.0.1", .port = silent.local_endpoint().port()},
                          std::chrono::milliseconds(50));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().fault, Fault::timeout);
}

}  // namespace
}  // namespace postroad::http
