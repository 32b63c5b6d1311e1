// The endpoint's connections whose page throws. Not here: requests and answers (page_test.cpp).
#include "http/endpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <stdexcept>
#include <string>
#include <thread>

#include "observe/sinks.hpp"

namespace postroad::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using testing::StartsWith;

// The whole answer; empty if the connection was closed without one.
std::string get(const tcp::endpoint& server, const std::string& path) {
  asio::io_context context;
  tcp::socket socket(context);
  boost::system::error_code ended;
  socket.connect(server, ended);
  asio::write(socket, asio::buffer("GET " + path + " HTTP/1.1\r\n\r\n"), ended);
  std::string answer;
  asio::read(socket, asio::dynamic_buffer(answer), ended);
  return answer;
}

Page throwing_page(std::string_view path) {
  if (path == "/number") throw 7;
  if (path == "/bad") throw std::runtime_error("no page today");
  return {.text = "ok\n"};
}

TEST(Endpoint, AnExceptionOfOneConnectionIsLoggedAndEndsNoOther) {
  const auto sink = std::make_shared<observe::CaptureSink>();
  observe::Log log;
  log.add_sink(sink);
  asio::io_context loop(1);
  tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), 0});
  const auto address = acceptor.local_endpoint();
  const Endpoint endpoint(loop, std::move(acceptor), throwing_page, log);
  std::thread client([&] {
    EXPECT_EQ(get(address, "/bad"), "");
    EXPECT_EQ(get(address, "/number"), "");
    EXPECT_THAT(get(address, "/"), StartsWith("HTTP/1.1 200 "));
    loop.stop();
  });
  loop.run();
  client.join();
  const auto records = sink->records();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].kind->name, "task.failed");
  EXPECT_EQ(records[0].text,
            "a connection of metrics.listen was ended by an exception: no page today");
  EXPECT_EQ(records[1].fields.at("reason"), "unknown exception");
}

}  // namespace
}  // namespace postroad::http
