// Binding, inheriting and sharing of ports; see listeners.hpp.
#include "server/listeners.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/v6_only.hpp>
#include <utility>

#include "base/descriptor.hpp"

namespace postroad::server {

namespace asio = boost::asio;

namespace {

constexpr int backlog = 1024;
using reuse_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

Error bind_error(const tcp::endpoint& endpoint, const boost::system::error_code& error) {
  const auto place = net::text_of(endpoint);
  if (error == asio::error::address_in_use) {
    return fail(Fault::busy, place,
                "the port is in use: another server listens there; stop it or choose another port");
  }
  if (error == asio::error::access_denied) {
    return fail(Fault::io, place,
                "only root may bind a port below 1024 (a running server has given up that right); "
                "choose another port, or restart as root");
  }
  return fail(Fault::io, place, "cannot listen: " + error.message());
}

boost::system::error_code bind(tcp::acceptor& acceptor, const tcp::endpoint& endpoint,
                               bool shared) {
  boost::system::error_code error;
  acceptor.close(error);
  acceptor.open(endpoint.protocol(), error);
  if (!error) (void)close_on_exec(acceptor.native_handle());
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && shared) acceptor.set_option(reuse_port(true), error);
  if (!error && endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(backlog, error);
  return error;
}

}  // namespace

void Listeners::inherit(const std::vector<int>& descriptors) {
  for (const int descriptor : descriptors) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    const bool is_socket =
        ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) == 0;
    if (!is_socket || (address.ss_family != AF_INET && address.ss_family != AF_INET6) ||
        !close_on_exec(descriptor)) {
      ::close(descriptor);
      continue;
    }
    const auto protocol = address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4();
    boost::system::error_code error;
    tcp::acceptor acceptor(context_);
    acceptor.assign(protocol, descriptor, error);
    if (error) {
      ::close(descriptor);
    } else {
      inherited_.push_back(std::move(acceptor));
    }
  }
}

// The socket that is bound to that endpoint; for port 0, any remaining one with its address.
std::optional<tcp::acceptor> Listeners::take_inherited(const tcp::endpoint& endpoint) {
  for (auto at = inherited_.begin(); at != inherited_.end(); ++at) {
    const auto bound = at->local_endpoint();
    if (bound.address() != endpoint.address()) continue;
    if (endpoint.port() != 0 && bound.port() != endpoint.port()) continue;
    auto found = std::move(*at);
    inherited_.erase(at);
    return found;
  }
  return std::nullopt;
}

// Lets another socket of this process listen on the port of a socket with another address; false:
// there is no such socket, or this address is in use.
bool Listeners::share_port(const tcp::endpoint& endpoint) {
  bool found = false;
  bool is_taken = false;
  const auto share = [&](tcp::acceptor& acceptor) {
    boost::system::error_code error;
    const auto bound = acceptor.local_endpoint(error);
    if (error || bound.port() != endpoint.port()) return;
    is_taken = is_taken || bound == endpoint;
    if (is_taken) return;
    acceptor.set_option(reuse_port(true), error);
    found = found || !error;
  };
  for (auto& listener : all) share(listener->acceptor);
  for (auto& acceptor : inherited_) share(acceptor);
  return found && !is_taken;
}

Result<std::shared_ptr<Listener>> Listeners::open(ListenerSettings settings) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(settings.address, error);
  if (error)
    return fail(Fault::input, settings.address,
                "not an IP address; a listener binds 127.0.0.1, 0.0.0.0, ::1 or another address of "
                "this machine");
  const tcp::endpoint endpoint(address, settings.port);
  auto acceptor = take_inherited(endpoint);
  if (!acceptor) {
    acceptor.emplace(context_);
    error = bind(*acceptor, endpoint, false);
    // 0.0.0.0:25 replaces 127.0.0.1:25, which is still open: both share the port.
    if (error == asio::error::address_in_use && share_port(endpoint))
      error = bind(*acceptor, endpoint, true);
    if (error) return bind_error(endpoint, error);
  }
  const auto asked = std::exchange(settings.port, acceptor->local_endpoint().port());
  settings.name = net::text_of({address, settings.port});
  return std::make_shared<Listener>(Listener{
      asked, std::make_shared<const ListenerSettings>(std::move(settings)), std::move(*acceptor)});
}

std::vector<std::string> Listeners::close_unused() {
  std::vector<std::string> names;
  for (auto& acceptor : inherited_) names.push_back(net::text_of(acceptor.local_endpoint()));
  inherited_.clear();
  return names;
}

}  // namespace postroad::server
