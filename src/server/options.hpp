// The options of listeners and of the limits, each struct with its declaration, and what they mean
// for the sessions. Not here: reading a file (config/file.hpp), the other options of the program
// (daemon/settings.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/option.hpp"
#include "proto/smtp/server/server_options.hpp"
#include "server/guard.hpp"
#include "server/session_info.hpp"

namespace postroad::server {

/// `[[listener]]`.
struct ListenerConfig {
  std::string address = "127.0.0.1";
  std::uint16_t port = 2525;
  Role role = Role::catcher;
  std::string banner = "Postroad";
  config::Duration greet_pause{0};
  config::Size message_size{0};  ///< 0: the same as in the limits
  smtp::TlsMode tls = smtp::TlsMode::none;
  std::filesystem::path certificate;
  std::filesystem::path key;
  bool auth = false;
  bool auth_required = false;
  bool allow_auth_in_clear = false;
  bool insecure_allow_legacy_tls = false;
  bool allow_any_sender = false;
  bool allow_bare_addresses = false;
  bool keep_bare_line_ends = false;
  bool vrfy = false;
  bool expn = false;
  bool pipelining = true;
  bool eight_bit_mime = true;
  bool smtputf8 = true;
  bool size = true;
  bool enhanced_status_codes = true;
  bool chunking = true;
  bool binary_mime = false;
  bool dsn = true;
  bool limits = true;
  bool requiretls = true;
  bool deliver_by = true;
  bool future_release = true;
  config::Duration longest_hold{std::chrono::days(30)};
  bool mt_priority = false;
  bool prdr = false;
  bool lmtp = false;
  std::vector<std::string> mechanisms;
  std::filesystem::path client_ca;
  std::vector<std::string> xclient_from;
  std::vector<std::string> proxy_from;
  std::vector<std::string> only_from;
  std::vector<std::string> relay_from;
  std::string name;  ///< for --set

  static config::Section<ListenerConfig> declare();
  /// AUTH is required before MAIL.
  [[nodiscard]] bool needs_login() const { return auth_required || role == Role::submission; }
};

/// `[limits]`: of one session.
struct LimitsConfig {
  config::Size message_size{36'700'160};
  std::uint32_t recipients = 1000;
  std::uint32_t recipient_overshoot = 1000;
  std::uint32_t messages = 100'000;
  std::uint32_t errors = 20;
  std::uint32_t auth_attempts = 5;
  config::Duration login_delay{500};
  config::Size command_line{4096};
  config::Duration command{std::chrono::minutes(5)};
  config::Duration data_block{std::chrono::minutes(3)};
  config::Duration transaction{std::chrono::hours(1)};
  config::Duration drain{std::chrono::seconds(30)};

  static config::Section<LimitsConfig> declare();
};

/// `[clients]`: of one client address.
struct ClientsConfig {
  std::uint32_t sessions = 50;
  Rate connections{600, std::chrono::minutes(1)};
  Rate messages{1000, std::chrono::minutes(1)};
  Rate recipients{10'000, std::chrono::minutes(1)};
  Rate bytes{2ULL << 30, std::chrono::hours(1)};
  Rate errors{200, std::chrono::minutes(10)};
  Rate failed_logins{20, std::chrono::minutes(10)};
  Rate lookups{30, std::chrono::minutes(1)};
  std::vector<std::string> exempt{"127.0.0.0/8", "::1"};

  static config::Section<ClientsConfig> declare();
};

/// `[logins]`: of one login.
struct LoginsConfig {
  std::uint32_t sessions = 100;
  Rate connections{600, std::chrono::minutes(1)};
  Rate messages{3000, std::chrono::hours(1)};
  Rate recipients{20'000, std::chrono::hours(1)};
  Rate bytes{5ULL << 30, std::chrono::hours(1)};
  Rate errors{500, std::chrono::minutes(10)};
  Rate failed_logins{100, std::chrono::hours(1)};

  static config::Section<LoginsConfig> declare();
};

smtp::ServerOptions machine_options(const ListenerConfig& listener, const LimitsConfig& limits,
                                    const std::string& hostname);
/// Without the exempt networks, which are strings in `clients`.
GuardSettings guard_settings(const ClientsConfig& clients, const LoginsConfig& logins);

}  // namespace postroad::server
