// The declarations; see process_options.hpp.
#include "daemon/process_options.hpp"

namespace postroad::daemon {

using config::Section;
using config::Size;

Section<ServerConfig> ServerConfig::declare() {
  Section<ServerConfig> s;
  s.option("hostname", &ServerConfig::hostname,
           "Name of this server in greeting, replies and Received fields; empty: the system's.");
  s.option("data", &ServerConfig::data,
           "Folder of the spool and the mailboxes; created if it does not exist.")
      .fixed();
  s.option("users", &ServerConfig::users,
           "File of users for AUTH, created by `postroad user add`.");
  s.option("login_command", &ServerConfig::login_command,
           "Program with its arguments that checks logins of users that are not in the file: JSON "
           "on its standard input; exit code 0: right, 1: wrong, any other: 454.");
  s.option("login_url", &ServerConfig::login_url,
           "HTTP service that gets the same JSON by POST: 2xx: right, 401 or 403: wrong, any "
           "other: 454.")
      .url();
  s.option("login_timeout", &ServerConfig::login_timeout,
           "Time limit for the answer of login_command or login_url; after it the login gets 454.")
      .between(config::Duration{100}, std::chrono::minutes(1));
  s.option("user", &ServerConfig::user,
           "User that a server started by root becomes once its ports are bound; empty: it stays "
           "root.")
      .fixed();
  s.option("sandbox", &ServerConfig::sandbox,
           "No new privileges, no program is run except login_command, no file is written outside "
           "the data folder and the folder of the log (NoNewPrivileges, Landlock).")
      .fixed();
  s.option("threads", &ServerConfig::threads, "Threads for sessions; 0: one per core.")
      .between(0, 256)
      .fixed();
  s.option("sessions", &ServerConfig::sessions,
           "Concurrent sessions; further ones get 421. 0: derived from the descriptor limit.");
  s.option("memory", &ServerConfig::memory,
           "Resident memory above which new sessions get 421; 0: no limit.")
      .between(Size{0}, Size{1ULL << 50});
  return s;
}

Section<LogConfig> LogConfig::declare() {
  Section<LogConfig> s;
  s.option("format", &LogConfig::format,
           {{"text", LogFormat::text}, {"json", LogFormat::json}, {"none", LogFormat::none}},
           "Text lines, JSON lines, or no log.")
      .fixed();
  s.option("file", &LogConfig::file,
           "Log file, reopened at SIGUSR1 and at a reload, for rotation; empty: standard error.")
      .fixed();
  s.option("level", &LogConfig::level,
           {{"debug", observe::Level::debug},
            {"info", observe::Level::info},
            {"warning", observe::Level::warning},
            {"error", observe::Level::error}},
           "Lowest level that is written.")
      .fixed();
  return s;
}

Section<SpoolConfig> SpoolConfig::declare() {
  Section<SpoolConfig> s;
  s.option("keeps", &SpoolConfig::keeps,
           {{"journal", Keeping::journal}, {"nothing", Keeping::nothing}},
           "Insecure: `nothing` replies 250 and discards every message, to measure the intake.")
      .fixed();
  s.option("segment", &SpoolConfig::segment, "Size at which a new segment file is started.")
      .between(Size{1 << 16}, Size{1 << 30})
      .fixed();
  s.option("chunk", &SpoolConfig::chunk, "Bytes of a message held in memory per session.")
      .between(Size{4096}, Size{16 << 20})
      .fixed();
  s.option("reserve", &SpoolConfig::reserve,
           "Disk space that stays free: a message that would use it gets 452 at MAIL.")
      .between(Size{0}, Size{1ULL << 50})
      .fixed();
  return s;
}

Section<MetricsConfig> MetricsConfig::declare() {
  Section<MetricsConfig> s;
  s.option(
       "listen", &MetricsConfig::listen,
       "Address and port of /metrics (Prometheus) and /healthz, such as 127.0.0.1:9925. Loopback "
       "only, because there is no login. Empty: none.")
      .fixed();
  return s;
}

}  // namespace postroad::daemon
