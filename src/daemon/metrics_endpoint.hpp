// The address of metrics.listen, and its socket.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <postroad/result.hpp>
#include <string>
#include <vector>

namespace postroad::daemon {

/// From "127.0.0.1:9925" or "[::1]:9925"; loopback only. Error: Fault::input.
Result<boost::asio::ip::tcp::endpoint> metrics_endpoint(const std::string& text);
/// A listening socket for it: the one of `sockets` that is bound there, which is then removed from
/// them, or a new one. Error: Fault::busy.
Result<boost::asio::ip::tcp::acceptor> metrics_socket(
    boost::asio::io_context& loop, const boost::asio::ip::tcp::endpoint& endpoint,
    std::vector<int>& sockets);

}  // namespace postroad::daemon
