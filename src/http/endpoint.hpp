// A small HTTP endpoint for monitors: GET and HEAD of a few pages that a function makes. Bounded:
// the number of connections, the bytes of a request, the time of each. Not here: the content of the
// pages (daemon/metrics.hpp), TLS and passwords (it listens on loopback only).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "http/page.hpp"
#include "observe/log.hpp"

namespace postroad::http {

/// Serves from its construction to its destruction, on `loop`'s thread, which also destroys it.
class Endpoint final {
 public:
  /// `log` receives the exceptions of its connections, those of `pages` included.
  Endpoint(boost::asio::io_context& loop, boost::asio::ip::tcp::acceptor acceptor, Pages pages,
           observe::Log& log);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  ~Endpoint();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace postroad::http
