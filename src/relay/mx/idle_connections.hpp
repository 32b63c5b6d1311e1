// Connections to mail exchangers that have carried a message and wait for the next one: the
// greeting, EHLO and TLS are paid once for several messages. Not here: sending (mx_carrier.hpp).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/connection.hpp"
#include "relay/mx/address_rules.hpp"

namespace postroad::relay::mx {

/// How long a connection is used.
struct ReuseLimits {
  std::chrono::milliseconds idle{30'000};  ///< without a message
  std::chrono::milliseconds age{300'000};
  std::size_t connections = 1'000;  ///< idle ones in all: each has a descriptor
  std::size_t per_address = 20;     ///< idle ones to one address, whatever names its host has
  friend bool operator==(const ReuseLimits&, const ReuseLimits&) = default;
};

/// A connection, and what decides how long it is used.
struct Lease {
  std::unique_ptr<client::Connection> connection;
  std::chrono::steady_clock::time_point opened{};
};

/// Thread rule: the thread of the io_context, and any thread after it has ended.
class IdleConnections final {
 public:
  using Time = std::chrono::steady_clock::time_point;
  IdleConnections(boost::asio::io_context& context, ReuseLimits limits)
      : limits_(limits), sweeper_(context) {}
  IdleConnections(const IdleConnections&) = delete;
  IdleConnections& operator=(const IdleConnections&) = delete;
  ~IdleConnections() { clear(); }

  /// The connection that was used last with this key and one of these addresses, and that its peer
  /// has not closed; null: there is none. `key` names the host and the way TLS is used.
  std::unique_ptr<client::Connection> take(const std::string& key,
                                           const std::vector<Address>& addresses, Time now,
                                           Time& opened);
  /// Keeps the connection for the next message, or ends it with QUIT when it has carried `most`.
  void give_back(const std::string& key, Lease lease, std::size_t most, Time now);
  /// Ends those of a host that asked for fewer.
  void close(const std::string& key);
  void clear() { idle_.clear(); }
  [[nodiscard]] std::size_t size() const { return idle_.size(); }

 private:
  struct Idle {
    std::string key;
    Lease lease;
    Time since;
    std::optional<Address> peer;
  };
  [[nodiscard]] bool is_over(const Idle& one, Time now) const {
    return now - one.since >= limits_.idle || now - one.lease.opened >= limits_.age;
  }
  void sweep();

  ReuseLimits limits_;
  std::deque<Idle> idle_;  // the one that was used last is behind
  boost::asio::steady_timer sweeper_;
  bool is_sweeping_ = false;
};

}  // namespace postroad::relay::mx
