// All that a reload replaces, read and checked whole before any of it is used: settings, users,
// aliases, rules, certificates, limits. Sessions and batches that are under way keep the old one.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "daemon/settings.hpp"
#include "http/login_check.hpp"
#include "relay/delivery.hpp"
#include "relay/local/rules.hpp"
#include "server/users.hpp"

namespace postroad::daemon {

struct Configuration {
  Settings settings;
  std::optional<server::Users> users;
  std::optional<http::LoginCheck> login_backend;  // the rules refer to it
  std::optional<relay::Directory> directory;
  std::optional<relay::Senders> senders;
  std::deque<relay::Rules> rules;                        // one a listener; refer to the above
  std::vector<std::optional<net::TlsContext>> tls;       // likewise
  std::vector<std::vector<net::Network>> proxies;        // likewise: who sends a PROXY header
  std::vector<std::vector<net::Network>> xclient_peers;  // likewise: who may use XCLIENT
  server::GuardSettings guard;

  /// Error: Fault::input, Fault::tls, Fault::io: the first thing that is wrong.
  static Result<std::shared_ptr<Configuration>> make(Settings settings);
  /// What each listener is to be; they keep the configuration alive.
  static std::vector<server::ListenerSettings> listeners(
      const std::shared_ptr<Configuration>& configuration);
  static std::shared_ptr<const relay::Directory> directory_of(
      const std::shared_ptr<Configuration>& configuration) {
    return {configuration, &*configuration->directory};
  }
  [[nodiscard]] relay::DeliverySettings delivery() const;
};

}  // namespace postroad::daemon
