// A small HTTP endpoint for monitors: GET and HEAD of a few pages that a function makes. Bounded:
// so many connections, so many octets of a request, a deadline for each. Not here: what the pages
// say (daemon/metrics.hpp), TLS and passwords (it listens on loopback only).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace postroad::http {

struct Page {
  unsigned status = 200;  ///< HTTP status code
  std::string type = "text/plain; charset=utf-8";
  std::string text;
};

/// Makes the page of a path ("/metrics"). Called on the loop: it must be quick and must not throw.
using Pages = std::function<Page(std::string_view path)>;

/// Serves from its making to its end, on `loop`'s thread, which also destroys it.
class Endpoint final {
 public:
  Endpoint(boost::asio::io_context& loop, boost::asio::ip::tcp::acceptor acceptor, Pages pages);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  ~Endpoint();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace postroad::http
