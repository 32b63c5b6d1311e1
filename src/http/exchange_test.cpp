// One exchange with a service that the test plays: which answers are read, and which are refused.
#include "http/exchange.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>

namespace postroad::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

const std::string the_request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

struct ScriptedService {
  std::vector<std::string> pieces;  // of the answer, written one by one
  bool closes = true;
};

struct Exchanged {
  Result<Answer> answer = fail(Fault::busy, "the test", "no answer");
  std::string asked;
};

asio::awaitable<void> serve(net::Stream& stream, const ScriptedService& service, std::string& asked,
                            proto::Time until) {
  char part[512];
  while (asked.size() < the_request.size()) {
    const auto count = co_await stream.read(part, until);
    if (!count || *count == 0) co_return;
    asked.append(part, *count);
  }
  for (std::string_view rest : service.pieces) {
    while (!rest.empty()) {
      const auto count = co_await stream.write(rest, until);
      if (!count) co_return;
      rest.remove_prefix(*count);
    }
  }
  if (service.closes) co_await stream.finish(until);
}

Exchanged exchange_with(const ScriptedService& service, std::size_t most,
                        std::chrono::milliseconds patience = 20s) {
  asio::io_context context(1);
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  tcp::socket socket(context);
  socket.connect(acceptor.local_endpoint());
  net::Stream ours(std::move(socket));
  net::Stream theirs(acceptor.accept());
  const auto now = proto::Clock::now();
  Exchanged made;
  const auto as_client = [&]() -> asio::awaitable<void> {
    made.answer = co_await exchange(ours, the_request, most, now + patience);
    ours.close();
    theirs.interrupt();
  };
  asio::co_spawn(context, as_client(), asio::detached);
  asio::co_spawn(context, serve(theirs, service, made.asked, now + 20s), asio::detached);
  context.run();
  return made;
}

std::vector<std::string> bytes_of(const std::string& text) {
  std::vector<std::string> bytes;
  for (const char c : text) bytes.emplace_back(1, c);
  return bytes;
}

std::string with_length(std::size_t length) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string until_close = "HTTP/1.1 200 OK\r\n\r\n";
const std::string interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";

TEST(Exchange, ReadsTheAnswer) {
  const struct {
    std::string answer;
    unsigned status;
    std::string body;
  } rows[] = {
      {with_length(10) + "0123456789", 200, "0123456789"},
      {with_length(2) + "0123456789", 200, "01"},
      {with_length(0), 200, ""},
      {chunked + "4\r\n0123\r\n6;x=y\r\n456789\r\n0\r\n\r\n", 200, "0123456789"},
      {chunked + "1\r\n0\r\n0\r\nTrailer: x\r\n\r\n", 200, "0"},
      {until_close + "0123456789", 200, "0123456789"},
      {until_close, 200, ""},
      {"HTTP/1.0 200 OK\r\n\r\n01", 200, "01"},
      {"HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
      {"HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\n0", 404, "0"},
      {interim + "HTTP/1.1 100 Continue\r\n\r\n" + with_length(1) + "0", 200, "0"},
  };
  for (const auto& row : rows) {
    for (const auto& pieces : {std::vector{row.answer}, bytes_of(row.answer)}) {
      const auto made = exchange_with({pieces}, 10);
      ASSERT_TRUE(made.answer) << row.answer << made.answer.error();
      EXPECT_EQ(made.answer->status, row.status) << row.answer;
      EXPECT_EQ(made.answer->body, row.body) << row.answer;
      EXPECT_EQ(made.asked, the_request);
    }
  }
}

TEST(Exchange, TheTypeHasNoParameters) {
  const std::pair<std::string, std::string> rows[] = {
      {"", ""},
      {"Content-Type: text/plain\r\n", "text/plain"},
      {"content-type: Text/PLAIN; charset=utf-8\r\n", "text/plain"},
      {"Content-Type: text/html;x=text/plain\r\n", "text/html"},
  };
  for (const auto& [field, type] : rows) {
    const auto made =
        exchange_with({{"HTTP/1.1 200 OK\r\n" + field + "Content-Length: 0\r\n\r\n"}}, 10);
    ASSERT_TRUE(made.answer) << made.answer.error();
    EXPECT_EQ(made.answer->type, type) << field;
  }
}

TEST(Exchange, RefusesWhatIsNoAnswer) {
  std::string many_interim;
  for (int i = 0; i < 10; ++i) many_interim += interim;
  const struct {
    std::string answer;
    Fault fault;
    std::string detail;
  } rows[] = {
      {with_length(11) + "01234567890", Fault::protocol, "the answer is longer than allowed"},
      {with_length(11), Fault::protocol, "the answer is longer than allowed"},
      {chunked + "b\r\n01234567890\r\n0\r\n\r\n", Fault::protocol,
       "the answer is longer than allowed"},
      {chunked + "9\r\n012345678\r\n2\r\n90\r\n0\r\n\r\n", Fault::protocol,
       "the answer is longer than allowed"},
      {until_close + "01234567890", Fault::protocol, "the answer is longer than allowed"},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(200'000, 'x'), Fault::protocol,
       "the header of the answer has no end"},
      {"220 mail.example ESMTP\r\n\r\n", Fault::protocol, "the answer is not HTTP/1.1"},
      {"HTTP/2 200\r\n\r\n", Fault::protocol, "the answer is not HTTP/1.1"},
      {chunked + "x\r\n", Fault::protocol, "the answer is not HTTP/1.1"},
      {many_interim + with_length(0), Fault::protocol,
       "the service sends interim answers without an end"},
      {"", Fault::closed, "the service closed the connection"},
      {interim, Fault::closed, "the service closed the connection"},
      {"HTTP/1.1 200 OK\r\n", Fault::closed, "the service closed the connection"},
      {with_length(10) + "012345678", Fault::closed, "the service closed the connection"},
      {chunked + "4\r\n0123\r\n", Fault::closed, "the service closed the connection"},
  };
  for (const auto& row : rows) {
    const auto made = exchange_with({{row.answer}}, 10);
    ASSERT_FALSE(made.answer) << row.answer.substr(0, 80);
    EXPECT_EQ(made.answer.error().fault, row.fault) << row.answer.substr(0, 80);
    EXPECT_EQ(made.answer.error().detail, row.detail) << row.answer.substr(0, 80);
  }
}

TEST(Exchange, WaitsForNoBodyThatIsNotWanted) {
  for (const auto& answer : {with_length(1'000'000'000), chunked, until_close}) {
    const auto made = exchange_with({{answer}, false}, 0);
    ASSERT_TRUE(made.answer) << answer << made.answer.error();
    EXPECT_EQ(made.answer->status, 200U) << answer;
    EXPECT_EQ(made.answer->body, "") << answer;
  }
}

TEST(Exchange, HasALimitForLinesOfChunksAndTrailers) {
  const std::string header = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string endless(200'000, 'a');
  for (const auto& body : {"1;" + endless, "0\r\n" + endless, "0\r\nX: " + endless}) {
    const auto made = exchange_with({{header + body}}, 1000);
    ASSERT_FALSE(made.answer);
    EXPECT_EQ(made.answer.error().fault, Fault::protocol) << made.answer.error().text();
  }
}

TEST(Exchange, HoldsItsDeadline) {
  for (const auto& pieces : {std::vector<std::string>{}, {interim}, {with_length(2), "0"}}) {
    const auto made = exchange_with({pieces, false}, 10, 50ms);
    ASSERT_FALSE(made.answer);
    EXPECT_EQ(made.answer.error().fault, Fault::timeout);
  }
}

TEST(HostField, HasThePortUnlessItIsTheUsualOne) {
  EXPECT_EQ(host_field("example.org", 443, 443), "example.org");
  EXPECT_EQ(host_field("example.org", 8443, 443), "example.org:8443");
  EXPECT_EQ(host_field("2001:db8::1", 443, 443), "[2001:db8::1]");
  EXPECT_EQ(host_field("2001:db8::1", 80, 443), "[2001:db8::1]:80");
}

}  // namespace
}  // namespace postroad::http
