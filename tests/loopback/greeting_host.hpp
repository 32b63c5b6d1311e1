// Hosts that do not serve as they should; they listen beside a test server, at another loopback
// address.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
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
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void accept() {
    acceptor_.async_accept(
        [this](boost::system::error_code error, boost::asio::ip::tcp::socket socket) {
          if (error) return;
          ++connections_;
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
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

/// Serves SMTP one session after the other. It offers STARTTLS and then speaks no TLS.
class BrokenTlsHost {
 public:
  BrokenTlsHost(const std::string& address, std::uint16_t port)
      : acceptor_(context_, {boost::asio::ip::make_address(address), port}),
        thread_([this] { run(); }) {}
  BrokenTlsHost(const BrokenTlsHost&) = delete;
  BrokenTlsHost& operator=(const BrokenTlsHost&) = delete;
  ~BrokenTlsHost() {
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    thread_.join();
  }
  /// Messages that came without TLS.
  [[nodiscard]] int messages() const { return messages_; }

 private:
  using Socket = boost::asio::ip::tcp::socket;
  void run() {
    for (;;) {
      boost::system::error_code error;
      Socket socket(context_);
      acceptor_.accept(socket, error);
      if (error) return;
      serve(socket);
    }
  }
  static bool say(Socket& socket, const std::string& text) {
    boost::system::error_code error;
    boost::asio::write(socket, boost::asio::buffer(text), error);
    return !error;
  }
  void serve(Socket& socket) {
    std::string input;
    bool is_data = false;
    bool goes_on = say(socket, "220 broken.example\r\n");
    while (goes_on) {
      boost::system::error_code error;
      const auto length =
          boost::asio::read_until(socket, boost::asio::dynamic_buffer(input), "\r\n", error);
      if (error) return;
      const auto line = input.substr(0, length - 2);
      input.erase(0, length);
      if (is_data) {
        if (line != ".") continue;
        is_data = false;
        ++messages_;
        goes_on = say(socket, "250 2.0.0 kept\r\n");
      } else if (line.starts_with("EHLO")) {
        goes_on = say(socket, "250-broken.example\r\n250 STARTTLS\r\n");
      } else if (line == "STARTTLS") {
        say(socket, "220 go\r\nthis is not TLS\r\n");
        return;
      } else if (line == "DATA") {
        is_data = true;
        goes_on = say(socket, "354 go\r\n");
      } else {
        goes_on = say(socket, "250 2.0.0 ok\r\n") && line != "QUIT";
      }
    }
  }

  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::atomic<int> messages_ = 0;
  std::thread thread_;
};

}  // namespace postroad
