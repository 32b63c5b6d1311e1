// Relay control: the policy over the directory, the networks and the senders. No open relay: a
// recipient is local, or the client logged in, or its network is listed; everything else gets
// 550 5.7.1.
#pragma once

#include <vector>

#include "net/network.hpp"
#include "relay/local/directory.hpp"
#include "relay/local/senders.hpp"
#include "relay/routes/route_table.hpp"
#include "server/policy.hpp"

namespace postroad::relay {

class Rules final : public server::SessionPolicy {
 public:
  struct Settings {
    std::vector<net::Network> clients;   ///< clients that are served; none: all
    std::vector<net::Network> networks;  ///< clients that may relay without a login
    const RouteTable* routes = nullptr;  ///< to other domains; null: there is none
    const Senders* senders = nullptr;    ///< reverse-paths that a login may use; null: any
  };
  /// `directory`, routes and senders outlive it.
  Rules(const Directory& directory, Settings settings)
      : directory_(directory), settings_(std::move(settings)) {}

  void connect(const server::SessionInfo& info, server::Answer answer) override;
  void mail(const server::SessionInfo& info, const smtp::Transaction& transaction,
            server::Answer answer) override;
  void rcpt(const server::SessionInfo& info, const smtp::Transaction& transaction,
            const Mailbox& recipient, server::Answer answer) override;
  void vrfy(const server::SessionInfo& info, std::string_view text, server::Answer answer) override;
  void expn(const server::SessionInfo& info, std::string_view text, server::Answer answer) override;

 private:
  [[nodiscard]] bool may_relay(const server::SessionInfo& info) const;
  [[nodiscard]] Reply on_rcpt(const server::SessionInfo& info, const Mailbox& sender,
                              const Mailbox& recipient) const;
  [[nodiscard]] Reply on_vrfy(const server::SessionInfo& info, std::string_view text) const;

  const Directory& directory_;
  Settings settings_;
};

}  // namespace postroad::relay
