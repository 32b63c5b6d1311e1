// The policy commands as the running server serves them over its control socket: what it remembers
// about the TLS of other servers.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "daemon/control_socket.hpp"
#include "observe/log.hpp"
#include "relay/delivery.hpp"

namespace postroad::daemon {

/// One fact per line, and one JSON object, for people and programs.
std::string policy_text(const relay::tls::PolicyFacts& facts);
std::string policy_json(const relay::tls::PolicyFacts& facts);

/// Thread rule: the loop's thread.
class PolicyService final {
 public:
  /// Both outlive it.
  PolicyService(const relay::Delivery& delivery, observe::Log& log)
      : delivery_(delivery), log_(log) {}

  /// `show text|json NAME …` and `purge NAME …`: domains and hosts, percent-encoded; `show` without
  /// names means all. The last line is `ok COUNT`, or `refused` and a sentence.
  boost::asio::awaitable<std::string> answer(std::string request, ControlPeer peer);

 private:
  const relay::Delivery& delivery_;
  observe::Log& log_;
};

}  // namespace postroad::daemon
