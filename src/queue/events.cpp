// The declarations of the queue's events; see events.hpp.
#include "queue/events.hpp"

#include <array>
#include <chrono>

#include "queue/schedule.hpp"
#include "queue/server_text.hpp"

namespace postroad::queue {

namespace {

using observe::EventInfo;
using observe::FieldInfo;
using observe::Level;

constexpr FieldInfo id_field{"id", "queue id"};
constexpr FieldInfo to{"to", "the final recipient"};

constexpr std::array settled_fields{
    id_field,
    FieldInfo{"from", "reverse-path"},
    to,
    FieldInfo{"original", "the client's recipient, if an alias replaced it"},
    FieldInfo{"attempts", "attempts so far"},
    FieldInfo{"note", "the reply or the error that decided"},
    FieldInfo{"host", "the server that replied, with its address"},
    FieldInfo{"host_tls", "TLS of the session with that server"},
    FieldInfo{"size", "size of the message in the spool", "bytes"},
    FieldInfo{"delay", "time since the message arrived", "seconds"},
    FieldInfo{"client", "the client that sent it"},
    FieldInfo{"protocol", "the protocol by which it came (RFC 3848)"},
    FieldInfo{"tls", "TLS version by which it came, if any"},
    FieldInfo{"login", "the user who sent it, if any"}};
constexpr EventInfo delivered{"recipient.delivered", Level::info,
                              "message {id} to {to} was delivered", settled_fields,
                              "The message was delivered to a recipient."};
constexpr EventInfo deferred{"recipient.deferred", Level::warning,
                             "message {id} to {to} was deferred: {note}", settled_fields,
                             "An attempt failed temporarily and will be repeated."};
constexpr EventInfo failed{"recipient.failed", Level::error, "message {id} to {to} failed: {note}",
                           settled_fields,
                           "Delivery failed permanently. The sender is told, unless NOTIFY says "
                           "otherwise; then the message leaves the spool."};
constexpr EventInfo unknown{"recipient.unknown", Level::error,
                            "message {id} to {to} may have been delivered: {note}", settled_fields,
                            "The connection was lost after the final dot; the message stays in the "
                            "spool and is not sent again (retry.unknown = park)."};
constexpr std::array down_fields{FieldInfo{"site", "the destination"},
                                 FieldInfo{"reason", "the reply or the error"}};
constexpr EventInfo down{
    "site.down", Level::warning, "site {site} does not accept messages: {reason}", down_fields,
    "A destination as a whole does not accept messages; its messages wait. Logged once, "
    "until it accepts messages again."};
constexpr std::array up_fields{FieldInfo{"site", "the destination"}};
constexpr EventInfo up{
    "site.up", Level::info, "site {site} accepts messages again", up_fields,
    "A destination that was down accepts messages again, or the configuration names "
    "another one."};
constexpr std::array limited_fields{FieldInfo{"site", "the destination"},
                                    FieldInfo{"limit", "messages at once from now on"},
                                    FieldInfo{"reason", "the reply of the host"}};
constexpr EventInfo limited{
    "site.limited", Level::info, "site {site} gets {limit} messages at once: {reason}",
    limited_fields,
    "A host of the destination asked for less (421, or 4.7.x before the message). The limit grows "
    "again with successes."};
constexpr std::array waits_fields{FieldInfo{"site", "the destination"},
                                  FieldInfo{"seconds", "how long nothing is sent there"},
                                  FieldInfo{"reason",
                                            "the reply of the host, and the row of the "
                                            "reply table that applied"}};
constexpr EventInfo waits{
    "site.waits", Level::warning, "site {site} gets nothing for {seconds} s: {reason}",
    waits_fields,
    "A host of the destination asked for a pause. Messages wait in line, and none is charged an "
    "attempt; the first one after it goes alone."};
constexpr EventInfo site_paused{
    "site.paused", Level::warning, "site {site} is paused", up_fields,
    "`postroad site pause`: no message is sent there until it is resumed."};
constexpr EventInfo site_resumed{"site.resumed", Level::info, "site {site} is resumed", up_fields,
                                 "`postroad site resume`: a pause by an operator has ended."};
constexpr EventInfo site_reset{"site.reset", Level::info, "site {site} is reset", up_fields,
                               "`postroad site reset`: what was learnt of the destination is "
                               "forgotten."};
constexpr std::array failure_fields{FieldInfo{"reason", "text of the exception"}};
constexpr EventInfo failure{"queue.failed", Level::error, "a step of the queue failed: {reason}",
                            failure_fields,
                            "An exception (no memory, no thread) ended a step of the queue. The "
                            "queue goes on, and the message is tried again."};
constexpr std::array broken_fields{id_field, FieldInfo{"reason", "reason of the failure"}};
constexpr EventInfo broken{"delivery.failed", Level::error, "message {id} cannot be read: {reason}",
                           broken_fields, "A message in the spool cannot be read."};
constexpr std::array report_fields{id_field, FieldInfo{"report", "queue id of the notification"},
                                   FieldInfo{"to", "the address that it goes to"}};
constexpr EventInfo report{"report.queued", Level::info,
                           "report {report} about message {id} goes to {to}", report_fields,
                           "A delivery status notification (RFC 3464) was stored in the spool."};
constexpr std::array suppressed_fields{
    id_field, FieldInfo{"to", "the address of the sender, or of the postmaster"},
    FieldInfo{"reason", "why this one is not sent"}};
constexpr EventInfo suppressed{
    "report.suppressed", Level::warning, "no report about message {id} to {to}: {reason}",
    suppressed_fields,
    "A notification is not sent: bounces.per_hour went to this address within an hour, or it is a "
    "local address without a mailbox and there is no bounces.postmaster."};
constexpr std::array request_fields{id_field, FieldInfo{"from", "reverse-path"},
                                    FieldInfo{"recipients", "number of recipients"}};
constexpr EventInfo held{"queue.held", Level::info, "message {id} is held", request_fields,
                         "`postroad queue hold`: the message is not tried until it is released."};
constexpr EventInfo released{"queue.released", Level::info, "message {id} is released",
                             request_fields, "`postroad queue release`: a hold has ended."};
constexpr EventInfo removed{"queue.removed", Level::warning, "message {id} was removed",
                            request_fields,
                            "`postroad queue remove`: an operator deleted the message; its sender "
                            "is not told."};
constexpr std::array finding_fields{FieldInfo{"finding", "the damage and the action taken"}};
constexpr EventInfo finding{"spool.finding", Level::warning, "{finding}", finding_fields,
                            "The spool was repaired at start."};

constexpr std::array closed_fields{FieldInfo{"commits", "messages committed since start"},
                                   FieldInfo{"syncs", "disk syncs for these messages"},
                                   FieldInfo{"left", "messages left in the spool"}};
constexpr EventInfo closed{"spool.closed", Level::info,
                           "spool was closed: {commits} messages in {syncs} syncs, {left} left",
                           closed_fields, "The spool was closed normally."};

}  // namespace

void recipient_settled(Log& log, const Part& part, const spool::OutcomeRecord& outcome) {
  static constexpr std::array kinds{&deferred, &delivered, &failed, &unknown};
  const auto& kind = *kinds[static_cast<std::size_t>(outcome.state)];
  if (!log.wants(kind.level)) return;
  const auto& envelope = part.envelope;
  const auto& recipient = envelope.recipients[outcome.recipient];
  const auto unless_empty = [](std::string_view text) {
    return text.empty() ? observe::FieldValue() : observe::FieldValue(text);
  };
  const auto server = parse_server(outcome.host);
  const std::chrono::milliseconds delay(now_ms() - envelope.arrived);
  const std::string_view tls =
      part.handling.tls.empty() ? std::string_view("none") : part.handling.tls;
  log.write(kind, part.id.text(), '<' + envelope.reverse_path + '>', recipient.address,
            unless_empty(recipient.original), outcome.attempts, outcome.note,
            unless_empty(server.host), unless_empty(server.tls), part.size, delay, envelope.client,
            envelope.protocol, tls, envelope.login);
}

void site_changed(Log& log, const std::string& site, const std::string& reason) {
  reason.empty() ? log.write(up, site) : log.write(down, site, reason);
}

void site_limited(Log& log, const std::string& site, std::size_t limit, const std::string& reason) {
  log.write(limited, site, limit, reason);
}

void site_waits(Log& log, const std::string& site, std::chrono::milliseconds pause,
                const std::string& reason) {
  log.write(waits, site, std::chrono::ceil<std::chrono::seconds>(pause).count(), reason);
}

void site_request_served(Log& log, SiteRequest what, const std::string& site) {
  if (what == SiteRequest::hold) log.write(site_paused, site);
  if (what == SiteRequest::release) log.write(site_resumed, site);
  if (what == SiteRequest::reset) log.write(site_reset, site);
}

void queue_failed(Log& log, const std::string& reason) { log.write(failure, reason); }

void delivery_failed(Log& log, spool::QueueId id, const std::string& reason) {
  log.write(broken, id.text(), reason);
}

void report_queued(Log& log, spool::QueueId id, spool::QueueId report_id, const std::string& whom) {
  log.write(report, id.text(), report_id.text(), '<' + whom + '>');
}

void report_suppressed(Log& log, spool::QueueId id, const std::string& whom,
                       const std::string& reason) {
  log.write(suppressed, id.text(), '<' + whom + '>', reason);
}

void request_served(Log& log, Request what, spool::QueueId id, const spool::Envelope& envelope) {
  const auto write = [&](const EventInfo& kind) {
    log.write(kind, id.text(), '<' + envelope.reverse_path + '>', envelope.recipients.size());
  };
  if (what == Request::hold) write(held);
  if (what == Request::release) write(released);
  if (what == Request::remove) write(removed);
}

void spool_finding(Log& log, const std::string& text) { log.write(finding, text); }

void spool_closed(Log& log, const spool::Statistics& statistics) {
  log.write(closed, statistics.commits, statistics.syncs, statistics.messages);
}

std::span<const EventInfo* const> event_kinds() {
  static constexpr std::array all{&delivered,  &deferred, &failed,  &unknown,     &down,
                                  &up,         &limited,  &waits,   &site_paused, &site_resumed,
                                  &site_reset, &failure,  &broken,  &report,      &suppressed,
                                  &held,       &released, &removed, &finding,     &closed};
  return all;
}

}  // namespace postroad::queue
