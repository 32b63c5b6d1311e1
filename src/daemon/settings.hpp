// The server's settings: a plain struct, its declaration, and where they come from (defaults, file,
// environment, --set). From the declaration come the file's checks, `config show` and `config
// reference`.
#pragma once

#include <array>
#include <filesystem>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "config/option.hpp"
#include "config/report.hpp"
#include "daemon/problems.hpp"
#include "http/login_check.hpp"
#include "queue/settlement.hpp"
#include "relay/local/directory.hpp"
#include "server/session.hpp"

namespace postroad::daemon {

struct ListenerConfig {
  std::string address = "127.0.0.1";
  std::uint16_t port = 2525;
  server::Role role = server::Role::catcher;
  std::string banner = "Postroad";
  config::Duration greet_pause{0};
  config::Size message_size{0};  ///< 0: that of the limits
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
  bool dsn = false;
  bool limits = true;
  bool requiretls = true;
  bool deliver_by = false;
  bool future_release = true;
  config::Duration longest_hold{30LL * 86'400'000};
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
};

struct LimitsConfig {
  config::Size message_size{36'700'160};
  std::uint32_t recipients = 1000;
  std::uint32_t mails = 100'000;
  std::uint32_t errors = 20;
  std::uint32_t auth_attempts = 5;
  config::Duration login_delay{500};
  config::Size command_line{4096};
  config::Duration command{300'000};
  config::Duration data_block{180'000};
  config::Duration transaction{3'600'000};
  config::Duration drain{30'000};
};

/// What a client address may do.
struct ClientsConfig {
  std::uint32_t sessions = 50;
  Rate connections{600, std::chrono::minutes(1)};
  Rate messages{1000, std::chrono::minutes(1)};
  Rate recipients{10'000, std::chrono::minutes(1)};
  Rate octets{2ULL << 30, std::chrono::hours(1)};
  Rate errors{200, std::chrono::minutes(10)};
  Rate failed_logins{20, std::chrono::minutes(10)};
  Rate lookups{30, std::chrono::minutes(1)};
  std::vector<std::string> exempt{"127.0.0.0/8", "::1"};
};

/// What a login may do.
struct LoginsConfig {
  std::uint32_t sessions = 100;
  Rate connections{600, std::chrono::minutes(1)};
  Rate messages{3000, std::chrono::hours(1)};
  Rate recipients{20'000, std::chrono::hours(1)};
  Rate octets{5ULL << 30, std::chrono::hours(1)};
  Rate errors{500, std::chrono::minutes(10)};
  Rate failed_logins{100, std::chrono::hours(1)};
};

struct ServerConfig {
  std::string hostname;  ///< empty: the system's
  std::filesystem::path data = "./postroad-mail";
  std::filesystem::path users;
  std::vector<std::string> login_command;
  std::string login_url;
  config::Duration login_timeout{5'000};
  std::string user;  ///< whom a server started by root becomes
  bool sandbox = true;
  std::uint16_t threads = 0;
  std::uint32_t sessions = 0;  ///< 0: as many as there are descriptors for
  config::Size memory{1ULL << 30};
};

struct SubmissionConfig {
  std::vector<std::string> senders;
};

struct MetricsConfig {
  std::string listen;
};

struct LocalConfig {
  std::vector<std::string> domains;
  std::vector<std::string> mailboxes;
  std::vector<std::string> aliases;
  std::string catch_all;
  std::string plus = "+";
};

enum class Destination : std::uint8_t { maildir, discard };

struct DeliveryConfig {
  Destination local = Destination::maildir;
  std::vector<std::string> networks;
  std::string smarthost;
  std::string smarthost_user;
  std::filesystem::path smarthost_ca_file;
  std::vector<std::string> smarthost_ignores;
  Secret smarthost_password;
  config::Duration initial_retry_delay{60'000};
  config::Duration max_retry_delay{14'400'000};
  config::Duration lifetime{5LL * 86'400'000};
  queue::OnUnknown on_unknown = queue::OnUnknown::retry;
  unsigned connections = 10;
};

enum class LogFormat : std::uint8_t { text, json, none };

struct LogConfig {
  LogFormat format = LogFormat::text;
  observe::Level level = observe::Level::info;
  std::filesystem::path file;  ///< empty: standard error
};

enum class Keeping : std::uint8_t { journal, nothing };

struct SpoolConfig {
  Keeping keeps = Keeping::journal;
  config::Size segment{64ULL << 20};
  config::Size chunk{64ULL << 10};
  config::Size reserve{64ULL << 20};
};

struct Settings {
  ServerConfig server;
  std::vector<ListenerConfig> listeners;  ///< none: one on loopback that catches all
  LocalConfig local;
  SubmissionConfig submission;
  DeliveryConfig delivery;
  SpoolConfig spool;
  LimitsConfig limits;
  ClientsConfig clients;
  LoginsConfig logins;
  LogConfig log;
  MetricsConfig metrics;
};

const config::Section<Settings>& declaration();

/// Defaults, then the file (where `path` is not empty), then the environment, then each of
/// `assignments`. `settings` are complete only when the report has no error; a variable POSTROAD_…
/// that no option has is one.
config::LoadReport load_settings(const std::string& path,
                                 const std::vector<std::string>& assignments, Settings& settings);
/// The variables of the sendmail entry, which are no options of the server.
inline constexpr std::array<std::string_view, 2> variables_of_sendmail{"POSTROAD_SENDMAIL_CONFIG",
                                                                       "POSTROAD_SENDMAIL_SERVER"};
/// This machine's name as far as it is a domain, else "localhost".
std::string system_hostname();
smtp::ServerOptions machine_options(const Settings& settings, const ListenerConfig& listener);
relay::DirectorySettings directory_settings(const Settings& settings);
http::LoginCheckSettings login_check(const Settings& settings);
/// The networks of a list; reports each text that is not one.
std::vector<net::Network> networks(const std::string& option, const std::vector<std::string>& texts,
                                   Problems& problems);
server::GuardSettings guard_settings(const Settings& settings, Problems& problems);

}  // namespace postroad::daemon
