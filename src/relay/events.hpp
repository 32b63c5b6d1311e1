// The facts that delivery states. Each is declared once in events.cpp and told by the function of
// its name.
#pragma once

#include <span>
#include <string>

#include "observe/log.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

using observe::Log;

void recipient_settled(Log& log, spool::QueueId id, const spool::Envelope& envelope,
                       std::uint64_t size, const spool::OutcomeRecord& outcome);
void delivery_failed(Log& log, spool::QueueId id, const std::string& reason);
void spool_finding(Log& log, const std::string& finding);
void spool_closed(Log& log, const spool::Statistics& statistics);
std::span<const observe::EventInfo* const> event_kinds();

}  // namespace postroad::relay
