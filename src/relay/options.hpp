// The options of local addresses, senders and delivery, each struct with its declaration. Not here:
// their meaning (local/directory.hpp, local/senders.hpp, delivery.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <postroad/secret.hpp>
#include <string>
#include <vector>

#include "config/option.hpp"
#include "queue/settlement.hpp"
#include "relay/local/directory.hpp"

namespace postroad::relay {

struct DeliverySettings;

/// `[local]`.
struct LocalConfig {
  std::vector<std::string> domains;
  std::vector<std::string> mailboxes;
  std::vector<std::string> aliases;
  std::string catch_all;
  std::string plus = "+";

  static config::Section<LocalConfig> declare();
  [[nodiscard]] DirectorySettings directory() const;
};

/// `[submission]`.
struct SubmissionConfig {
  std::vector<std::string> senders;

  static config::Section<SubmissionConfig> declare();
};

enum class Destination : std::uint8_t { maildir, discard };

/// `[delivery]`.
struct DeliveryConfig {
  Destination local = Destination::maildir;
  std::vector<std::string> networks;
  std::string smarthost;
  std::string smarthost_user;
  std::filesystem::path smarthost_ca_file;
  std::vector<std::string> smarthost_ignores;
  Secret smarthost_password;
  config::Duration initial_retry_delay{std::chrono::minutes(1)};
  config::Duration max_retry_delay{std::chrono::hours(4)};
  config::Duration lifetime{std::chrono::days(5)};
  queue::OnUnknown on_unknown = queue::OnUnknown::retry;
  unsigned connections = 10;

  static config::Section<DeliveryConfig> declare();
  /// `hostname` is this server's own name.
  [[nodiscard]] DeliverySettings settings(const std::string& hostname) const;
};

}  // namespace postroad::relay
