// Who may send what to whom: the server's Policy over the directory, the networks and the users. No
// open relay: a mail is for a local recipient, or from a user who logged in, or from a listed
// network; everything else is 550 5.7.1.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "relay/directory.hpp"
#include "server/hooks.hpp"
#include "server/users.hpp"

namespace postroad::relay {

/// An address range "192.0.2.0/24", "2001:db8::/32" or a single address.
class Network final {
 public:
  static Result<Network> parse(std::string_view text);
  /// `peer` as "[192.0.2.1]:25" or "192.0.2.1"; an IPv4 address mapped into IPv6 counts as IPv4.
  [[nodiscard]] bool contains(std::string_view peer) const;

 private:
  std::string octets_;
  unsigned bits_ = 0;
};

class Rules final : public server::Policy {
 public:
  struct Settings {
    std::vector<Network> networks;  ///< whose mail is relayed without login
    bool has_route = false;         ///< mail for elsewhere can be carried on (a smarthost is set)
    const server::Users* users = nullptr;
  };
  /// `directory` and the users outlive it.
  Rules(const Directory& directory, Settings settings)
      : directory_(directory), settings_(std::move(settings)) {}

  Reply rcpt(const server::SessionFacts& facts, const smtp::Transaction& transaction,
             const Mailbox& recipient) override;
  Reply vrfy(const server::SessionFacts& facts, std::string_view text) override;
  Reply expn(const server::SessionFacts& facts, std::string_view text) override;
  bool check_login(const std::string& user, const Secret& password) override;

 private:
  [[nodiscard]] bool may_relay(const server::SessionFacts& facts) const;
  const Directory& directory_;
  Settings settings_;
};

}  // namespace postroad::relay
