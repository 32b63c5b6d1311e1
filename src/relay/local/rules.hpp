// Who may send what to whom: the server's Policy over the directory, the networks and the users. No
// open relay: a mail is for a local recipient, or from a user who logged in, or from a listed
// network; everything else is 550 5.7.1.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/network.hpp"
#include "relay/local/directory.hpp"
#include "relay/local/senders.hpp"
#include "server/hooks.hpp"
#include "server/users.hpp"

namespace postroad::relay {

class Rules final : public server::Policy {
 public:
  struct Settings {
    std::vector<net::Network> clients;   ///< who is served at all; none: everybody
    std::vector<net::Network> networks;  ///< whose mail is relayed without login
    bool has_route = false;  ///< mail for elsewhere can be carried on (a smarthost is set)
    const server::Users* users = nullptr;
    /// Asked about users that `users` does not know, with the client's address; may be empty.
    std::function<server::LoginVerdict(const sasl::Credentials&, std::string_view)> login_backend{};
    const Senders* senders = nullptr;  ///< whom a login may name at MAIL; null: anybody
  };
  /// `directory`, the users and the senders outlive it.
  Rules(const Directory& directory, Settings settings)
      : directory_(directory), settings_(std::move(settings)) {}

  Reply connect(const server::SessionFacts& facts) override;
  Reply mail(const server::SessionFacts& facts, const smtp::Transaction& transaction) override;
  Reply rcpt(const server::SessionFacts& facts, const smtp::Transaction& transaction,
             const Mailbox& recipient) override;
  Reply vrfy(const server::SessionFacts& facts, std::string_view text) override;
  Reply expn(const server::SessionFacts& facts, std::string_view text) override;
  server::LoginVerdict check_login(const server::SessionFacts& facts,
                                   const sasl::Credentials& credentials) override;
  sasl::Keys keys(std::string_view user, std::string_view mechanism) override;

 private:
  [[nodiscard]] bool may_relay(const server::SessionFacts& facts) const;
  const Directory& directory_;
  Settings settings_;
};

}  // namespace postroad::relay
