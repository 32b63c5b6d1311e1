// The server's settings: a plain struct, its declaration, and where they come from (defaults, file,
// environment, --set). From the declaration come the file's checks, `config show` and `config
// reference`.
#pragma once

#include <filesystem>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "config/option.hpp"
#include "relay/directory.hpp"
#include "server/session.hpp"

namespace postroad::cli {

struct ListenerConfig {
  std::string address = "127.0.0.1";
  std::uint16_t port = 2525;
  server::Role role = server::Role::catch_all;
  smtp::TlsMode tls = smtp::TlsMode::none;
  std::filesystem::path certificate;
  std::filesystem::path key;
  bool auth = false;
  bool auth_required = false;
  bool allow_auth_in_clear = false;
  bool allow_bare_addresses = false;
  bool keep_bare_line_ends = false;
  bool vrfy = false;
  bool expn = false;
  bool pipelining = true;
  bool eight_bit_mime = true;
  bool smtputf8 = true;
};

struct LimitsConfig {
  config::Size message_size{36'700'160};
  std::uint32_t recipients = 1000;
  std::uint32_t errors = 20;
  std::uint32_t auth_attempts = 5;
  config::Size command_line{4096};
  config::Duration command{300'000};
  config::Duration data_block{180'000};
  config::Duration transaction{3'600'000};
  config::Duration drain{30'000};
};

struct ServerConfig {
  std::string hostname;  ///< empty: the system's
  std::filesystem::path data = "./postroad-mail";
  std::filesystem::path users;
  std::uint16_t threads = 0;
};

struct LocalConfig {
  std::vector<std::string> domains;
  std::vector<std::string> mailboxes;
  std::vector<std::string> aliases;
  std::string catch_all;
};

enum class Destination : std::uint8_t { maildir, discard };

struct DeliveryConfig {
  Destination local = Destination::maildir;
  std::vector<std::string> networks;
  std::string smarthost;
  std::string smarthost_user;
  Secret smarthost_password;
  config::Duration first_retry{60'000};
  config::Duration longest_retry{14'400'000};
};

enum class LogFormat : std::uint8_t { text, json, none };

struct LogConfig {
  LogFormat format = LogFormat::text;
  observe::Level level = observe::Level::info;
};

struct SpoolConfig {
  config::Size segment{64ULL << 20};
  config::Size chunk{64ULL << 10};
};

struct Settings {
  ServerConfig server;
  std::vector<ListenerConfig> listeners;  ///< none: one on loopback that catches all
  LocalConfig local;
  DeliveryConfig delivery;
  SpoolConfig spool;
  LimitsConfig limits;
  LogConfig log;
};

const config::Section<Settings>& declaration();

/// Defaults, then the file (where `path` is not empty), then the environment, then each of
/// `assignments`. Error: Fault::input with the place and the sentence.
Result<Settings> load_settings(const std::string& path,
                               const std::vector<std::string>& assignments);
/// This machine's name as far as it is a domain, else "localhost".
std::string system_hostname();
/// What is wrong with settings that are each right: a sentence a fault.
std::vector<std::string> find_faults(const Settings& settings);

smtp::ServerOptions machine_options(const Settings& settings, const ListenerConfig& listener);
relay::DirectorySettings directory_settings(const Settings& settings);

}  // namespace postroad::cli
