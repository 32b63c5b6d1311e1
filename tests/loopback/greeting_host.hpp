// A host that does not serve: it listens beside a test server, at another loopback address.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace postroad {

/// Each connection gets `greeting` and is closed at once; an empty one keeps it open without a
/// word.
class GreetingHost {
 public:
  GreetingHost(const std::string& address, std::uint16_t port, std::string greeting)
      : acceptor_(context_, {boost::asio::ip::make_address(address), port}),
        greeting_(std::move(greeting)) {
    accept();
    thread_ = std::thread([this] { context_.run(); });
  }
  GreetingHost(const GreetingHost&) = delete;
  GreetingHost& operator=(const GreetingHost&) = delete;
  ~GreetingHost() {
    context_.stop();
    thread_.join();
  }

 private:
  void accept() {
    acceptor_.async_accept(
        [this](boost::system::error_code error, boost::asio::ip::tcp::socket socket) {
          if (error) return;
          boost::system::error_code ignored;
          if (!greeting_.empty())
            boost::asio::write(socket, boost::asio::buffer(greeting_), ignored);
          if (greeting_.empty()) silent_.push_back(std::move(socket));
          accept();
        });
  }

  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::string greeting_;
  std::vector<boost::asio::ip::tcp::socket> silent_;
  std::thread thread_;
};

}  // namespace postroad
