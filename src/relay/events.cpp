// The declarations of delivery's events; see events.hpp.
#include "relay/events.hpp"

#include <array>
#include <chrono>

#include "queue/due_queue.hpp"

namespace postroad::relay {

namespace {

using observe::EventInfo;
using observe::FieldInfo;
using observe::Level;

constexpr FieldInfo id_field{"id", "queue id"};
constexpr FieldInfo to{"to", "the recipient"};

constexpr std::array settled_fields{id_field,
                                    FieldInfo{"from", "reverse-path"},
                                    to,
                                    FieldInfo{"original", "whom the client named, if not that one"},
                                    FieldInfo{"attempts", "how often it was tried"},
                                    FieldInfo{"note", "the words that decided, or what kept it"},
                                    FieldInfo{"size", "of the message as it is kept", "octets"},
                                    FieldInfo{"delay", "since it arrived"},
                                    FieldInfo{"client", "who brought it"},
                                    FieldInfo{"protocol", "by which (RFC 3848)"},
                                    FieldInfo{"tls", "TLS version it came by, if any"},
                                    FieldInfo{"login", "the user who sent it, if any"}};
constexpr EventInfo delivered{"recipient.delivered", Level::info, "{id} to {to} delivered",
                              settled_fields, "A recipient has the mail."};
constexpr EventInfo deferred{"recipient.deferred", Level::warning, "{id} to {to} deferred: {note}",
                             settled_fields, "A delivery failed for now and is tried again."};
constexpr EventInfo failed{"recipient.failed", Level::error, "{id} to {to} failed: {note}",
                           settled_fields,
                           "A delivery failed for good; the message stays in the spool."};
constexpr EventInfo unknown{"recipient.unknown", Level::error,
                            "{id} to {to} may have been delivered: {note}", settled_fields,
                            "The line broke after the final dot; the message stays in the spool."};
constexpr std::array broken_fields{id_field, FieldInfo{"reason", "what went wrong"}};
constexpr EventInfo broken{"delivery.failed", Level::error, "{id} cannot be read: {reason}",
                           broken_fields, "A message in the spool cannot be read."};
constexpr std::array finding_fields{FieldInfo{"finding", "what was found and done"}};
constexpr EventInfo finding{"spool.finding", Level::warning, "{finding}", finding_fields,
                            "The spool was mended at the start."};

constexpr std::array closed_fields{FieldInfo{"commits", "messages made durable since the start"},
                                   FieldInfo{"syncs", "syncs that took"},
                                   FieldInfo{"left", "messages still in the spool"}};
constexpr EventInfo closed{"spool.closed", Level::info,
                           "{commits} messages in {syncs} syncs, {left} left", closed_fields,
                           "The spool was closed in order."};

}  // namespace

void recipient_settled(Log& log, spool::QueueId id, const spool::Envelope& envelope,
                       std::uint64_t size, const spool::OutcomeRecord& outcome) {
  static constexpr std::array kinds{&deferred, &delivered, &failed, &unknown};
  const auto& kind = *kinds[static_cast<std::size_t>(outcome.state)];
  if (!log.wants(kind.level)) return;
  std::string_view tls = "none";
  for (const auto& [name, value] : envelope.options) {
    if (name == "TLS") tls = value;
  }
  const auto& recipient = envelope.recipients[outcome.recipient];
  const auto original =
      recipient.original.empty() ? observe::FieldValue() : observe::FieldValue(recipient.original);
  const std::chrono::milliseconds delay(queue::now_ms() - envelope.arrived);
  log.write(kind, id.text(), '<' + envelope.reverse_path + '>', recipient.address, original,
            outcome.attempts, outcome.note, size, delay, envelope.client, envelope.protocol, tls,
            envelope.login);
}

void delivery_failed(Log& log, spool::QueueId id, const std::string& reason) {
  log.write(broken, id.text(), reason);
}

void spool_finding(Log& log, const std::string& text) { log.write(finding, text); }

void spool_closed(Log& log, const spool::Statistics& statistics) {
  log.write(closed, statistics.commits, statistics.syncs, statistics.messages);
}

std::span<const EventInfo* const> event_kinds() {
  static constexpr std::array all{&delivered, &deferred, &failed, &unknown,
                                  &broken,    &finding,  &closed};
  return all;
}

}  // namespace postroad::relay
