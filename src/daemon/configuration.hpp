// All that a reload replaces, made as a whole before any of it is used: settings, users, aliases,
// rules, certificates, limits. Sessions and delivery attempts in progress keep the old one.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "daemon/problems.hpp"
#include "daemon/settings.hpp"
#include "http/login_check.hpp"
#include "http/login_turns.hpp"
#include "net/tls.hpp"
#include "observe/log.hpp"
#include "relay/delivery.hpp"
#include "relay/local/rules.hpp"
#include "server/login_workers.hpp"
#include "server/server.hpp"
#include "server/users.hpp"

namespace postroad::daemon {

/// Shared by all login checks; outlives every configuration.
struct LoginServices {
  observe::Log& log;                   ///< of checks that end by an exception
  server::LoginWorkers derivation{1};  ///< threads for passwords of the users file
  http::LoginTurns backend{};          ///< server.login_command, server.login_url
};

struct Configuration {
  Settings settings;
  std::optional<server::Users> users;
  std::optional<http::LoginCheck> login_backend;
  std::optional<relay::Directory> directory;
  std::optional<relay::Senders> senders;
  std::optional<relay::RouteTable> routes;
  std::shared_ptr<const relay::DkimKeys> dkim;
  std::deque<relay::Rules> rules;                        // one per listener; refer to the above
  std::vector<std::optional<net::TlsContext>> tls;       // one per listener
  std::vector<std::vector<net::Network>> proxies;        // clients that send a PROXY header
  std::vector<std::vector<net::Network>> xclient_peers;  // clients that may use XCLIENT
  server::GuardSettings guard;

  /// Reports every problem of the settings and of the files that they name. The result can be used
  /// by a server when no error was reported; otherwise its parts without an error can be inspected.
  static std::shared_ptr<Configuration> make(Settings settings, Problems& problems);
  /// The settings of each listener; they keep the configuration alive.
  static std::vector<server::ListenerSettings> listeners(
      const std::shared_ptr<Configuration>& configuration, LoginServices& services);
  static std::shared_ptr<const relay::Directory> directory_of(
      const std::shared_ptr<Configuration>& configuration) {
    return {configuration, &*configuration->directory};
  }
  [[nodiscard]] relay::DeliverySettings delivery() const;

 private:
  void add_listener(std::size_t index, const std::vector<net::Network>& relayed,
                    Problems& problems);
};

}  // namespace postroad::daemon
