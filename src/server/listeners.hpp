// The listening sockets of a server: bound here, or opened by another process and taken over.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "server/session.hpp"

namespace postroad::server {

struct Listener {
  std::uint16_t asked;  ///< the port as it was configured: 0 if the kernel chose
  /// Touched by the accepting thread alone, once that runs.
  std::shared_ptr<const ListenerSettings> settings;
  tcp::acceptor acceptor;
};

/// Not thread-safe: only the thread that calls the server's own functions changes the list.
class Listeners final {
 public:
  /// The sockets live on `context`, which outlives this.
  explicit Listeners(boost::asio::io_context& context) : context_(context) {}

  /// Takes over listening sockets of another process; `open` uses the one that is bound to its
  /// address.
  void inherit(const std::vector<int>& descriptors);
  /// Closes the inherited sockets that no listener uses, and returns their addresses.
  std::vector<std::string> close_unused();
  /// Binds and listens; the listener is not in the list yet. Error: Fault::busy (the port is in
  /// use), Fault::input, Fault::io.
  [[nodiscard]] Result<std::shared_ptr<Listener>> open(ListenerSettings settings);

  std::vector<std::shared_ptr<Listener>> all;

 private:
  std::optional<tcp::acceptor> take_inherited(const tcp::endpoint& endpoint);
  bool share_port(const tcp::endpoint& endpoint);

  boost::asio::io_context& context_;
  std::vector<tcp::acceptor> inherited_;
};

}  // namespace postroad::server
