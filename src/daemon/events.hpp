// The events of the server process. Each is declared once in events.cpp and logged by the function
// of its name.
#pragma once

#include <postroad/result.hpp>
#include <span>
#include <string>

#include "observe/log.hpp"

namespace postroad::daemon {

void server_ready(observe::Log& log, std::size_t listeners, bool took_over);
void server_stopping(observe::Log& log, std::string_view why, std::size_t sessions);
void server_handed_over(observe::Log& log, std::size_t sessions);
void config_reloaded(observe::Log& log);
void config_refused(observe::Log& log, const std::string& reason);
void config_warning(observe::Log& log, const std::string& what);
void log_not_reopened(observe::Log& log, const std::string& reason);
void confinement_lacking(observe::Log& log, const std::string& what);
void socket_unused(observe::Log& log, const std::string& address);
void spool_adopted(observe::Log& log, std::size_t messages);
void spool_failing(observe::Log& log, const std::string& reason);
void spool_recovered(observe::Log& log);
void server_in_trouble(observe::Log& log, const std::string& reason);
void server_stuck(observe::Log& log);

std::span<const observe::EventInfo* const> event_kinds();

}  // namespace postroad::daemon
