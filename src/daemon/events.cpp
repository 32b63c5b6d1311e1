// Declarations of the events of the server process; see events.hpp.
#include "daemon/events.hpp"

#include <unistd.h>

#include <array>

namespace postroad::daemon {

namespace {

using observe::EventInfo;
using observe::FieldInfo;
using observe::Level;

constexpr FieldInfo pid{"pid", "process id of the server that logs it"};
constexpr FieldInfo sessions_field{"sessions", "number of open sessions"};
constexpr FieldInfo reason_field{"reason", "the failure and its reason"};

constexpr std::array ready_fields{pid, FieldInfo{"listeners", "number of listeners"},
                                  FieldInfo{"took_over", "whether it replaced a running server"}};
constexpr EventInfo ready{"server.ready", Level::info,
                          "server accepts connections on {listeners} listeners", ready_fields,
                          "The server accepts connections."};
constexpr std::array stopping_fields{pid, FieldInfo{"why", "signal or condition that stops it"},
                                     sessions_field};
constexpr EventInfo stopping{
    "server.stopping", Level::info, "server stops ({why})", stopping_fields,
    "The server accepts no new connections; sessions end after the message in progress."};
constexpr std::array handed_fields{pid, sessions_field};
constexpr EventInfo handed{
    "server.handed_over", Level::info,
    "another process accepts connections; {sessions} sessions end in this process", handed_fields,
    "A new process took over the listening sockets."};
constexpr std::array reloaded_fields{pid};
constexpr EventInfo reloaded{"config.reloaded", Level::info, "configuration was reloaded",
                             reloaded_fields,
                             "The configuration was reloaded; open sessions keep the old one."};
constexpr std::array reason_fields{reason_field};
constexpr EventInfo refused{
    "config.refused", Level::error, "configuration was not reloaded: {reason}", reason_fields,
    "The new configuration has an error, and none of it is used; the old one stays in effect. "
    "Logged once per error."};
constexpr EventInfo doubtful{
    "config.warning", Level::warning, "configuration: {reason}", reason_fields,
    "A reload took a configuration that is usable but hazardous: an open relay, for "
    "example."};
constexpr EventInfo not_reopened{
    "log.not_reopened", Level::error, "log file was not reopened: {reason}", reason_fields,
    "The log file could not be reopened; the log continues in the old file."};
constexpr EventInfo lacking{"sandbox.lacking", Level::warning, "sandbox is incomplete: {reason}",
                            reason_fields, "The kernel does not support a part of the sandbox."};
constexpr std::array address_fields{FieldInfo{"address", "address of the socket"}};
constexpr EventInfo unused{"socket.unused", Level::warning,
                           "socket {address} was closed: no listener has this address",
                           address_fields, "An inherited socket matches no listener."};
constexpr std::array adopted_fields{FieldInfo{"messages", "number of messages in it"}};
constexpr EventInfo adopted{
    "spool.adopted", Level::info, "spool of another process was adopted: {messages} messages",
    adopted_fields, "The spool that another process left was opened; its messages are delivered."};
constexpr EventInfo failing{"spool.failing", Level::error,
                            "spool does not accept messages: {reason}", reason_fields,
                            "The spool began to refuse messages; clients get 451 or 452."};
constexpr EventInfo recovered{"spool.recovered", Level::info, "spool accepts messages again",
                              reloaded_fields, "The spool accepts messages after a failure."};
constexpr EventInfo trouble{"server.trouble", Level::error, "main loop failed: {reason}",
                            reason_fields,
                            "An action of the main loop failed; the loop continues."};
constexpr EventInfo stuck{"server.stuck", Level::error, "a session thread does not respond",
                          reloaded_fields, "A session thread hangs; the watchdog is not notified."};

}  // namespace

void server_ready(observe::Log& log, std::size_t listeners, bool took_over) {
  log.write(ready, ::getpid(), listeners, took_over);
}
void server_stopping(observe::Log& log, std::string_view why, std::size_t sessions) {
  log.write(stopping, ::getpid(), why, sessions);
}
void server_handed_over(observe::Log& log, std::size_t sessions) {
  log.write(handed, ::getpid(), sessions);
}
void config_reloaded(observe::Log& log) { log.write(reloaded, ::getpid()); }
void config_refused(observe::Log& log, const std::string& why) { log.write(refused, why); }
void config_warning(observe::Log& log, const std::string& what) { log.write(doubtful, what); }
void log_not_reopened(observe::Log& log, const std::string& why) { log.write(not_reopened, why); }
void confinement_lacking(observe::Log& log, const std::string& what) { log.write(lacking, what); }
void socket_unused(observe::Log& log, const std::string& address) { log.write(unused, address); }
void spool_adopted(observe::Log& log, std::size_t messages) { log.write(adopted, messages); }
void spool_failing(observe::Log& log, const std::string& why) { log.write(failing, why); }
void spool_recovered(observe::Log& log) { log.write(recovered, ::getpid()); }
void server_in_trouble(observe::Log& log, const std::string& why) { log.write(trouble, why); }
void server_stuck(observe::Log& log) { log.write(stuck, ::getpid()); }

std::span<const EventInfo* const> event_kinds() {
  static constexpr std::array all{&ready,    &stopping,     &handed,  &reloaded, &refused,
                                  &doubtful, &not_reopened, &lacking, &unused,   &adopted,
                                  &failing,  &recovered,    &trouble, &stuck};
  return all;
}

}  // namespace postroad::daemon
