// State of the main thread's loop: internal to daemon.cpp and daemon_loop.cpp.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include "daemon/daemon.hpp"

namespace postroad::daemon {

struct Daemon::Loop {
  boost::asio::io_context context{1};
  boost::asio::posix::stream_descriptor signals{context};
  boost::asio::steady_timer clock{context};
  std::optional<boost::asio::ip::tcp::acceptor> metrics_socket;
  std::unique_ptr<http::Endpoint> endpoint;
  std::unique_ptr<ControlSocket> control;
  std::string why;  // why it ends
};

}  // namespace postroad::daemon
