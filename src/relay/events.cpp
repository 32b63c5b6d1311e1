// The declarations of delivery's events; see events.hpp.
#include "relay/events.hpp"

#include <array>

namespace postroad::relay {

namespace {

using observe::EventKind;
using observe::FieldKind;
using observe::Level;

const FieldKind id_field{"id", "queue id"};
const FieldKind to{"to", "the recipient"};

const std::vector<FieldKind> settled_fields{id_field, {"from", "reverse-path"}, to, {"attempts", "how often it was tried"},
                                            {"note", "the words that decided, or what kept it"}};
const EventKind delivered{"recipient.delivered", Level::info, "delivered", settled_fields};
const EventKind deferred{"recipient.deferred", Level::warning, "deferred, to be tried again", settled_fields};
const EventKind failed{"recipient.failed", Level::error, "failed for good, kept in the spool", settled_fields};
const EventKind unknown{"recipient.unknown", Level::error, "may have been delivered, kept in the spool", settled_fields};
const EventKind broken{"delivery.failed", Level::error, "delivery failed", {id_field, to, {"reason", "what went wrong"}}};
const EventKind finding{"spool.finding", Level::warning, "the spool was mended at the start", {{"finding", "what was found and done"}}};

}  // namespace

observe::Event recipient_settled(spool::QueueId id, const spool::Envelope& envelope, const std::string& recipient,
                                 const spool::OutcomeRecord& outcome) {
  static constexpr std::array kinds{&deferred, &delivered, &failed, &unknown};
  return {kinds[static_cast<std::size_t>(outcome.state)],
          {id.text(), '<' + envelope.reverse_path + '>', recipient, std::uint64_t{outcome.attempts}, outcome.note}};
}

observe::Event delivery_failed(spool::QueueId id, const std::string& recipient, const std::string& reason) {
  return {&broken, {id.text(), recipient, reason}};
}

observe::Event spool_finding(const std::string& text) { return {&finding, {text}}; }

std::span<const EventKind* const> event_kinds() {
  static constexpr std::array all{&delivered, &deferred, &failed, &unknown, &broken, &finding};
  return all;
}

}  // namespace postroad::relay
