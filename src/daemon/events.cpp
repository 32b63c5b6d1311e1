// The declarations of the process's events; see events.hpp.
#include "daemon/events.hpp"

#include <unistd.h>

#include <array>

namespace postroad::daemon {

namespace {

using observe::EventInfo;
using observe::FieldInfo;
using observe::Level;

constexpr FieldInfo pid{"pid", "of the process that says so"};
constexpr FieldInfo sessions_field{"sessions", "that are open"};
constexpr FieldInfo reason{"reason", "what is wrong"};

constexpr std::array ready_fields{pid, FieldInfo{"listeners", "how many"},
                                  FieldInfo{"took_over", "in place of a running server"}};
constexpr EventInfo ready{"server.ready", Level::info, "serving on {listeners} listeners",
                          ready_fields, "The server accepts connections."};
constexpr std::array stopping_fields{pid, FieldInfo{"why", "signal or condition"}, sessions_field};
constexpr EventInfo stopping{"server.stopping", Level::info, "stopping ({why})", stopping_fields,
                             "No new connections; sessions end after the message they are in."};
constexpr std::array handed_fields{pid, sessions_field};
constexpr EventInfo handed{"server.handed_over", Level::info,
                           "another process serves; {sessions} sessions are finished here",
                           handed_fields, "A new process took the listening sockets."};
constexpr std::array reloaded_fields{pid};
constexpr EventInfo reloaded{"config.reloaded", Level::info, "the configuration was read again",
                             reloaded_fields, "A reload took place; open sessions go on."};
constexpr std::array reason_fields{reason};
constexpr EventInfo refused{"config.refused", Level::error,
                            "the new configuration is wrong: {reason}", reason_fields,
                            "A reload was refused whole; the old one stays."};
constexpr EventInfo not_reopened{"log.not_reopened", Level::error,
                                 "the log goes on in the old file: {reason}", reason_fields,
                                 "The log's file could not be opened anew."};
constexpr EventInfo lacking{"sandbox.lacking", Level::warning, "not confined: {reason}",
                            reason_fields, "The kernel cannot confine the server as it asked."};
constexpr std::array address_fields{FieldInfo{"address", "of the socket"}};
constexpr EventInfo unused{"socket.unused", Level::warning, "no listener is for {address}: closed",
                           address_fields, "A socket came with the process that nothing wants."};
constexpr std::array adopted_fields{FieldInfo{"messages", "in it"}};
constexpr EventInfo adopted{"spool.adopted", Level::info, "{messages} messages of another process",
                            adopted_fields, "The spool that another process left was opened."};
constexpr EventInfo trouble{"server.trouble", Level::error, "something was not done: {reason}",
                            reason_fields, "A turn of the main loop failed; the next is tried."};
constexpr EventInfo stuck{"server.stuck", Level::error, "a thread does not answer", reloaded_fields,
                          "A serving thread hangs; the watchdog is not told."};

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
void log_not_reopened(observe::Log& log, const std::string& why) { log.write(not_reopened, why); }
void confinement_lacking(observe::Log& log, const std::string& what) { log.write(lacking, what); }
void socket_unused(observe::Log& log, const std::string& address) { log.write(unused, address); }
void spool_adopted(observe::Log& log, std::size_t messages) { log.write(adopted, messages); }
void server_in_trouble(observe::Log& log, const std::string& why) { log.write(trouble, why); }
void server_stuck(observe::Log& log) { log.write(stuck, ::getpid()); }

std::span<const EventInfo* const> event_kinds() {
  static constexpr std::array all{&ready,   &stopping, &handed,  &reloaded, &refused, &not_reopened,
                                  &lacking, &unused,   &adopted, &trouble,  &stuck};
  return all;
}

}  // namespace postroad::daemon
