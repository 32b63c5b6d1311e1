// The options of the process: folders, users, log, spool, metrics; each struct with its
// declaration. The options of the other layers are declared there: server/options.hpp,
// relay/options.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/option.hpp"
#include "http/login_check.hpp"
#include "observe/log.hpp"

namespace postroad::daemon {

/// `[server]`.
struct ServerConfig {
  std::string hostname;  ///< empty: the system's
  std::filesystem::path data = "./postroad-mail";
  std::filesystem::path users;
  std::vector<std::string> login_command;
  std::string login_url;
  config::Duration login_timeout{std::chrono::seconds(5)};
  std::string user;  ///< a server started by root becomes this user
  bool sandbox = true;
  std::uint16_t threads = 0;
  std::uint32_t sessions = 0;  ///< 0: as many as there are descriptors
  config::Size memory{1ULL << 30};

  static config::Section<ServerConfig> declare();
  [[nodiscard]] http::LoginCheckSettings login_backend() const {
    return {login_command, login_url, login_timeout};
  }
};

enum class LogFormat : std::uint8_t { text, json, none };

/// `[log]`.
struct LogConfig {
  LogFormat format = LogFormat::text;
  observe::Level level = observe::Level::info;
  std::filesystem::path file;  ///< empty: standard error

  static config::Section<LogConfig> declare();
};

enum class Keeping : std::uint8_t { journal, nothing };

/// `[spool]`.
struct SpoolConfig {
  Keeping keeps = Keeping::journal;
  config::Size segment{64ULL << 20};
  config::Size chunk{64ULL << 10};
  config::Size reserve{64ULL << 20};

  static config::Section<SpoolConfig> declare();
};

/// `[metrics]`.
struct MetricsConfig {
  std::string listen;

  static config::Section<MetricsConfig> declare();
};

}  // namespace postroad::daemon
