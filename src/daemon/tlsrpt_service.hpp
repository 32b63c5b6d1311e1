// The tlsrpt commands as the running server serves them over its control socket.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "daemon/control_socket.hpp"
#include "relay/delivery.hpp"

namespace postroad::daemon {

/// Thread rule: the loop's thread.
class TlsrptService final {
 public:
  /// Both outlive it.
  TlsrptService(const relay::Delivery& delivery, std::function<relay::tlsrpt::Submitter()> from)
      : delivery_(delivery), from_(std::move(from)) {}

  /// `show text|json DOMAIN …`, percent-encoded, without names all; `send text|json`. The last line
  /// is `ok COUNT`, or `refused` and a sentence.
  boost::asio::awaitable<std::string> answer(std::string request, ControlPeer peer);

 private:
  boost::asio::awaitable<std::string> show(std::vector<std::string> names, bool as_json,
                                           ControlPeer peer);
  boost::asio::awaitable<std::string> send(bool as_json, ControlPeer peer);
  const relay::Delivery& delivery_;
  const std::function<relay::tlsrpt::Submitter()> from_;
};

}  // namespace postroad::daemon
