// The facts that delivery states, as events.
#pragma once

#include <span>
#include <string>

#include "observe/event.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

observe::Event recipient_settled(spool::QueueId id, const spool::Envelope& envelope, const std::string& recipient,
                                 const spool::OutcomeRecord& outcome);
observe::Event delivery_failed(spool::QueueId id, const std::string& recipient, const std::string& reason);
observe::Event spool_finding(const std::string& finding);
std::span<const observe::EventKind* const> event_kinds();

}  // namespace postroad::relay
