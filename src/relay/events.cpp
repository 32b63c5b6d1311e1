// The declarations of delivery's events; see events.hpp.
#include "relay/events.hpp"

#include <array>
#include <chrono>

#include "relay/agenda.hpp"

namespace postroad::relay {

namespace {

using observe::EventKind;
using observe::FieldKind;
using observe::Level;

constexpr FieldKind id_field{"id", "queue id"};
constexpr FieldKind to{"to", "the recipient"};

constexpr std::array settled_fields{id_field,
                                    FieldKind{"from", "reverse-path"},
                                    to,
                                    FieldKind{"original", "whom the client named, if not that one"},
                                    FieldKind{"attempts", "how often it was tried"},
                                    FieldKind{"note", "the words that decided, or what kept it"},
                                    FieldKind{"size", "of the message as it is kept", "octets"},
                                    FieldKind{"delay", "since it arrived"},
                                    FieldKind{"client", "who brought it"},
                                    FieldKind{"protocol", "by which (RFC 3848)"},
                                    FieldKind{"tls", "TLS version it came by, if any"},
                                    FieldKind{"login", "the user who sent it, if any"}};
constexpr EventKind delivered{"recipient.delivered", Level::info, "{id} to {to} delivered",
                              settled_fields, "A recipient has the mail."};
constexpr EventKind deferred{"recipient.deferred", Level::warning, "{id} to {to} deferred: {note}",
                             settled_fields, "A delivery failed for now and is tried again."};
constexpr EventKind failed{"recipient.failed", Level::error, "{id} to {to} failed: {note}",
                           settled_fields,
                           "A delivery failed for good; the message stays in the spool."};
constexpr EventKind unknown{"recipient.unknown", Level::error,
                            "{id} to {to} may have been delivered: {note}", settled_fields,
                            "The line broke after the final dot; the message stays in the spool."};
constexpr std::array broken_fields{id_field, FieldKind{"reason", "what went wrong"}};
constexpr EventKind broken{"delivery.failed", Level::error, "{id} cannot be read: {reason}",
                           broken_fields, "A message in the spool cannot be read."};
constexpr std::array finding_fields{FieldKind{"finding", "what was found and done"}};
constexpr EventKind finding{"spool.finding", Level::warning, "{finding}", finding_fields,
                            "The spool was mended at the start."};

constexpr std::array closed_fields{FieldKind{"commits", "messages made durable since the start"},
                                   FieldKind{"syncs", "syncs that took"},
                                   FieldKind{"left", "messages still in the spool"}};
constexpr EventKind closed{"spool.closed", Level::info,
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
  const std::chrono::milliseconds delay(now_ms() - envelope.arrived);
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

std::span<const EventKind* const> event_kinds() {
  static constexpr std::array all{&delivered, &deferred, &failed, &unknown,
                                  &broken,    &finding,  &closed};
  return all;
}

}  // namespace postroad::relay
