// Parsing the address and binding its socket; see metrics_endpoint.hpp.
#include "daemon/metrics_endpoint.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptor.hpp"
#include "base/text.hpp"
#include "net/endpoint.hpp"
#include "net/stream.hpp"

namespace postroad::daemon {

using boost::asio::ip::tcp;

Result<boost::asio::ip::tcp::endpoint> metrics_endpoint(const std::string& text) {
  auto endpoint = net::parse_endpoint(text);
  if (endpoint && endpoint->address().is_loopback()) return endpoint;
  return fail(Fault::input, "metrics.listen",
              "'" + printable(text, 80) +
                  "' is not a loopback address with a port; use the form 127.0.0.1:9925 or "
                  "[::1]:9925");
}

Result<tcp::acceptor> metrics_socket(boost::asio::io_context& loop, const tcp::endpoint& endpoint,
                                     std::vector<int>& sockets) {
  boost::system::error_code error;
  tcp::acceptor acceptor(loop);
  for (auto at = sockets.begin(); at != sockets.end(); ++at) {
    tcp::endpoint bound;
    auto length = static_cast<socklen_t>(bound.capacity());
    if (::getsockname(*at, bound.data(), &length) != 0) continue;
    bound.resize(length);
    if (bound != endpoint) continue;
    const int descriptor = *at;
    sockets.erase(at);
    acceptor.assign(endpoint.protocol(), descriptor, error);
    if (!error && close_on_exec(descriptor)) return acceptor;
    if (error) ::close(descriptor);
    acceptor.close(error);
    break;
  }
  acceptor.open(endpoint.protocol(), error);
  if (!error) (void)close_on_exec(acceptor.native_handle());
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(16, error);
  if (error)
    return fail(Fault::busy, "metrics.listen",
                net::text_of(endpoint) + " cannot be listened on: " + error.message());
  return acceptor;
}

}  // namespace postroad::daemon
