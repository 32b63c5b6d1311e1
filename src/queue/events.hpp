// The events of the queue. Each is declared once in events.cpp and logged by the function of its
// name.
#pragma once

#include <span>
#include <string>

#include "observe/log.hpp"
#include "queue/carrier.hpp"
#include "queue/dispatcher.hpp"
#include "spool/spool.hpp"

namespace postroad::queue {

using observe::Log;

void recipient_settled(Log& log, const Part& part, const spool::OutcomeRecord& outcome);
/// `reason` empty: the site accepts messages again.
void site_changed(Log& log, const std::string& site, const std::string& reason);
/// A host asked for less: the site gets `limit` messages at once.
void site_limited(Log& log, const std::string& site, std::size_t limit, const std::string& reason);
void site_waits(Log& log, const std::string& site, std::chrono::milliseconds pause,
                const std::string& reason);
/// An operator's request about a site was served.
void site_request_served(Log& log, SiteRequest what, const std::string& site);
/// An exception ended a step of the queue.
void queue_failed(Log& log, const std::string& reason);
void delivery_failed(Log& log, spool::QueueId id, const std::string& reason);
/// A notification about `id` was stored for its sender, or for the postmaster.
void report_queued(Log& log, spool::QueueId id, spool::QueueId report, const std::string& to);
void report_suppressed(Log& log, spool::QueueId id, const std::string& to,
                       const std::string& reason);
/// An operator's request about a message was served.
void request_served(Log& log, Request what, spool::QueueId id, const spool::Envelope& envelope);
void spool_finding(Log& log, const std::string& finding);
void spool_closed(Log& log, const spool::Statistics& statistics);
std::span<const observe::EventInfo* const> event_kinds();

}  // namespace postroad::queue
