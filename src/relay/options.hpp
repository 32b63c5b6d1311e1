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
#include "dns/unbound_resolver.hpp"
#include "queue/settlement.hpp"
#include "relay/local/directory.hpp"
#include "relay/mx/mx_carrier.hpp"
#include "relay/reports/spool_reporter.hpp"
#include "relay/routes/route_table.hpp"
#include "relay/routes/ways.hpp"
#include "relay/tlsrpt/reporter.hpp"

namespace postroad::relay {

struct DeliverySettings;

/// `[mx]`.
struct MxConfig {
  enum class Families : std::uint8_t { both, ipv4, ipv6 };
  bool enabled = false;
  std::uint16_t port = 25;
  Families families = Families::both;
  std::vector<std::string> allow_networks;
  std::vector<std::string> own_names;
  std::vector<std::string> own_addresses;
  unsigned connections = 20;
  unsigned initial_connections = 2;
  unsigned failures = 3;
  Rate rate{};
  unsigned messages_per_connection = 100;
  unsigned recipients = 100;
  config::Duration idle{std::chrono::seconds(30)};
  unsigned addresses = 5;
  unsigned sessions = 2;
  config::Duration connect_timeout{std::chrono::seconds(30)};
  config::Duration greeting_timeout{std::chrono::minutes(5)};
  config::Duration reply_timeout{std::chrono::minutes(5)};
  config::Duration dot_timeout{std::chrono::minutes(10)};

  static config::Section<MxConfig> declare();
  /// Without groups. `hostname` is this server's own name. Networks that cannot be parsed are left
  /// out: they have been reported.
  [[nodiscard]] mx::MxSettings settings(const std::string& hostname) const;
};

/// `[tls_out]`: TLS of the sessions with mail exchangers.
struct TlsOutConfig {
  tls::Level level = tls::Level::opportunistic;
  bool dane = true;
  bool mta_sts = true;
  std::filesystem::path ca_file;
  std::uint16_t sts_port = 443;
  config::Duration sts_timeout{std::chrono::minutes(1)};
  config::Duration sts_pause{std::chrono::minutes(5)};
  config::Duration failed_memory{std::chrono::hours(24)};

  static config::Section<TlsOutConfig> declare();
  /// `data`: the data folder.
  [[nodiscard]] tls::TlsSettings settings(const std::filesystem::path& data) const;
};

/// `[[source]]`.
struct SourceConfig {
  std::string name;
  std::vector<std::string> addresses;
  std::string helo_name;
  unsigned weight = 1;

  static config::Section<SourceConfig> declare();
  /// Error: Fault::input with the option in `where`: "name" or "addresses".
  [[nodiscard]] Result<mx::Source> source() const;
};

/// `[[destination]]`.
struct DestinationConfig {
  enum class DestinationTls : std::uint8_t { as_tls_out, opportunistic, required, verify };
  std::string name;
  std::vector<std::string> match;
  unsigned connections = 0;
  unsigned initial_connections = 0;
  unsigned failures = 0;
  Rate rate{};
  unsigned messages_per_connection = 0;
  unsigned recipients = 0;
  DestinationTls tls = DestinationTls::as_tls_out;

  static config::Section<DestinationConfig> declare();
  /// The name is a word that no host has. Error: Fault::input.
  [[nodiscard]] Result<void> check_name() const;
  /// Error: Fault::input with the entry of `match` that has none of its forms.
  [[nodiscard]] Result<mx::MxGroup> group() const;
};

/// `[[reply]]`.
struct ReplyConfig {
  std::string name;
  std::vector<std::string> hosts;
  std::vector<std::string> codes;
  std::vector<std::string> text;
  mx::ReplyRule::Action action = mx::ReplyRule::Action::none;
  config::Duration pause{0};
  unsigned after = 1;

  static config::Section<ReplyConfig> declare();
  [[nodiscard]] mx::ReplyRule rule() const {
    return {name, hosts, codes, text, action, pause, after};
  }
};

/// `[resolver]`.
struct ResolverConfig {
  std::vector<std::string> servers;
  std::filesystem::path trust_anchor_file;
  config::Duration name_timeout{std::chrono::seconds(10)};
  config::Duration search_timeout{std::chrono::seconds(30)};

  static config::Section<ResolverConfig> declare();
  /// Error: Fault::input for a server that is not an address with a port.
  [[nodiscard]] Result<dns::UnboundOptions> options() const;
  [[nodiscard]] mx::FindTimes times() const { return {name_timeout, search_timeout}; }
};

/// `[[route]]`.
struct RouteConfig {
  std::vector<std::string> domains;
  std::vector<std::string> senders;
  std::vector<std::string> logins;
  std::string via;
  std::string user;
  Secret password;
  std::filesystem::path ca_file;
  std::vector<std::string> ignores;
  unsigned connections = 10;

  static config::Section<RouteConfig> declare();
  [[nodiscard]] bool is_mx() const { return via == "mx"; }
  [[nodiscard]] RouteMatch match() const { return {domains, senders, logins}; }
  /// For a route to a host. `name` is that of the table, "route.0", for errors.
  [[nodiscard]] HostWay way(const std::string& hostname, const std::string& name) const;
};

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

/// `[retry]`.
struct RetryConfig {
  config::Duration initial_delay{std::chrono::minutes(1)};
  config::Duration first_day_max_delay{std::chrono::hours(1)};
  config::Duration max_delay{std::chrono::hours(4)};
  config::Duration lifetime{std::chrono::days(5)};
  queue::OnUnknown unknown = queue::OnUnknown::retry;

  static config::Section<RetryConfig> declare();
  [[nodiscard]] queue::SettlementPolicy policy(std::chrono::milliseconds bounce_lifetime) const;
};

/// `[bounces]`.
struct BouncesConfig {
  config::Duration delay_after{std::chrono::hours(4)};
  config::Duration tls_delay_after{std::chrono::hours(1)};
  config::Duration lifetime{std::chrono::days(2)};
  std::string postmaster;
  std::vector<std::string> confirm_networks;
  unsigned per_hour = 60;

  static config::Section<BouncesConfig> declare();
  /// Networks that cannot be parsed are left out: they have been reported.
  [[nodiscard]] ReportSettings settings(const std::string& hostname,
                                        std::chrono::milliseconds message_lifetime) const;
};

/// `[tlsrpt]`.
struct TlsrptConfig {
  bool enabled = false;
  std::string organization;
  std::string contact;
  config::Duration delay{std::chrono::hours(4)};
  config::Duration pause{std::chrono::minutes(15)};
  config::Duration lifetime{std::chrono::hours(24)};
  config::Duration timeout{std::chrono::minutes(1)};

  static config::Section<TlsrptConfig> declare();
  /// Without `https`. `hostname` is this server's own name.
  [[nodiscard]] tlsrpt::ReporterSettings settings(const std::string& hostname) const;
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
  unsigned connections = 10;

  static config::Section<DeliveryConfig> declare();
  /// Without table, ways and retries. `hostname` is this server's own name.
  [[nodiscard]] DeliverySettings settings(const std::string& hostname) const;
  [[nodiscard]] HostWay smarthost_way(const std::string& hostname) const;
};

}  // namespace postroad::relay
